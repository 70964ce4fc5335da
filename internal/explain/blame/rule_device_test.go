package blame

import (
	"fmt"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

func TestDevice(t *testing.T) {
	for _, tt := range []struct {
		name    string
		devices int
		want    string
	}{
		{"one", 1, "device dev-0.device (manager)"},
		{"one of two", 2, "unknown (unknown): nobody_asked foo.service"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			foo := event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true, InactiveExitUS: s.now * 1000}
			for i := range tt.devices {
				name := fmt.Sprintf("dev-%d.device", i)
				foo.Dependents = append(foo.Dependents, event.UnitDependent{Name: name, Dependency: "WantedBy"})
				s.units[name] = event.UnitState{Name: name, ActiveEnterUS: s.now*1000 - 1}
			}
			s.units["foo.service"] = foo
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}
