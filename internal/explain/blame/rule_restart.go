package blame

import (
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// systemd restarts a service by itself when it ended and Restart= says so: it
// enters auto-restart, waits for RestartSec=, counts NRestarts up, and queues a job
// for it (src/core/service.c, service_enter_dead and service_enter_restart). The
// count is set back when something else starts the service (flush_n_restarts). So
// it is above zero if and only if the present run is an automatic restart.

// restartedMain recognises an automatic restart by the manager's own words: the
// run that it counts is that of this very process.
func restartedMain(s *solver, f *facts) verdict {
	if !f.known || f.state.NRestarts == 0 || f.state.MainPID == 0 || f.state.MainPID != f.first.PID {
		return no
	}
	return s.restart(f)
}

// restartedByCount recognises one by the count alone. The first run of a loop is
// none, and may only have been asked about after it was over.
func restartedByCount(s *solver, f *facts) verdict {
	if f.known && (f.state.NRestarts > 1 || f.state.NRestarts == 1 && f.ranBefore) {
		return s.restart(f)
	}
	return no
}

func (s *solver) restart(f *facts) verdict {
	how := finding.Restart{Policy: f.state.Restart, Count: f.state.NRestarts}
	if f.ranBefore {
		if p, ok := s.ends.Get(f.before.first); ok {
			how.Ended = &p.ExitCode
		}
	}
	ev := evidence.Manager
	if !s.out.ByManager() {
		ev = evidence.Inferred
	}
	s.because(ev, how, f.unit)
	s.origin(finding.Origin{Trigger: finding.TriggerRestart, Unit: f.unit, Placement: placement(f.owner, f.unit)})
	return yes
}
