package blame

import (
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// A manager that has started queues the job for its default target, and with it
// all that this wants (src/core/main.c, do_queue_default_job). When all those jobs
// are done it notes the time (src/core/manager.c, manager_check_finished).

// booted recognises what began while the manager was starting.
func booted(s *solver, f *facts) verdict {
	if !f.known || f.state.NRestarts > 0 || f.state.InactiveExitUS == 0 || !f.answer.Boot.During(f.state.InactiveExitUS) {
		return no
	}
	s.because(evidence.Manager, finding.Boot{Manager: f.owner.Manager}, f.unit)
	s.origin(finding.Origin{Trigger: finding.TriggerBoot, Unit: f.unit, Placement: placement(f.owner, f.unit)})
	return yes
}
