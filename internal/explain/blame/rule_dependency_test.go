package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

func TestDependency(t *testing.T) {
	s := tell(t)
	s.units["foo.service"] = event.UnitState{
		Name: "foo.service", Type: "simple", PrivateNetwork: true,
		Dependents: []event.UnitDependent{{Name: "bar.target", Dependency: "WantedBy"}},
	}
	s.caller(41, "systemctl", "start", "bar.target")
	s.send(41, private, job("StartUnit", "bar.target"))
	s.service(42, "foo.service")
	s.want("command 41 cron.service (manager)")
}
