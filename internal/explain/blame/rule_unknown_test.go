package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

func TestWithoutTheBus(t *testing.T) {
	s := withHostnamed(t)
	s.see(&event.Coverage{Probe: event.ProbeBus, Why: "turned off by --no-bus"})
	s.service(42, "systemd-hostnamed.service")
	s.want("unknown (unknown): bus_not_heard systemd-hostnamed.service turned off by --no-bus")
}

func TestWhatWasStartedBeforeNsblame(t *testing.T) {
	s := tell(t)
	s.see(&event.Host{}) // the stream begins here
	s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true, InactiveExitUS: (s.now - 1) * 1000}
	s.service(42, "foo.service")
	s.want("unknown (unknown): started_before foo.service")
}
