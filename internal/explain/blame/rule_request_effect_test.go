package blame

import (
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/event"
)

func foo() event.UnitState {
	return event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
}

// user is a process of an ordinary user's.
func (s *story) user(pid uint32, argv ...string) {
	s.uid = 1000
	s.process(pid, 1, "/user.slice/user-1000.slice/session-3.scope", "/usr/bin/"+argv[0], argv...)
	s.uid = 0
}

// A request counts by what shows its effect: an answer with a job that was new after it.
func TestARequestCountsByItsEffect(t *testing.T) {
	const inferred = "command 41 session-3.scope (inferred): no_effect_seen foo.service"
	for _, tt := range []struct {
		name   string
		silent bool
		after  func(s *story, request sentMessage)
		want   string
	}{
		{"accepted with a new job", false, func(s *story, r sentMessage) { s.accept(r, s.newJob("foo.service")) }, "command 41 session-3.scope (kernel)"},
		{"the answer comes after the fork", false, func(s *story, r sentMessage) {
			n := s.newJob("foo.service")
			s.id(42)
			s.accept(r, n)
		}, "command 41 session-3.scope (kernel)"},
		{"it still waits for a password", false, func(*story, sentMessage) {}, inferred},
		{"it still waits while a job is made", false, func(s *story, _ sentMessage) { s.newJob("foo.service") }, inferred},
		{"refused without an answer", true, func(*story, sentMessage) {}, inferred},
		{"refused without an answer while a job is made", true, func(s *story, _ sentMessage) { s.newJob("foo.service") }, inferred},
		{"accepted with a job that nobody announced", false, func(s *story, r sentMessage) { s.accept(r, 5) }, inferred},
		{"its job is over before the fork", false, func(s *story, r sentMessage) {
			n := s.newJob("foo.service")
			s.accept(r, n)
			s.says(30, "JobRemoved", n, "foo.service", "failed")
		}, "unknown (unknown): nobody_asked foo.service"},
		{"another job began the run", false, func(s *story, r sentMessage) {
			s.accept(r, s.newJob("foo.service"))
			s.says(30, "JobRemoved", s.jobs, "foo.service", "canceled")
			s.newJob("foo.service")
		}, "unknown (unknown): nobody_asked foo.service"},
		{"refused", false, func(s *story, r sentMessage) { s.answerTo(r, refusal()) }, "unknown (unknown): nobody_asked foo.service"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.user(41, "systemctl", "start", "foo")
			m := job("StartUnit", "foo.service")
			if tt.silent {
				m = silently(m)
			}
			tt.after(s, s.ask(41, toBus, m))
			if _, forked := s.starts[42]; !forked {
				s.now++
				s.id(42)
			}
			u := foo()
			u.InactiveExitUS, u.MainPID = s.starts[42]/1000, 42
			s.units[u.Name] = u
			s.now++
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// A request that finds a job joins it: the cause is whoever asked for that job.
func TestARequestThatJoinsAJob(t *testing.T) {
	for _, first := range []bool{true, false} {
		s := tell(t)
		s.caller(40, "systemctl", "start", "foo")
		s.caller(41, "systemctl", "start", "foo")
		want := "unknown (unknown): job_was_there foo.service pid 41"
		if first {
			n := s.ask(40, private, job("StartUnit", "foo.service"))
			s.accept(n, s.newJob("foo.service"))
			want = "command 40 cron.service (kernel)"
		} else {
			s.newJob("foo.service") // for something that is not heard
		}
		s.accept(s.ask(41, private, job("StartUnit", "foo.service")), s.jobs)
		s.runs(foo())
		s.service(42, "foo.service")
		s.want(want)
	}
}

// Which of two requests made the job is not known if both were under way.
func TestTwoRequestsUnderWay(t *testing.T) {
	for _, sameConnection := range []bool{false, true} {
		s := tell(t)
		s.caller(40, "systemctl", "start", "foo")
		s.caller(41, "systemctl", "start", "foo")
		first := s.askOver(7, 40, private, job("StartUnit", "foo.service"))
		conn, pid := uint64(8), uint32(41)
		want := "command 40 cron.service (inferred): other_asked foo.service pid 41"
		if sameConnection {
			conn, pid = 7, 40
			want = "command 40 cron.service (kernel)"
		}
		second := s.askOver(conn, pid, private, job("StartUnit", "foo.service"))
		s.newJob("foo.service")
		s.accept(first, s.jobs)
		s.accept(second, s.jobs)
		s.runs(foo())
		s.service(42, "foo.service")
		s.want(want)
	}
}

// Denied without an answer, it stays without effect, whatever starts the unit later.
func TestADeniedRequestWithoutAnAnswer(t *testing.T) {
	for _, member := range []string{"StartUnit", "RestartUnit"} {
		for _, later := range []uint64{10, 60_000, 400_000} {
			s := withHostnamed(t)
			s.user(41, "busctl", "--expect-reply=no", "call")
			s.ask(41, toBus, silently(job(member, "systemd-hostnamed.service")))
			s.now += later
			s.caller(43, "hostnamectl", "--static")
			s.send(43, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			s.newJob("systemd-hostnamed.service")
			s.runs(hostnamed())
			s.service(42, "systemd-hostnamed.service")
			s.want("command 43 cron.service (kernel)")
		}
	}
}

// Root's request without an answer has made the job that is announced at once. A user's
// may have been refused.
func TestARequestWithoutAnAnswer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		later uint64
		other bool
		want  string
	}{
		{"a job at once", 0, false, "command 41 cron.service (kernel)"},
		{"a job much later", 2000, false, "command 41 cron.service (inferred): no_effect_seen foo.service"},
		{"of two", 0, true, "command 41 cron.service (inferred): other_asked foo.service pid 43"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.caller(41, "busctl", "call")
			s.caller(43, "busctl", "call")
			s.ask(41, toBus, silently(job("StartUnit", "foo.service")))
			if tt.other {
				s.ask(43, toBus, silently(job("StartUnit", "foo.service")))
			}
			s.now += tt.later
			s.newJob("foo.service")
			s.runs(foo())
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// transient is a request for a unit of its own.
func transient(unit string) *dbus.Message {
	return method("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
		"StartTransientUnit", unit, "fail", []struct {
			Name  string
			Value dbus.Variant
		}{}, []struct {
			Name string
			Aux  []struct {
				Name  string
				Value dbus.Variant
			}
		}{})
}

// A unit is not transient because somebody asked for one of its name in vain.
func TestADeniedTransientUnit(t *testing.T) {
	s := tell(t)
	s.units["docker.service"] = event.UnitState{Name: "docker.service", Type: "notify"}
	s.user(41, "evil")
	s.ask(41, toBus, silently(transient("docker.service")))
	s.now += 1000
	s.caller(43, "systemctl", "start", "docker")
	s.accept(s.ask(43, private, job("StartUnit", "docker.service")), s.newJob("docker.service"))
	s.units["docker.service"] = event.UnitState{
		Name: "docker.service", Type: "notify", InactiveExitUS: s.now*1000 + 100, ActiveEnterUS: s.now*1000 + 200, MainPID: 50,
	}
	s.process(50, 1, "/system.slice/docker.service", "/usr/bin/dockerd", "dockerd")
	s.now += 3_600_000 // an hour later dockerd makes one
	s.create(50, "/system.slice/docker.service")
	s.want("command 50 docker.service (kernel)")
}

// A timer fires while systemctl waits for a password. With an answer or without, it was
// the timer.
func TestATimerWhileARequestWaits(t *testing.T) {
	for _, silent := range []bool{false, true} {
		for _, announced := range []bool{false, true} {
			s := tell(t)
			s.user(41, "systemctl", "start", "foo")
			m := job("StartUnit", "foo.service")
			if silent {
				m = silently(m)
			}
			request := s.ask(41, toBus, m)
			s.now += 5000
			u := foo()
			u.TriggeredBy = []string{"foo.timer"}
			s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: s.now * 1000}
			if announced {
				s.newJob("foo.service")
			}
			s.runs(u)
			s.service(42, "foo.service")
			s.answerTo(request, refusal()) // ten seconds later
			s.want("timer foo.timer (manager)")
		}
	}
}

// A timer and a request in one window: which of them made the job decides.
func TestATimerAndARequest(t *testing.T) {
	const both = "unknown (unknown): trigger_or_request foo.service foo.timer pid 41"
	for _, tt := range []struct {
		name  string
		tell  func(s *story, elapse func())
		want  string
		after uint64
	}{
		{"the timer right before", func(s *story, elapse func()) {
			elapse()
			s.accept(s.ask(41, private, job("StartUnit", "foo.service")), s.newJob("foo.service"))
		}, both, 0},
		{"the timer's job was there", func(s *story, elapse func()) {
			elapse()
			n := s.newJob("foo.service")
			s.accept(s.ask(41, private, job("StartUnit", "foo.service")), n)
		}, "timer foo.timer (manager)", 0},
		{"the timer between request and job", func(s *story, elapse func()) {
			r := s.ask(41, private, job("StartUnit", "foo.service"))
			elapse()
			s.accept(r, s.newJob("foo.service"))
		}, both, 0},
		{"the job was there when the timer elapsed", func(s *story, elapse func()) {
			s.accept(s.ask(41, private, job("StartUnit", "foo.service")), s.newJob("foo.service"))
			s.now++
			elapse()
		}, "command 41 cron.service (kernel)", 0},
		{"the timer long before", func(s *story, elapse func()) {
			elapse()
			s.now += 3000
			s.accept(s.ask(41, private, job("StartUnit", "foo.service")), s.newJob("foo.service"))
		}, "command 41 cron.service (inferred): trigger_or_request foo.service foo.timer pid 41", 0},
		{"a bus asks, and the timer elapses", func(s *story, elapse func()) {
			s.send(41, toBus, method("org.example.foo", "/", "org.example.foo", "Get"))
			s.fromBus(1, activation("dbus-org.example.foo.service"))
			elapse()
		}, both, 0},
		{"asked for before, as a recording of before tells it", func(s *story, elapse func()) {
			elapse()
			s.send(41, private, job("StartUnit", "foo.service"))
		}, "timer foo.timer (manager)", 0},
		{"root's wish without an answer", func(s *story, elapse func()) {
			elapse()
			s.ask(41, private, silently(job("StartUnit", "foo.service")))
			s.newJob("foo.service")
		}, both, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.now += 1000
			s.caller(41, "systemctl", "start", "foo")
			tt.tell(s, func() {
				s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: s.now * 1000}
			})
			u := foo()
			u.Names = []string{"foo.service", "dbus-org.example.foo.service"}
			u.TriggeredBy = []string{"foo.timer"}
			s.runs(u)
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// What only restarts what runs starts nothing.
func TestTryRestartOfWhatDoesNotRun(t *testing.T) {
	for _, method := range []string{"ReloadOrTryRestartUnit", "TryRestartUnit"} {
		for _, ran := range []bool{false, true} {
			s := tell(t)
			u := foo()
			if ran {
				u.InactiveEnterUS = s.now * 1000
			}
			s.now += 10
			s.caller(41, "systemctl", "--no-block", "try-restart", "foo")
			s.accept(s.ask(41, private, job(method, "foo.service")), s.newJob("foo.service"))
			s.now += 10_000
			s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: s.now*1000 - 100}
			u.TriggeredBy = []string{"foo.timer"}
			s.runs(u)
			s.service(42, "foo.service")
			s.want("timer foo.timer (manager)")
		}
	}
}

// A restart while the start is under way has the same job begin a second run.
func TestARestartWhileTheStartIsUnderWay(t *testing.T) {
	s := tell(t)
	s.caller(40, "systemctl", "start", "foo")
	s.caller(41, "systemctl", "restart", "foo")
	n := s.newJobFor(s.ask(40, private, job("StartUnit", "foo.service")), "foo.service")
	u := foo()
	u.Type = "oneshot"
	s.runs(u)
	s.service(42, "foo.service")
	s.accept(s.ask(41, private, job("RestartUnit", "foo.service")), n)
	u.InactiveEnterUS = s.now * 1000
	s.now++
	s.runs(u)
	s.service(43, "foo.service")
	s.want("command 40 cron.service (kernel)", "command 41 cron.service (kernel)")
}

// newJobFor announces a job and answers a request with it.
func (s *story) newJobFor(to sentMessage, unit string) uint32 {
	n := s.newJob(unit)
	s.accept(to, n)
	return n
}

// Requisite= and PartOf= of another unit start nothing. PartOf= of the unit itself has it
// restarted.
func TestDependenciesThatStartNothing(t *testing.T) {
	const nobody = "unknown (unknown): nobody_asked foo.service"
	for _, tt := range []struct{ dependency, member, want string }{
		{"RequisiteOf", "StartUnit", nobody},
		{"ConsistsOf", "StartUnit", nobody},
		{"ConsistsOf", "RestartUnit", nobody},
		{"PartOf", "StartUnit", nobody},
		{"PartOf", "RestartUnit", "command 41 cron.service (manager)"},
		{"WantedBy", "StartUnit", "command 41 cron.service (manager)"},
		{"OnFailureOf", "StartUnit", nobody},
	} {
		s := tell(t)
		u := foo()
		u.Dependents = []event.UnitDependent{{Name: "bar.service", Dependency: tt.dependency}}
		s.units[u.Name] = u
		s.caller(41, "systemctl", "start", "bar")
		s.newJobFor(s.ask(41, private, job(tt.member, "bar.service")), "bar.service")
		s.service(42, "foo.service")
		s.want(tt.want)
	}
}

// A request for what wants a unit did not start it if the unit's job was there before, or
// came much later.
func TestADependencyHasItsJobAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name string
		when int // of the dependency's job: before, with, or long after the request
		want string
	}{
		{"before", -1, "unknown (unknown): nobody_asked foo.service"},
		{"with it", 0, "command 41 cron.service (manager)"},
		{"long after", 1, "unknown (unknown): nobody_asked foo.service"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			u := foo()
			u.Dependents = []event.UnitDependent{{Name: "bar.service", Dependency: "WantedBy"}}
			s.caller(41, "systemctl", "start", "bar")
			if tt.when < 0 {
				s.newJob("foo.service")
			}
			s.newJobFor(s.ask(41, private, job("StartUnit", "bar.service")), "bar.service")
			s.now += uint64(5000 * max(0, tt.when))
			if tt.when >= 0 {
				s.newJob("foo.service")
			}
			s.runs(u)
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// A daemon that fails after weeks starts its OnFailure=. That is not the doing of who
// started the daemon.
func TestTheFailureOfAnotherUnit(t *testing.T) {
	for _, tt := range []struct {
		dependency, state string
		when              int64 // ms before the run
		want              string
	}{
		{"OnFailureOf", "failed", 1, "failure bar.service (manager)"},
		{"OnSuccessOf", "dead", 1, "success bar.service (manager)"},
		{"OnFailureOf", "dead", 1, "unknown (unknown): nobody_asked foo.service"},
		{"OnFailureOf", "failed", -5, "unknown (unknown): nobody_asked foo.service"},
	} {
		s := tell(t)
		s.caller(41, "systemctl", "start", "bar")
		s.newJobFor(s.ask(41, private, job("StartUnit", "bar.service")), "bar.service")
		s.now += 14 * 86400 * 1000
		s.units["bar.service"] = event.UnitState{
			Name: "bar.service", SubState: tt.state, InactiveEnterUS: uint64(int64(s.now)-tt.when) * 1000,
		}
		u := foo()
		u.Type = "oneshot"
		u.Dependents = []event.UnitDependent{{Name: "bar.service", Dependency: tt.dependency}}
		s.runs(u)
		s.service(42, "foo.service")
		s.want(tt.want)
	}
}

// A job whose end nobody heard of is not there for ever: what began the run before
// does not begin the next one.
func TestAJobWhoseEndIsNotHeard(t *testing.T) {
	s := tell(t)
	s.caller(40, "systemctl", "start", "--no-block", "foo")
	u := foo()
	u.TriggeredBy = []string{"foo.timer"}
	s.newJobFor(s.ask(40, private, job("StartUnit", "foo.service")), "foo.service")
	s.runs(u)
	s.process(41, 1, "/system.slice/foo.service", "/bin/foo", "foo") // makes no namespace
	u.InactiveEnterUS = s.now * 1000
	s.now += 100
	s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: s.now * 1000}
	s.now++
	s.runs(u)
	s.service(42, "foo.service")
	s.want("timer foo.timer (manager)")
}
