package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

func TestDependency(t *testing.T) {
	s := tell(t)
	s.units["foo.service"] = event.UnitState{
		Name: "foo.service", Type: "simple", PrivateNetwork: true,
		Dependents: []event.UnitDependent{{Name: "bar.target", Dependency: "WantedBy"}},
	}
	s.caller(41, "systemctl", "start", "bar.target")
	s.startJob(41, private, "StartUnit", "bar.target")
	s.service(42, "foo.service")
	s.want("command 41 cron.service (manager)")
}

// A timer started a service that brings this one up. Nobody asked for either.
func TestDependencyOfWhatATimerStarted(t *testing.T) {
	s := tell(t)
	s.units["foo.service"] = event.UnitState{
		Name: "foo.service", Type: "simple", PrivateNetwork: true, InactiveExitUS: s.now * 1000,
		Dependents: []event.UnitDependent{{Name: "bar.service", Dependency: "WantedBy"}},
	}
	s.units["bar.service"] = event.UnitState{Name: "bar.service", TriggeredBy: []string{"bar.timer"}}
	s.units["bar.timer"] = event.UnitState{Name: "bar.timer", LastTriggerUS: s.now*1000 - 1}
	s.service(42, "foo.service")
	s.want("timer bar.timer (manager)")
	if got := s.done[0].Links[0].Cause; got != (finding.Dependency{Of: "bar.service", Property: "WantedBy"}) {
		t.Errorf("%+v", got)
	}
}
