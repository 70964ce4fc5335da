package blame

import "github.com/nsblame/nsblame/internal/explain/evidence"

// When a device appears, its unit becomes active, and what it wants
// (SYSTEMD_WANTS= of udev) is started at once (src/core/unit.c,
// retroactively_start_dependencies). Nobody asks for that.

// deviceAppeared looks for the one device that became active when the run was set
// going and wants the unit.
func deviceAppeared(s *solver, f *facts) verdict {
	if !f.known || !f.window.exact || !s.heard() || f.state.NRestarts > 0 || f.answer.begun() < s.since {
		return no
	}
	var only string
	v := no
	for _, d := range f.dependents(".device") {
		device, found := s.state(f.ask(d.Name))
		if found == blocked {
			v = blocked
		}
		if found != yes {
			continue
		}
		at := device.sinceBoot(device.Unit.Unit.ActiveEnterUS)
		switch {
		case at <= s.since, !f.window.holds(at):
		case only != "":
			return v // which of them did is not known
		default:
			only = d.Name
		}
	}
	if only == "" || v == blocked {
		return v
	}
	why, v := s.triggerDoubt(f, only)
	if v == blocked {
		return blocked
	}
	return s.triggeredBy(f, only, evidence.Manager, why)
}
