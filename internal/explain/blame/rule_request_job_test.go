package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// What was heard before a part of a recording that can't be read is no cause of
// what comes after it: another request may have been in that part.
func TestARequestBeforeAGapIsBlamedForNothing(t *testing.T) {
	for _, gap := range []bool{false, true} {
		s := tell(t)
		s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
		s.caller(41, "systemctl")
		s.send(41, private, job("StartUnit", "foo.service"))
		if gap {
			s.see(&event.Damage{Blocks: 1})
			s.see(&event.Clock{})
			s.process(1, 0, "/init.scope", "/usr/lib/systemd/systemd", "/sbin/init") // restated
		}
		s.service(42, "foo.service")
		if blamed := s.done[0].Origin.Process != nil; blamed == gap {
			t.Errorf("gap %v: %+v", gap, s.done[0].Origin)
		}
	}
}

// A container has a bus at the same path, and a systemd of its own.
func TestAnotherManagersBus(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "inside")
	s.see(&event.BusMessage{
		Sender: s.id(41), Bus: 2, Path: private, PeerPID: 500, Data: encode(t, job("StartUnit", "systemd-hostnamed.service")),
	})
	s.service(42, "systemd-hostnamed.service")
	s.want("unknown (unknown): nobody_asked systemd-hostnamed.service")
}

func TestStartJobs(t *testing.T) {
	for _, member := range []string{"StartUnit", "RestartUnit", "ReloadOrRestartUnit"} {
		t.Run(member, func(t *testing.T) {
			s := tell(t)
			s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
			s.caller(41, "systemctl", "start", "foo")
			s.startJob(41, private, member, "foo.service")
			s.service(42, "foo.service")
			s.want("command 41 cron.service (kernel)")
		})
	}
}

func TestARefusedStartIsBlamedForNothing(t *testing.T) {
	s := tell(t)
	s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
	s.caller(41, "denied")
	s.send(41, toBus, job("StartUnit", "foo.service"))
	s.fromBus(41, refusal())
	s.caller(42, "systemctl")
	s.startJob(42, private, "StartUnit", "foo.service")
	s.service(43, "foo.service")
	s.want("command 42 cron.service (kernel)")
}

// What is lost on a bus that is not the machine's makes a request there doubtful.
func TestUserManager(t *testing.T) {
	for lost, want := range map[event.LossKind]string{
		event.LossForget:   "command 41 session-3.scope (kernel)",
		event.LossOtherBus: "command 41 session-3.scope (inferred): messages_lost foo.service",
		event.LossBus:      "command 41 session-3.scope (inferred): messages_lost foo.service",
	} {
		askUserManager(t, lost, want)
	}
}

func askUserManager(t *testing.T, lost event.LossKind, want string) {
	t.Helper()
	s := tell(t)
	const base = "/user.slice/user-1000.slice/user@1000.service"
	s.uid = 1000
	s.process(100, 1, base+"/init.scope", "/usr/lib/systemd/systemd", "systemd", "--user")
	s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", Manager: event.ManagerUser, PrivateNetwork: true}
	s.process(41, 1, "/user.slice/user-1000.slice/session-3.scope", "/usr/bin/systemctl", "systemctl", "--user")
	s.see(&event.BusMessage{
		Sender: s.id(41), Bus: 3, Path: "/run/user/1000/systemd/private", PeerPID: 100, Data: encode(t, job("StartUnit", "foo.service")),
	})
	s.see(&event.Loss{Kind: lost, Count: 1})
	s.usersJob(1000, "foo.service")
	s.forked(42, 100, base+"/app.slice/foo.service", "(foo)")
	s.create(42, base+"/app.slice/foo.service")
	s.want(want)
}

// A request to the system's manager starts nothing of a user's.
func TestTheOtherManagersUnitOfTheSameName(t *testing.T) {
	s := tell(t)
	const base = "/user.slice/user-1000.slice/user@1000.service"
	s.process(100, 1, base+"/init.scope", "/usr/lib/systemd/systemd", "systemd", "--user")
	s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
	s.caller(41, "systemctl")
	s.send(41, private, job("StartUnit", "foo.service"))
	s.forked(42, 100, base+"/app.slice/foo.service", "(foo)")
	s.create(42, base+"/app.slice/foo.service")
	s.want("unknown (unknown): nobody_asked foo.service")
}

// A manager says to one listener after the other that a job is over. Whoever
// heard it early may have asked for the next by the time that the last hears it.
func TestAnEarlierJobEndsNoRequest(t *testing.T) {
	removed := func(s *story, to, number uint32) { s.says(to, "JobRemoved", number, "foo.service", "done") }
	for _, tc := range []struct {
		name string
		last uint32 // the job of which 43 hears
		want string
	}{
		{"the job before", 5, "command 41 cron.service (kernel)"},
		{"the job that was asked for", 6, "unknown (unknown): nobody_asked foo.service"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tell(t)
			s.caller(40, "systemctl", "stop", "foo")
			s.caller(41, "systemctl", "start", "foo")
			removed(s, 40, 5)
			s.send(41, private, job("StartUnit", "foo.service"))
			s.says(41, "JobNew", 6, "foo.service")
			removed(s, 43, tc.last)
			s.units["foo.service"] = event.UnitState{
				Name: "foo.service", Type: "simple", PrivateNetwork: true, InactiveExitUS: (s.now + 1) * 1000,
			}
			s.now += 100
			s.service(42, "foo.service")
			s.want(tc.want)
		})
	}
}

// A simple service's start is done when its process is forked, which may be long
// before that makes the namespace. If the service then waits for its restart, the
// manager tells the beginning of the wait.
func TestAStartThatIsDoneBeforeTheNamespaceIsMade(t *testing.T) {
	s := tell(t)
	s.caller(41, "systemctl", "start", "crash")
	s.send(41, private, job("StartUnit", "crash.service"))
	checked := s.now + 1
	s.says(41, "JobNew", 5, "crash.service")
	s.id(42) // is forked
	s.says(41, "JobRemoved", 5, "crash.service", "done")
	s.now += 100
	s.units["crash.service"] = event.UnitState{
		Name: "crash.service", Type: "simple", PrivateNetwork: true, Restart: "always", SubState: "auto-restart",
		ConditionUS: checked * 1000, InactiveEnterUS: (s.now + 50) * 1000, InactiveExitUS: (s.now + 51) * 1000,
	}
	s.service(42, "crash.service")
	s.want("command 41 cron.service (kernel)")
}

// Who asks after the first process was forked did not begin the run. That holds even
// if the namespace comes later and nobody else was seen asking.
func TestARequestBehindTheForkIsBlamedForNothing(t *testing.T) {
	s := tell(t)
	s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
	s.id(42) // is forked
	s.caller(41, "systemctl", "start", "foo")
	s.send(41, private, job("StartUnit", "foo.service"))
	s.service(42, "foo.service")
	s.want("unknown (unknown): nobody_asked foo.service")
}

// A request that was lost may have begun the run, and not the one that was heard.
func TestARequestBeforeALossIsInferred(t *testing.T) {
	for kind, want := range map[event.LossKind]string{
		event.LossBus: "command 41 cron.service (inferred): messages_lost foo.service", event.LossRecord: "command 41 cron.service (inferred): messages_lost foo.service",
		event.LossCreation: "command 41 cron.service (kernel)",
	} {
		s := tell(t)
		s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
		s.caller(41, "systemctl", "start", "foo")
		s.startJob(41, private, "StartUnit", "foo.service")
		s.see(&event.Loss{Kind: kind, Count: 1})
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A request may come while the unit is being stopped. It cancels the job to stop the
// unit, unless that is done first. The end of that job is not the request's.
func TestARequestWhileStopping(t *testing.T) {
	const name = "systemd-hostnamed.service"
	const nobody = "unknown (unknown): nobody_asked systemd-hostnamed.service"
	const unclear = "unknown (unknown): asked_while_running systemd-hostnamed.service"
	type job struct {
		what   string
		number uint32
		result string
	}
	stop := job{"JobNew", 5, ""}
	for _, tc := range []struct {
		name     string
		kind     string
		announce []job // before the request
		after    []job
		ended    int // when the unit was inactive, before the jobs that follow the request or behind them
		want     string
	}{
		{"cancelled", "dbus", []job{stop}, []job{{"JobRemoved", 5, "canceled"}}, 1, "command 44 cron.service (kernel)"},
		{"done before it was read", "dbus", []job{stop}, []job{{"JobRemoved", 5, "done"}}, -1, "command 44 cron.service (kernel)"},
		{"a start that was done and stopped", "dbus", []job{stop}, []job{{"JobRemoved", 5, "done"}}, 1, unclear},
		{"a start that failed", "dbus", []job{stop}, []job{{"JobRemoved", 5, "failed"}}, -1, unclear},
		{"a start that another stop cancelled", "dbus", []job{stop}, []job{
			{"JobRemoved", 5, "canceled"}, {"JobNew", 6, ""}, {"JobRemoved", 6, "done"},
		}, -1, nobody},
		{"a oneshot's start that was done", "oneshot", []job{stop}, []job{{"JobRemoved", 5, "done"}}, -1, unclear},
		{"its own job", "dbus", nil, []job{{"JobNew", 5, ""}, {"JobRemoved", 5, "canceled"}}, 1, unclear},
		{"not announced", "dbus", nil, []job{{"JobRemoved", 5, "canceled"}}, 1, unclear},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := withHostnamed(t)
			s.caller(41, "hostnamectl")
			s.send(41, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			s.service(42, name)
			s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
			s.caller(40, "systemctl", "stop", name)
			say := func(list []job) {
				for _, j := range list {
					if j.result == "" {
						s.says(40, j.what, j.number, name)
					} else {
						s.says(40, j.what, j.number, name, j.result)
					}
				}
			}
			say(tc.announce)
			s.see(&event.Process{ID: s.id(42), Parent: s.id(1), Cgroup: s.cgroups["/system.slice/"+name], Exited: true, ExitNS: (s.now + 1) * ms})
			s.fromBus(1, ownerChanged(hostname1, ":1.9", ""))
			s.caller(44, "second")
			s.send(44, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			u := hostnamed()
			u.Type = tc.kind
			if tc.ended < 0 {
				s.now++
				u.InactiveEnterUS = s.now * 1000
			}
			say(tc.after)
			if tc.ended > 0 {
				s.now++
				u.InactiveEnterUS = s.now * 1000
			}
			u.InactiveExitUS = (s.now + 1) * 1000
			s.units[name] = u
			s.now += 100
			s.service(45, name)
			s.want("command 41 cron.service (kernel)", tc.want)
		})
	}
}
