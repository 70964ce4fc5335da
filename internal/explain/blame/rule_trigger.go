package blame

import (
	"path"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
	"github.com/nsblame/nsblame/internal/explain/unit"
)

// A timer, socket, path or automount unit starts another unit, and notes when it
// did (src/core/timer.c, timer_enter_running; src/core/socket.c,
// socket_enter_running; src/core/path.c, path_enter_running). Of what it notes
// unit.StartedBy tells whether it began a run. A socket unit with Accept=yes names
// the instance that it starts after the connection.

// triggersByType are the kinds of triggers by the suffix of the unit.
var triggersByType = map[string]finding.Trigger{
	".timer": finding.TriggerTimer, ".socket": finding.TriggerSocket, ".path": finding.TriggerPath,
	".automount": finding.TriggerPath, ".device": finding.TriggerDevice,
}

// triggered looks for a unit of those that says when it triggered.
func triggered(s *solver, f *facts) verdict {
	if !f.known {
		return no
	}
	name, at, ev, v := s.trigger(f)
	if v != yes {
		return v
	}
	if since := s.requests.JobSince(f.owner, f.unit, f.began(), f.window.ended); since != 0 && since < at {
		return no // it found the job that something else had made
	}
	why, v := s.triggerDoubt(f, name)
	if v == blocked {
		return blocked
	}
	if e := s.mayBe(f); e != nil && !madeByTrigger(e, at) {
		if why = triggerOr(f, name, e); e.Trusted() {
			return s.unknown(why)
		}
	}
	return s.triggeredBy(f, name, ev, why)
}

// madeByTrigger reports whether the job that a request may have had was made when a unit
// triggered. A job that is made for a request is announced at once (src/core/dbus-unit.c,
// bus_unit_queue_job_one). So if it was announced after that, the request can only have
// joined it. One to restart the unit may have had it begin anew.
func madeByTrigger(e *request.Effect, at uint64) bool {
	return at != 0 && !e.Activation && !e.Restarts() && e.Since() >= at
}

// triggerDoubt says what else may have begun a run that a unit seems to have triggered:
// the start of the manager, or another trigger.
func (s *solver) triggerDoubt(f *facts, name string) (finding.Reason, verdict) {
	other, v := s.otherTrigger(f, name)
	switch {
	case v == blocked:
		return finding.Reason{}, blocked
	case s.mayBeBoot(f):
		return finding.Reason{Code: finding.ReasonTriggerOrBoot, Unit: f.unit, Trigger: name}, no
	case other != "":
		return finding.Reason{Code: finding.ReasonOtherTrigger, Unit: f.unit, Trigger: other}, no
	}
	if e := f.restartedJob(); e != nil {
		return triggerOr(f, name, e), no
	}
	return finding.Reason{}, no
}

// otherTrigger is a unit that may have begun the run, beside another one, empty if there is
// none: a timer that elapsed since the run before was over, a timer of a unit that brings
// this one up, or a unit that starts this one by its end. Only the latest such time is
// kept. So one from after the beginning of the run may hide one from before it.
func (s *solver) otherTrigger(f *facts, but string) (name string, v verdict) {
	return s.triggerSince(f, but, f.window.ended)
}

// triggerSince is such a unit that acted after a time.
func (s *solver) triggerSince(f *facts, but string, since uint64) (name string, v verdict) {
	v = no
	look := func(unitName string, at func(*event.UnitState) uint64) {
		if unitName == but || name != "" {
			return
		}
		a, found := s.state(f.ask(unitName))
		switch {
		case found == blocked:
			v = blocked
		case found == yes && a.atMost(at(&a.Unit.Unit)) > since, found == no && !f.window.exact:
			name = unitName
		}
	}
	timers := func(of []string) {
		for _, t := range of {
			if path.Ext(t) == ".timer" {
				look(t, func(u *event.UnitState) uint64 { return u.LastTriggerUS })
			}
		}
	}
	timers(f.state.TriggeredBy)
	for _, d := range f.dependents(".service") {
		switch {
		case d.Dependency == onFailureOf || d.Dependency == onSuccessOf:
			look(d.Name, func(u *event.UnitState) uint64 { return u.InactiveEnterUS })
		case bringsUp[d.Dependency] && d.Dependency != partOf:
			other, found := s.state(f.ask(d.Name))
			if found == blocked {
				v = blocked
			} else if found == yes {
				timers(other.Unit.Unit.TriggeredBy)
			}
		}
	}
	return name, v
}

// trigger returns the timer, socket or path unit that began the run, and when it
// triggered, 0 if that is not known.
func (s *solver) trigger(f *facts) (name string, at uint64, ev evidence.Evidence, v verdict) {
	v = no
	for _, t := range f.triggers() {
		a, found := s.state(f.ask(t))
		if found == blocked {
			v = blocked
		}
		if found != yes {
			continue
		}
		if _, ok := unit.AcceptedFrom(f.unit); ok && f.state.InactiveExitUS == 0 && path.Ext(t) == ".socket" {
			name, ev = t, evidence.Inferred // the run is over and forgotten; its name tells
		} else {
			name, ev = t, unit.StartedBy(f.state, &a.Unit.Unit)
		}
		if at := a.sinceBoot(unit.TriggeredAtUS(&a.Unit.Unit)); at > f.began() {
			ev = "" // it triggered a later run
		}
		if ev == evidence.Inferred && f.ranBefore && a.sinceBoot(a.Unit.Unit.LastTriggerUS) <= f.before.at {
			ev = "" // it triggered the run before, or one before that
		}
		if ev != "" {
			at = a.sinceBoot(unit.TriggeredAtUS(&a.Unit.Unit))
			break
		}
	}
	if v == blocked || ev == "" {
		return "", 0, "", v
	}
	return name, at, ev, yes
}

// triggers are the units that can have triggered the run. An instance for an
// accepted connection that is gone has no relations any more, but its name.
func (f *facts) triggers() []string {
	if _, ok := unit.AcceptedFrom(f.unit); ok && len(f.state.TriggeredBy) == 0 {
		template, _, _ := strings.Cut(f.unit, "@")
		return []string{template + ".socket"}
	}
	return f.state.TriggeredBy
}

// onlyTrigger blames a socket or path unit that has triggered, where nothing else
// can have begun the run: nobody asked, nothing that was asked for pulls the unit
// in, and it was not the boot. When such a unit triggered is not kept: systemd
// notes the time anew when the service runs (src/core/unit.c, unit_notify).
func onlyTrigger(s *solver, f *facts) verdict {
	if s.askedBy(f, f.at) {
		return no
	}
	if since := s.requests.JobSince(f.owner, f.unit, f.began(), f.window.ended); since != 0 && since <= f.before.began() {
		return no // the job has begun the run before, and has begun anew
	}
	only, v := s.mayHaveTriggered(f)
	if v != yes {
		return v
	}
	why, v := s.triggerDoubt(f, only)
	switch {
	case v == blocked:
		return blocked
	case why.IsZero() && s.mayHaveMissed(f):
		why = finding.Reason{Code: finding.ReasonMessagesLost, Unit: f.unit}
	}
	return s.triggeredBy(f, only, evidence.Manager, why)
}

// mayHaveTriggered returns the only socket or path unit that is known to have triggered
// the unit, if it is not known when.
func (s *solver) mayHaveTriggered(f *facts) (only string, v verdict) {
	begun := f.answer.begun()
	if !s.heard() || begun == 0 || begun < s.since || f.state.NRestarts > 0 {
		return "", no
	}
	v = no
	for _, t := range f.state.TriggeredBy {
		if kind := path.Ext(t); kind != ".socket" && kind != ".path" {
			continue
		}
		trigger, found := s.state(f.ask(t))
		switch {
		case found == blocked:
			v = blocked
		case found == no, trigger.Unit.Unit.SubState != "running":
		case only != "":
			return "", v // which of them did is not known
		default:
			only = t
		}
	}
	if only == "" || v == blocked {
		return "", v
	}
	return only, yes
}

// couldConnect reports whether a process can be the one for whose connection the run was
// begun. It is found by its pid, later: that may be another's by then, which started
// after the run's first process did.
func (s *solver) couldConnect(f *facts, peer event.ProcessID) bool {
	return !peer.IsZero() && (f.first.IsZero() || peer.StartNS <= f.first.StartNS)
}

// triggeredBy ends the chain with a unit that started another one. If why says what else
// may have, the evidence is no better than inferred.
func (s *solver) triggeredBy(f *facts, name string, ev evidence.Evidence, why finding.Reason) verdict {
	if !why.IsZero() {
		ev = evidence.Weaker(ev, evidence.Inferred)
	}
	kind := triggersByType[path.Ext(name)]
	cause := finding.Triggered{Trigger: kind, Unit: name}
	if from, ok := unit.AcceptedFrom(f.unit); ok && kind == finding.TriggerSocket {
		cause.Connection = &from
	}
	s.because(ev, cause, name)
	s.out.Links[len(s.out.Links)-1].Why = why
	o := finding.Origin{Trigger: kind, Unit: name, Placement: placement(f.owner, name)}
	if kind == finding.TriggerSocket && s.couldConnect(f, f.answer.Peer) {
		p, ancestry, why := s.tree.Lineage(f.answer.Peer)
		o.Process, o.Ancestry, o.AncestryWhy = &p, ancestry, why
	}
	s.origin(o)
	return yes
}
