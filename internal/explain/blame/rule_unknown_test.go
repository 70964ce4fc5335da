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
