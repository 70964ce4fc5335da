package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

func TestBoot(t *testing.T) {
	s := tell(t)
	s.boot = event.ManagerBoot{UserspaceUS: 1, FinishUS: 0}
	s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true, InactiveExitUS: s.now * 1000}
	s.service(42, "foo.service")
	s.want("boot foo.service (manager)")
}
