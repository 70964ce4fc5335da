package blame

import (
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// When a unit with OnFailure= or OnSuccess= ends, the manager queues jobs for the units
// that these name (src/core/unit.c, unit_notify and unit_trigger_on_failure). Whoever
// started the unit that ended, maybe weeks ago, did not ask for that. So the chain ends
// there.

// The properties by which a unit is started by the end of another one.
const (
	onFailureOf = "OnFailureOf"
	onSuccessOf = "OnSuccessOf"
)

// endedOther looks for the one unit that ended when the run was set going, and starts
// this one by its end.
func endedOther(s *solver, f *facts) verdict {
	if !f.known || !f.window.exact {
		return no
	}
	var only finding.Outcome
	v := no
	asked := 0
	since := s.requests.JobSince(f.owner, f.unit, f.began(), f.window.ended)
	for _, d := range f.state.Dependents {
		failed := d.Dependency == onFailureOf
		if !failed && d.Dependency != onSuccessOf || asked == maxDependents {
			continue
		}
		asked++
		other, found := s.state(f.ask(d.Name))
		if found == blocked {
			v = blocked
		}
		if found != yes {
			continue
		}
		u := &other.Unit.Unit
		switch {
		case !f.window.holds(other.sinceBoot(u.InactiveEnterUS)), failed != (u.SubState == "failed"):
		case since != 0 && s.requests.HadJobBetween(f.owner, f.unit, other.sinceBoot(u.InactiveEnterUS), since):
		case only.Of != "":
			return v // which of them did is not known
		default:
			only = finding.Outcome{Of: d.Name, Failed: failed}
		}
	}
	if only.Of == "" || v == blocked {
		return v
	}
	why, v := s.triggerDoubt(f, only.Of)
	if v == blocked {
		return blocked
	}
	ev := evidence.Manager
	if !why.IsZero() {
		ev = evidence.Inferred
	}
	trigger := finding.TriggerSuccess
	if only.Failed {
		trigger = finding.TriggerFailure
	}
	s.because(ev, only, only.Of)
	s.out.Links[len(s.out.Links)-1].Why = why
	s.origin(finding.Origin{Trigger: trigger, Unit: only.Of, Placement: placement(f.owner, only.Of)})
	return yes
}
