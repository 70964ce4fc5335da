package blame

import (
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// systemd restarts a service by itself when it ended and Restart= says so: it
// enters auto-restart, waits for RestartSec=, counts NRestarts up, and queues a job
// for it (src/core/service.c, service_enter_dead and service_enter_restart). The
// count is set back when the service is started anew after it came to rest
// (flush_n_restarts).
//
// A request to restart the service ends the wait and starts it at once. The count stays
// as it was then (service_stop), so it tells of an automatic restart only where nobody
// asked for one.

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
	count := int64(f.state.NRestarts) - int64(s.runs.between(f.run, f.answer.at))
	if count > 1 || count == 1 && f.ranBefore {
		return s.restartOrRequest(f)
	}
	return no
}

// restartOrRequest blames the service's own restart, unless somebody asked for one in
// the meantime. Which of the two the manager came to first is not known then.
func (s *solver) restartOrRequest(f *facts) verdict {
	doubt := finding.Reason{Code: finding.ReasonRestartOrRequest, Unit: f.unit}
	e := s.best(f)
	switch {
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
	return s.restart(f, finding.Reason{})
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
