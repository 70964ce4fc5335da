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
		Name: "foo.service", Type: "simple", PrivateNetwork: true, Restart: "always", NRestarts: 1, MainPID: 99, InactiveExitUS: (s.now + 100) * 1000,
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

// Who restarts a service that waits for its automatic restart starts it at once. The
// manager's count of restarts stays as it was then, which shows that it was he.
func TestARestartIsAskedForWhileTheAutomaticOneIsAwaited(t *testing.T) {
	s := tell(t)
	s.caller(40, "systemctl")
	s.caller(41, "systemctl")
	u := foo()
	u.Restart = "always"
	s.accept(s.ask(40, private, job("StartUnit", "foo.service")), s.newJob("foo.service"))
	s.runs(u)
	s.service(42, "foo.service")
	s.says(40, "JobRemoved", s.jobs, "foo.service", "done")
	u.NRestarts, u.MainPID = 1, 43
	s.newJob("foo.service")
	s.runs(u)
	s.service(43, "foo.service")
	s.says(40, "JobRemoved", s.jobs, "foo.service", "done")
	s.accept(s.ask(41, private, job("RestartUnit", "foo.service")), s.newJob("foo.service"))
	u.MainPID = 44
	s.runs(u)
	s.service(44, "foo.service")
	s.want("command 40 cron.service (kernel)", "restart foo.service (manager)",
		"command 41 cron.service (kernel)")
}

// Asked after three runs, the manager counts two restarts: none of the first run.
func TestTheCountIsOfTheLatestRun(t *testing.T) {
	s := tell(t)
	s.mute = true
	for n := uint32(42); n < 45; n++ {
		s.service(n, "foo.service")
	}
	u := foo()
	u.Restart, u.NRestarts, u.SubState = "always", 2, "auto-restart"
	s.units["foo.service"], s.mute = u, false
	s.collect()
	s.want("unknown (unknown): nobody_asked foo.service", "restart foo.service (manager)", "restart foo.service (manager)")
}

// Somebody may have asked for a restart without that being in the stream. Then the count
// tells more, if it is known of the run before.
func TestARestartBesideALoss(t *testing.T) {
	of := func(uid uint32) func(s *story) {
		return func(s *story) {
			s.see(&event.Loss{Kind: event.LossBus, Count: 1, Owner: event.Owner{UID: uid, PIDNamespace: 1}})
		}
	}
	const lost = "restart foo.service (inferred): messages_lost foo.service"
	for _, tt := range []struct {
		name   string
		counts [2]uint32
		hides  func(s *story)
		want   string
	}{
		{"nothing", [2]uint32{1, 2}, func(*story) {}, "restart foo.service (manager)"},
		{"a loss of root's", [2]uint32{1, 2}, of(0), lost},
		{"a loss of a user's", [2]uint32{1, 2}, of(1000), "restart foo.service (manager)"},
		{"a loss of a user's, and the count of before is not known", [2]uint32{1, 3}, of(1000), lost},
		{"a loss while the run before went on", [2]uint32{1, 3}, func(s *story) {
			of(1000)(s)
			s.now += 20_000
		}, lost},
		{"the same, and the count tells", [2]uint32{1, 2}, func(s *story) {
			of(0)(s)
			s.now += 20_000
		}, "restart foo.service (manager)"},
		{"the count has stayed", [2]uint32{1, 1}, of(0), "unknown (unknown): nobody_asked foo.service"},
		{"a job that was given to a stranger", [2]uint32{1, 3}, func(s *story) {
			s.accept(sentMessage{pid: 40, serial: 2, conn: 9, socket: toBus}, s.newJob("foo.service"))
		}, lost},
		{"a loss on users' own buses", [2]uint32{1, 3}, func(s *story) {
			s.see(&event.Loss{Kind: event.LossOtherBus, Count: 1})
		}, "restart foo.service (manager)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			u := foo()
			u.Restart = "always"
			for i, n := range tt.counts {
				pid := 42 + uint32(i)
				u.NRestarts, u.MainPID = n, pid
				if i == 1 {
					s.now += 5000
					tt.hides(s)
				}
				s.runs(u)
				s.service(pid, "foo.service")
			}
			s.done = s.done[1:]
			s.want(tt.want)
		})
	}
}
