package blame

import (
	"path"
	"slices"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// A manager that has started queues the job for its default target, and with it
// all that this wants (src/core/main.c, do_queue_default_job). When all those jobs
// are done it notes the time (src/core/manager.c, manager_check_finished).

// booted recognises what began while the manager was starting.
func booted(s *solver, f *facts) verdict {
	if !f.known || f.state.NRestarts > 0 || f.state.InactiveExitUS == 0 || !f.answer.Boot.During(f.state.InactiveExitUS) {
		return no
	}
	why, v := s.notByBoot(f)
	if v == blocked {
		return blocked
	}
	ev := evidence.Manager
	if !why.IsZero() {
		ev = evidence.Inferred
	}
	s.because(ev, finding.Boot{Manager: f.owner.Manager}, f.unit)
	s.out.Links[len(s.out.Links)-1].Why = why
	s.origin(finding.Origin{Trigger: finding.TriggerBoot, Unit: f.unit, Placement: placement(f.owner, f.unit)})
	return yes
}

// notByBoot says what else may have started a unit while the manager was starting. When a
// socket or path unit triggered is not kept.
func (s *solver) notByBoot(f *facts) (finding.Reason, verdict) {
	for _, t := range f.state.TriggeredBy {
		if slices.Contains(listeners, path.Ext(t)) {
			return finding.Reason{Code: finding.ReasonTriggerOrBoot, Unit: f.unit, Trigger: t}, no
		}
	}
	if f.ranBefore || f.window.ended != 0 { // it is started once by that
		return finding.Reason{Code: finding.ReasonTriggerOrBoot, Unit: f.unit, Trigger: f.unit}, no
	}
	name, v := s.otherTrigger(f, "")
	if v != blocked && name == "" { // of what brings the unit up
		name, v = s.listenerSince(f, "", f.window.ended)
	}
	switch {
	case v == blocked:
		return finding.Reason{}, blocked
	case name != "":
		return finding.Reason{Code: finding.ReasonTriggerOrBoot, Unit: f.unit, Trigger: name}, no
	}
	if e := s.mayBe(f); e != nil {
		return finding.Reason{Code: finding.ReasonOtherAsked, Unit: f.unit, PID: e.PID()}, no
	}
	if e := f.restartedJob(); e != nil {
		return finding.Reason{Code: finding.ReasonOtherAsked, Unit: f.unit, PID: e.PID()}, no
	}
	if e := joined(f); e != nil && e.Activation { // maybe a job that starts nothing
		return finding.Reason{Code: finding.ReasonOtherAsked, Unit: f.unit, PID: e.PID()}, no
	}
	if e := waiting(f); e != nil {
		return finding.Reason{Code: finding.ReasonOtherAsked, Unit: f.unit, PID: e.PID()}, no
	}
	if s.mayHaveMissed(f) {
		return finding.Reason{Code: finding.ReasonMessagesLost, Unit: f.unit}, no
	}
	return finding.Reason{}, no
}

// waiting is a request that may have waited for leave until the run began, nil if there is
// none.
func waiting(f *facts) *request.Effect {
	for _, list := range [][]request.Effect{f.requests, f.dismissed} {
		for i := range list {
			if e := &list[i]; e.Sign == request.Unseen && e.MayWait(f.began()) {
				return e
			}
		}
	}
	return nil
}

// mayBeBoot reports whether the start of the manager may have begun the run: it starts what
// its default target needs, and that needs the unit.
func (s *solver) mayBeBoot(f *facts) bool {
	if len(f.bringing()) == 0 {
		return false
	}
	boot := &f.answer.Boot
	if at := f.state.InactiveExitUS; at != 0 && f.window.exact {
		return boot.During(at)
	}
	// Of a later run the manager tells another time. How much of what the machine was
	// suspended until then came before this one is not known.
	latest := f.began() / 1000
	earliest := latest - min(latest, f.answer.MonotonicLagNS/1000)
	return latest >= boot.UserspaceUS && (boot.FinishUS == 0 || earliest <= boot.FinishUS)
}

// mayHaveMissed reports whether a request for the unit may not be in the stream.
func (s *solver) mayHaveMissed(f *facts) bool {
	whose := request.Granted
	if f.state.BusName != "" {
		whose = request.Anybody
	}
	return s.missed(f, whose, s.mattersFrom(f))
}

// mattersFrom is from when on what somebody asks for may have begun the run.
func (s *solver) mattersFrom(f *facts) uint64 {
	return max(s.since, f.window.ended, f.began()-min(f.began(), maxTogetherNS))
}

// missed reports whether a request that somebody has made since a time may not be in the
// stream.
func (s *solver) missed(f *facts, whose request.Whose, from uint64) bool {
	return s.requests.GivenToStranger(f.owner, f.unit, f.began()) || s.requests.MayHaveMissed(f.owner, whose, from, f.began())
}
