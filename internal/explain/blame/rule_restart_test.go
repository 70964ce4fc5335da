package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

func TestCrashLoop(t *testing.T) {
	s := tell(t)
	foo := event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true, Restart: "always"}
	s.units["foo.service"] = foo
	s.caller(41, "systemctl")
	s.startJob(41, private, "StartUnit", "foo.service")
	s.service(42, "foo.service")
	for n := uint32(1); n < 3; n++ {
		foo.NRestarts, foo.MainPID = n, 42+n
		s.units["foo.service"] = foo
		s.service(42+n, "foo.service")
	}
	s.want("command 41 cron.service (kernel)", "restart foo.service (manager)", "restart foo.service (manager)")
}

// The manager is asked only after the first run has crashed already.
func TestCrashLoopAskedLate(t *testing.T) {
	s := tell(t)
	s.units["foo.service"] = event.UnitState{
		Name: "foo.service", Type: "simple", PrivateNetwork: true, Restart: "always", NRestarts: 1, MainPID: 99,
	}
	s.caller(41, "systemctl")
	s.startJob(41, private, "StartUnit", "foo.service")
	s.service(42, "foo.service")
	s.want("command 41 cron.service (kernel)")
}

// While a unit waits for its automatic restart, systemd gives the times of that wait,
// not those of the run.
func TestAskedWhileTheRestartIsAwaited(t *testing.T) {
	s := tell(t)
	s.caller(41, "systemctl")
	s.startJob(41, private, "StartUnit", "foo.service")
	s.units["foo.service"] = event.UnitState{
		Name: "foo.service", Type: "simple", PrivateNetwork: true, Restart: "always", SubState: "auto-restart",
		ConditionUS: s.now * 1000, InactiveEnterUS: s.now*1000 + 10_000, InactiveExitUS: s.now*1000 + 10_001,
	}
	s.service(42, "foo.service")
	s.want("command 41 cron.service (kernel)")
}

// A start that was asked for between two runs of a crash loop.
func TestAStartWhileTheRestartIsAwaited(t *testing.T) {
	s := tell(t)
	foo := event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true, Restart: "always"}
	s.units["foo.service"] = foo
	s.caller(40, "systemctl")
	s.startJob(40, private, "StartUnit", "foo.service")
	s.service(42, "foo.service")
	s.caller(41, "systemctl")
	s.startJob(41, private, "StartUnit", "foo.service")
	foo.NRestarts = 1
	s.units["foo.service"] = foo
	s.service(43, "foo.service")
	s.want("command 40 cron.service (kernel)",
		"unknown (unknown): restart_or_request foo.service")
}
