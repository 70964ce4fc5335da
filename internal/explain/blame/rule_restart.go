package blame

import (
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// systemd restarts a service by itself when it ended and Restart= says so: it
// enters auto-restart, waits for RestartSec=, counts NRestarts up, and queues a job
// for it (src/core/service.c, service_enter_dead and service_enter_restart). The
// count is set back when the service is started anew after it came to rest
// (flush_n_restarts).
//
// A request to restart the service ends the wait and starts it at once. The count stays
// as it was then (service_stop). So where the manager has given the count of the run
// before, the two tell whether there was an automatic restart. Elsewhere it tells of one
// only where nobody asked.

// restartedMain recognises an automatic restart by the manager's own words: the
// run that it counts is that of this very process.
func restartedMain(s *solver, f *facts) verdict {
	if !f.known || f.state.NRestarts == 0 || f.state.MainPID == 0 || f.state.MainPID != f.first.PID {
		return no
	}
	return s.restartOrRequest(f)
}

// restartedByCount recognises one by the count alone. The count is that of the latest
// run that had begun when the manager was asked. The first run of a loop is none, and may
// only have been asked about after it was over.
func restartedByCount(s *solver, f *facts) verdict {
	if !f.known {
		return no
	}
	if count := s.countOf(f); count > 1 || count == 1 && f.ranBefore {
		return s.restartOrRequest(f)
	}
	return no
}

// countOf is how many automatic restarts the manager counts until a run, by the runs that are
// known to have begun between that and the answer. If that is about a later run, one has.
func (s *solver) countOf(f *facts) int64 {
	later := s.runs.between(f.run, f.answer.at)
	if !f.window.exact && f.window.over {
		later = max(later, 1)
	}
	return int64(f.state.NRestarts) - int64(later)
}

// restartOrRequest blames the service's own restart, unless somebody asked for one in
// the meantime. Which of the two the manager came to first is not known then.
func (s *solver) restartOrRequest(f *facts) verdict {
	doubt := finding.Reason{Code: finding.ReasonRestartOrRequest, Unit: f.unit}
	count := s.countSince(f)
	e := s.best(f)
	switch {
	case count == stayed:
		return no
	case e != nil && e.Restarts() && e.Sign.Shows():
		doubt.PID = e.PID()
		e.Doubt = doubt
		return s.asked(f, e)
	case e != nil && e.Sign.Shows():
		doubt.PID = e.PID() // the count stays if what waits for its restart is stopped
		return s.restart(f, doubt)
	}
	if e := s.mayBe(f); e != nil && e.Restarts() {
		doubt.PID = e.PID()
		if e.Trusted() {
			return s.unknown(doubt)
		}
		return s.restart(f, doubt)
	}
	if e := f.restartedJob(); e != nil {
		doubt.PID = e.PID()
		return s.restart(f, doubt)
	}
	whose, from := request.Granted, s.mattersFrom(f)
	switch {
	case count == rose:
		whose = request.System
	case f.ranBefore: // which may have taken its time to end
		from = max(s.since, f.before.began())
	}
	if why, v := s.triggerOrRestart(f, count); v == blocked || !why.IsZero() {
		if v == blocked {
			return blocked
		}
		return s.restart(f, why)
	}
	if s.missed(f, whose, from) {
		return s.restart(f, finding.Reason{Code: finding.ReasonMessagesLost, Unit: f.unit})
	}
	return s.restart(f, finding.Reason{})
}

// triggerOrRestart says which unit may have begun a run that seems to be a restart. Where
// somebody stops a service that waits for its restart, the count stays, also for the run that
// a unit triggers after that.
func (s *solver) triggerOrRestart(f *facts, count change) (finding.Reason, verdict) {
	if count == rose {
		return finding.Reason{}, no
	}
	name, v := s.triggerSince(f, "", max(f.window.ended, f.before.began()))
	if v == blocked || name == "" {
		return finding.Reason{}, v
	}
	return finding.Reason{Code: finding.ReasonTriggerOrRestart, Unit: f.unit, Trigger: name}, no
}

// change says what has become of the manager's count of restarts since the run before.
type change int

const (
	unclear change = iota
	stayed
	rose
)

// countSince compares the count of a run with that of the run before, where the manager
// was asked about each while that was the latest.
func (s *solver) countSince(f *facts) change {
	if !f.ranBefore || f.state.MainPID == 0 || f.state.MainPID != f.first.PID {
		return unclear
	}
	was, _ := s.answers.Get(f.before.question())
	switch {
	case !was.known() || was.Unit.Unit.MainPID != f.before.first.PID || was.Unit.Unit.MainPID == 0:
		return unclear
	case f.state.NRestarts == was.Unit.Unit.NRestarts:
		return stayed
	case f.state.NRestarts == was.Unit.Unit.NRestarts+1:
		return rose
	}
	return unclear
}

func (s *solver) restart(f *facts, doubt finding.Reason) verdict {
	how := finding.Restart{Policy: f.state.Restart, Count: f.state.NRestarts}
	if f.ranBefore {
		if p, ok := s.ends.Get(f.before.first); ok {
			how.Ended = &p.ExitCode
		}
	}
	ev := evidence.Manager
	if !s.out.ByManager() || !doubt.IsZero() {
		ev = evidence.Inferred
	}
	s.because(ev, how, f.unit)
	s.out.Links[len(s.out.Links)-1].Why = doubt
	s.origin(finding.Origin{Trigger: finding.TriggerRestart, Unit: f.unit, Placement: placement(f.owner, f.unit)})
	return yes
}
