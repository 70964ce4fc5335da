package blame

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// The stories of this file are those of histories in which package model found nsblame
// wrong, each told for its kind.

// The manager makes a job for a unit because it starts another one, and tells of it when
// somebody has asked for the same. He is answered with that job, as if it was his.
func TestARequestThatFindsTheJobOfADependency(t *testing.T) {
	const doubted = "command 41 cron.service (inferred): trigger_or_request back.service front.service pid 41"
	for _, tt := range []struct {
		name  string
		front uint32 // the number of the job for the other unit
		timer bool
		want  string
	}{
		{"the other unit's job came first", 5, false, doubted},
		{"it came later", 7, false, "command 41 cron.service (kernel)"},
		{"its timer elapsed, and nobody heard of its job", 0, true, "command 41 cron.service (inferred): trigger_or_request back.service front.timer pid 41"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			back := event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}}
			front := event.UnitState{Name: "front.service", Type: "simple"}
			if tt.timer {
				front.TriggeredBy = []string{"front.timer"}
				s.units["front.timer"] = event.UnitState{Name: "front.timer", LastTriggerUS: s.now * 1000}
			}
			s.units["front.service"] = front
			s.caller(41, "systemctl", "start", "back")
			r := s.ask(41, private, job("StartUnit", "back.service"))
			s.says(41, "JobNew", 6, "back.service")
			if tt.front != 0 {
				s.says(41, "JobNew", tt.front, "front.service")
			}
			s.accept(r, 6)
			s.runs(back)
			s.service(42, "back.service")
			s.want(tt.want)
		})
	}
}

// Two ask for a unit which brings up another one. Which of them made the job is not known.
func TestTwoRequestsForWhatBringsAUnitUp(t *testing.T) {
	s := tell(t)
	back := event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}}
	s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple"}
	s.caller(40, "systemctl", "start", "front")
	s.caller(41, "systemctl", "start", "front")
	first := s.ask(40, private, job("StartUnit", "front.service"))
	second := s.ask(41, private, job("StartUnit", "front.service"))
	n := s.newJob("front.service")
	s.newJob("back.service")
	s.accept(second, n)
	s.accept(first, n)
	s.runs(back)
	s.service(42, "back.service")
	s.want("command 40 cron.service (inferred): other_asked front.service pid 41")
}

// The answer to the request that made the job may come when the run has begun, and that to
// the one that found the job before.
func TestAnAnswerThatIsStillToCome(t *testing.T) {
	s := tell(t)
	s.caller(40, "busctl", "call")
	s.caller(41, "systemctl", "start", "foo")
	s.ask(40, toBus, job("StartUnit", "foo.service"))
	second := s.ask(41, private, job("StartUnit", "foo.service"))
	s.accept(second, s.newJob("foo.service"))
	s.runs(foo())
	s.service(42, "foo.service")
	s.want("command 41 cron.service (inferred): other_asked foo.service pid 40")
}

// One to restart what runs makes a job that does nothing, beside the one that starts the
// unit.
func TestAJobThatDoesNothing(t *testing.T) {
	for _, silent := range []bool{false, true} {
		s := tell(t)
		s.caller(40, "systemctl", "start", "foo")
		s.caller(41, "systemctl", "try-restart", "foo")
		first := s.ask(40, private, job("StartUnit", "foo.service"))
		try := job("TryRestartUnit", "foo.service")
		if silent {
			try = silently(try)
		}
		second := s.ask(41, private, try)
		s.accept(first, s.newJob("foo.service"))
		if n := s.newJob("foo.service"); !silent {
			s.accept(second, n)
		}
		s.runs(foo())
		s.service(42, "foo.service")
		s.want("command 40 cron.service (kernel)")
	}
}

// The end of a job that was there before a bus asked is not the end of what the bus asked
// for: the manager may have read that behind it.
func TestAnActivationWhileAnOlderJobEnds(t *testing.T) {
	for _, verb := range []string{"TryRestartUnit", "StopUnit"} {
		s := withHostnamed(t)
		const name = "systemd-hostnamed.service"
		s.caller(40, "systemctl")
		s.caller(41, "hostnamectl")
		r := s.ask(40, private, job(verb, name))
		s.send(41, toBus, getHostname())
		if verb == "StopUnit" { // its job is announced behind the activation
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			s.accept(r, s.newJob(name))
		} else {
			s.accept(r, s.newJob(name))
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
		}
		s.says(30, "JobRemoved", s.jobs, name, "done")
		s.newJob(name)
		u := hostnamed()
		u.TriggeredBy = []string{"systemd-hostnamed.socket"}
		s.units["systemd-hostnamed.socket"] = event.UnitState{Name: "systemd-hostnamed.socket", SubState: "running", StateChangeUS: (s.now + 500) * 1000}
		s.runs(u)
		s.service(42, name)
		s.want("unknown (unknown): job_was_there systemd-hostnamed.service pid 41")
	}
}

// A user's request without an answer may be granted much later, also if a run began and
// ended meanwhile.
func TestARequestThatIsGrantedAfterAnotherRun(t *testing.T) {
	s := tell(t)
	s.units["cron.service"] = event.UnitState{Name: "cron.service", Type: "simple"}
	u := event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.socket"}}
	s.caller(40, "systemctl", "start", "lamp")
	s.user(41, "busctl")
	n := s.newJobFor(s.ask(40, private, job("StartUnit", "lamp.service")), "lamp.service")
	s.ask(41, toBus, silently(job("StartUnit", "lamp.service")))
	s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 5000) * 1000}
	s.runs(u)
	s.service(42, "lamp.service")
	s.says(30, "JobRemoved", n, "lamp.service", "done")
	s.now += 2000
	u.InactiveEnterUS = s.now * 1000
	s.now += 5000
	s.newJob("lamp.service")
	s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
	s.runs(u)
	s.service(43, "lamp.service")
	s.want("command 40 cron.service (kernel)", "unknown (unknown): asked_while_running lamp.service")
}

// A request that waits for a password may be what the manager acted upon while it started.
func TestARequestThatWaitsWhileTheMachineStarts(t *testing.T) {
	for _, silent := range []bool{false, true} {
		s := tell(t)
		s.boot = event.ManagerBoot{UserspaceUS: 1}
		s.user(41, "busctl")
		m := job("StartUnit", "foo.service")
		if silent {
			m = silently(m)
		}
		s.ask(41, toBus, m)
		s.now += 1700
		s.newJob("foo.service")
		s.runs(foo())
		s.service(42, "foo.service")
		s.want("boot foo.service (inferred): other_asked foo.service pid 41")
	}
}

// What else may have started a unit while the machine started may not be seen any more: its
// timer has elapsed again, or the unit whose failure it follows runs again.
func TestTheBootBesideWhatIsNotSeenAnyMore(t *testing.T) {
	for _, tt := range []struct {
		name string
		tell func(s *story, u *event.UnitState)
		want string
	}{
		{"a timer that elapsed again", func(s *story, u *event.UnitState) {
			u.TriggeredBy = []string{"foo.timer"}
			s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: (s.now + 5000) * 1000}
		}, "boot foo.service (inferred): trigger_or_boot foo.service foo.timer"},
		{"a timer that never did", func(s *story, u *event.UnitState) {
			u.TriggeredBy = []string{"foo.timer"}
			s.units["foo.timer"] = event.UnitState{Name: "foo.timer"}
		}, "boot foo.service (manager)"},
		{"a unit that failed and runs again", func(s *story, u *event.UnitState) {
			u.Dependents = []event.UnitDependent{{Name: "bar.service", Dependency: "OnFailureOf"}}
			s.units["bar.service"] = event.UnitState{Name: "bar.service", SubState: "start", InactiveEnterUS: s.now * 1000, InactiveExitUS: (s.now + 3) * 1000}
		}, "boot foo.service (inferred): trigger_or_boot foo.service bar.service"},
		{"a unit that never ended", func(s *story, u *event.UnitState) {
			u.Dependents = []event.UnitDependent{{Name: "bar.service", Dependency: "OnFailureOf"}}
			s.units["bar.service"] = event.UnitState{Name: "bar.service", SubState: "running"}
		}, "boot foo.service (manager)"},
		{"a timer of what brings it up", func(s *story, u *event.UnitState) {
			u.Dependents = []event.UnitDependent{{Name: "bar.service", Dependency: "WantedBy"}}
			s.units["bar.service"] = event.UnitState{Name: "bar.service", TriggeredBy: []string{"bar.timer"}}
			s.units["bar.timer"] = event.UnitState{Name: "bar.timer", LastTriggerUS: (s.now + 5000) * 1000}
		}, "boot foo.service (inferred): trigger_or_boot foo.service bar.timer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.boot = event.ManagerBoot{UserspaceUS: 1}
			u := foo()
			tt.tell(s, &u)
			s.runs(u)
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// A timer that elapses while the manager starts what its target wants may find a job.
func TestATimerWhileTheMachineStarts(t *testing.T) {
	for wanted, want := range map[bool]string{
		true:  "timer foo.timer (inferred): trigger_or_boot foo.service foo.timer",
		false: "timer foo.timer (manager)",
	} {
		s := tell(t)
		s.boot = event.ManagerBoot{UserspaceUS: 1}
		u := foo()
		u.TriggeredBy = []string{"foo.timer"}
		if wanted {
			u.Dependents = []event.UnitDependent{{Name: "multi-user.target", Dependency: "WantedBy"}}
		}
		s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: s.now * 1000}
		s.runs(u)
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A timer that elapsed after the job was there found that. Who made it is not known, for
// his message could not be read.
func TestATimerThatFindsAJob(t *testing.T) {
	for before, want := range map[bool]string{
		true:  "unknown (unknown): nobody_asked foo.service",
		false: "timer foo.timer (manager)",
	} {
		s := tell(t)
		elapsed := s.now
		s.now++
		s.newJob("foo.service")
		if before {
			s.now++
			elapsed = s.now
		}
		u := foo()
		u.TriggeredBy = []string{"foo.timer"}
		s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: elapsed * 1000}
		s.runs(u)
		s.service(42, "foo.service")
		s.want(want)
	}
}

// Asked about late, the manager's times are those of a later run: the timer that it tells
// of has begun that.
func TestATimerThatElapsedAfterTheRun(t *testing.T) {
	s := tell(t)
	s.mute = true
	s.service(42, "job.service")
	s.now += 10
	elapsed := s.now * 1000
	s.service(43, "job.service")
	s.units["job.service"] = event.UnitState{
		Name: "job.service", Type: "oneshot", PrivateNetwork: true, TriggeredBy: []string{"job.timer"},
		ConditionUS: elapsed + 100, InactiveExitUS: elapsed + 200, InactiveEnterUS: elapsed + 300,
	}
	s.units["job.timer"] = event.UnitState{Name: "job.timer", LastTriggerUS: elapsed}
	s.mute = false
	s.collect()
	s.want("unknown (unknown): nobody_asked job.service", "timer job.timer (inferred)")
}

// A call that was sent right before a suspend is read after it, however long that was.
func TestACallBeforeASuspend(t *testing.T) {
	for _, suspended := range []bool{false, true} {
		s := withHostnamed(t)
		s.caller(41, "hostnamectl")
		s.caller(43, "hostnamectl")
		s.send(41, toBus, getHostname())
		s.now += 40_000
		s.send(43, toBus, getHostname())
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		u := hostnamed()
		want := "command 43 cron.service (kernel)"
		if suspended {
			s.lag = 39_000 * ms
			want = "command 43 cron.service (inferred): other_asked org.freedesktop.hostname1 pid 41"
		}
		s.units[u.Name] = u
		s.service(42, u.Name)
		s.want(want)
	}
}

// The same with several suspends: those before the call and behind it, and those that one
// answer of the manager tells apart.
func TestACallBeforeSeveralSuspends(t *testing.T) {
	const doubted = "command 43 cron.service (inferred): other_asked org.freedesktop.hostname1 pid 41"
	for _, tt := range []struct {
		name     string
		answered bool // the manager answered something between them
		late     bool // the later call was sent before the last of them
		first    uint64
		want     string
	}{
		{"an answer between them", true, false, 20_000, doubted},
		{"together they are too short", true, false, 2_000, "command 43 cron.service (kernel)"},
		{"the other call between them", false, true, 38_000, doubted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := withHostnamed(t)
			s.caller(41, "hostnamectl")
			s.caller(43, "hostnamectl")
			s.ask(41, toBus, getHostname())
			s.now += 20_000
			s.lag = tt.first * ms
			if tt.answered {
				u := foo()
				s.units[u.Name] = u
				s.service(50, u.Name)
				s.done = nil
			}
			if !tt.late {
				s.now += 20_000
			} else {
				s.now += 18_000
			}
			s.ask(43, toBus, getHostname())
			if tt.late {
				s.now += 4_000
			}
			s.lag += 21_000 * ms
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			u := hostnamed()
			s.units[u.Name] = u
			s.service(42, u.Name)
			s.want(tt.want)
		})
	}
}

// A request to restart a unit had its job begin anew while the first run was being started.
// Nothing was seen of that run.
func TestARestartOfARunThatWasNotSeen(t *testing.T) {
	for _, first := range []string{"StartUnit", "RestartUnit"} {
		s := tell(t)
		s.caller(40, "systemctl")
		s.caller(41, "systemctl", "restart", "foo")
		n := s.newJobFor(s.ask(40, private, job(first, "foo.service")), "foo.service")
		s.now += 10
		s.accept(s.ask(41, private, job("RestartUnit", "foo.service")), n)
		u := foo()
		s.now += 10
		u.InactiveEnterUS = s.now * 1000
		s.runs(u)
		s.service(42, "foo.service")
		want := "command 41 cron.service (kernel)"
		if first == "RestartUnit" { // whose own job may have ended a run before it
			want = "command 40 cron.service (inferred): other_asked foo.service pid 41"
		}
		s.want(want)
	}
}

// A bus passes on what its sender was not heard to say: so somebody has asked.
func TestARequestThatOnlyTheBusWasHeardToPassOn(t *testing.T) {
	for passed, want := range map[bool]string{
		true:  "unknown (unknown): trigger_or_request lamp.service lamp.socket",
		false: "socket lamp.socket (manager)",
	} {
		s := tell(t)
		u := event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.socket"}}
		s.user(41, "busctl")
		s.see(&event.BusMessage{Sender: s.id(41), Bus: 1, Path: toBus, PeerPID: 1, Conn: 7, Unread: event.UnreadSpliced, Size: 200})
		if passed {
			s.fromBus(1, job("StartUnit", "lamp.service"))
		}
		s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
		s.runs(u)
		s.service(42, "lamp.service")
		s.want(want)
	}
}

// The same where the bus passes on a call and the manager stops the unit: the request
// cancels that job, though its own message came before the job was announced.
func TestASilentRequestThatCancelsAStop(t *testing.T) {
	s := tell(t)
	u := event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.socket"}}
	s.caller(40, "busctl")
	s.caller(41, "busctl")
	stop := s.ask(40, toBus, job("StopUnit", "lamp.service"))
	s.ask(41, toBus, silently(job("StartUnit", "lamp.service")))
	n := s.newJob("lamp.service")
	s.accept(stop, n)
	s.says(30, "JobRemoved", n, "lamp.service", "canceled")
	s.newJob("lamp.service")
	s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
	s.runs(u)
	s.service(42, "lamp.service")
	s.want("unknown (unknown): job_was_there lamp.service pid 41")
}

// Who stops a unit that waits for its automatic restart leaves the count as it is. So it
// does not show that the next run is a restart, if somebody asked for that.
func TestACountThatStays(t *testing.T) {
	for asked, want := range map[bool]string{
		true:  "restart foo.service (inferred): restart_or_request foo.service pid 41",
		false: "restart foo.service (manager)",
	} {
		s := tell(t)
		u := foo()
		u.Restart, u.NRestarts, u.MainPID = "always", 1, 42
		u.InactiveEnterUS = s.now * 1000
		s.now++
		s.caller(41, "systemctl", "start", "foo")
		if asked {
			s.newJobFor(s.ask(41, private, job("StartUnit", "foo.service")), "foo.service")
		}
		s.runs(u)
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A call may have been sent to a service that just took its leave, and be read when another
// one has been sent. One that was answered was not.
func TestACallOnTheBrinkBesideAnother(t *testing.T) {
	for answered, want := range map[bool]string{
		false: "command 43 cron.service (inferred): other_asked org.freedesktop.hostname1 pid 41",
		true:  "command 43 cron.service (kernel)",
	} {
		s := withHostnamed(t)
		s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
		s.caller(41, "hostnamectl")
		s.caller(43, "hostnamectl")
		first := s.ask(41, toBus, getHostname())
		if answered {
			s.answerTo(first, withBody(&dbus.Message{Type: dbus.TypeMethodReply, Headers: make(map[dbus.HeaderField]dbus.Variant)}, []any{"name"}))
		}
		s.fromBus(1, ownerChanged(hostname1, ":1.9", ""))
		s.ask(43, toBus, getHostname())
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		s.service(42, "systemd-hostnamed.service")
		s.want(want)
	}
}

// Two have a job begin anew. The one that was answered before the run before began that.
func TestTwoRestartsOfOneJob(t *testing.T) {
	for early, want := range map[bool]string{
		true:  "command 41 cron.service (kernel)",
		false: "command 40 cron.service (inferred): other_asked foo.service pid 41",
	} {
		s := tell(t)
		for pid := uint32(39); pid <= 41; pid++ {
			s.caller(pid, "systemctl")
		}
		n := s.newJobFor(s.ask(39, private, job("StartUnit", "foo.service")), "foo.service")
		s.now += 10
		u := foo()
		u.Type = "oneshot"
		first := s.ask(40, private, job("RestartUnit", "foo.service"))
		if early {
			s.accept(first, n)
		}
		s.now += 10
		u.InactiveEnterUS = s.now * 1000
		s.runs(u)
		s.service(42, "foo.service")
		if !early {
			s.accept(first, n)
		}
		s.accept(s.ask(41, private, job("RestartUnit", "foo.service")), n)
		s.now += 10
		u.InactiveEnterUS = s.now * 1000
		s.runs(u)
		s.service(43, "foo.service")
		if got := s.done[1:]; len(got) != 1 {
			t.Fatal(got)
		}
		s.done = s.done[1:]
		s.want(want)
	}
}

// A restart without an answer ends the wait of a start for an automatic restart, and has its
// job begin at once.
func TestASilentRestartWhileAStartWaits(t *testing.T) {
	s := tell(t)
	s.caller(40, "systemctl", "start", "foo")
	s.caller(41, "busctl")
	n := s.newJobFor(s.ask(40, private, job("StartUnit", "foo.service")), "foo.service")
	s.now += 30
	s.ask(41, toBus, silently(job("RestartUnit", "foo.service")))
	u := foo()
	u.Restart = "always"
	s.now++
	u.InactiveEnterUS = s.now * 1000
	s.runs(u)
	s.id(42) // is forked
	s.says(30, "JobRemoved", n, "foo.service", "done")
	s.service(42, "foo.service")
	s.want("command 40 cron.service (inferred): other_asked foo.service pid 41")
}

// A message of a manager's or a bus's that is cut off short of what a sign takes hides one.
func TestASignThatWasCutOff(t *testing.T) {
	for size, want := range map[uint32]string{
		200:  "boot foo.service (inferred): messages_lost foo.service",
		5000: "boot foo.service (manager)", // a user's, that the bus passes on
	} {
		s := tell(t)
		s.boot = event.ManagerBoot{UserspaceUS: 1}
		data := encode(t, activation("foo.service"))
		s.see(&event.BusMessage{Sender: s.id(20), Bus: 1, Path: toBus, FromBus: true, PeerPID: 1, Conn: 9, Copied: true, Size: size, Data: data[:40]})
		s.runs(foo())
		s.service(42, "foo.service")
		s.want(want)
	}
}

// What the manager says of a job may be cut off behind its number. So may a request, before
// it says what type of job it is for.
func TestMessagesThatAreCutOffInTheirArguments(t *testing.T) {
	for _, cut := range []string{"request", "signal"} {
		s := tell(t)
		u := event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.socket"}}
		s.caller(41, "systemctl")
		data := encode(t, signal("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobNew", uint32(5), jobPath(5), "lamp.service"))
		m := &event.BusMessage{Sender: s.id(1), Bus: busNumbers[private], Path: private, FromBus: true, PeerPID: 41, Conn: 9, Copied: true}
		if cut == "request" {
			data = encode(t, method("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "EnqueueUnitJob", "lamp.service", "start", "replace"))
			m.Sender, m.FromBus, m.PeerPID = s.id(41), false, 1
		}
		m.Size, m.Data = uint32(len(data)), data[:len(data)-22]
		s.see(m)
		s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
		s.runs(u)
		s.service(42, "lamp.service")
		s.want("socket lamp.socket (inferred): messages_lost lamp.service")
	}
}

// The jobs of one transaction are announced at once. So one that comes when the job of the
// other unit is over was not made with that.
func TestADependencyThatWasThereBefore(t *testing.T) {
	for over, want := range map[bool]string{
		true:  "unknown (unknown): nobody_asked back.service",
		false: "command 41 cron.service (manager)",
	} {
		s := tell(t)
		back := event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}}
		s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple"}
		s.caller(41, "systemctl", "restart", "front")
		n := s.newJobFor(s.ask(41, private, job("RestartUnit", "front.service")), "front.service")
		if over {
			s.says(41, "JobRemoved", n, "front.service", "done")
			s.now += 600
		}
		s.newJob("back.service")
		s.runs(back)
		s.service(42, "back.service")
		s.want(want)
	}
}

// A restart without an answer may have had the job begin anew, where nothing is known of a
// run before: the manager was asked late.
func TestASilentRestartOfARunThatWasNotSeen(t *testing.T) {
	s := tell(t)
	s.caller(40, "systemctl", "start", "foo")
	s.caller(41, "busctl")
	s.newJobFor(s.ask(40, private, job("StartUnit", "foo.service")), "foo.service")
	s.now += 100
	s.ask(41, private, silently(job("RestartUnit", "foo.service")))
	s.service(42, "foo.service")
	s.want("command 40 cron.service (inferred): other_asked foo.service pid 41")
}

// A message that was lost right before a suspend may have been read after it.
func TestALossBeforeASuspend(t *testing.T) {
	for suspended, want := range map[bool]string{
		true:  "boot foo.service (inferred): messages_lost foo.service",
		false: "boot foo.service (manager)",
	} {
		s := tell(t)
		s.see(&event.Loss{Kind: event.LossBus, Count: 1})
		s.now += 400_000
		u := foo()
		u.InactiveExitUS = (s.now + 1) * 1000
		if suspended {
			s.lag = 399_500 * ms
			u.InactiveExitUS -= 399_500_000
		}
		s.boot = event.ManagerBoot{UserspaceUS: 1}
		s.units[u.Name] = u
		s.now += 10
		s.service(42, "foo.service")
		s.want(want)
	}
}

// Of two restarts that had one job begin anew, the one without an answer may have done so.
func TestASilentRestartBesideOneThatIsAnswered(t *testing.T) {
	for silent, want := range map[bool]string{
		true:  "command 43 cron.service (inferred): other_asked foo.service pid 41",
		false: "command 43 cron.service (kernel)",
	} {
		s := tell(t)
		s.caller(40, "systemctl", "start", "foo")
		s.caller(41, "busctl")
		s.caller(43, "systemctl", "restart", "foo")
		n := s.newJobFor(s.ask(40, private, job("StartUnit", "foo.service")), "foo.service")
		if silent {
			s.ask(41, private, silently(job("RestartUnit", "foo.service")))
		}
		last := s.ask(43, private, job("RestartUnit", "foo.service"))
		s.runs(foo())
		s.service(42, "foo.service")
		s.accept(last, n)
		u := foo()
		u.InactiveEnterUS = s.now * 1000
		s.runs(u)
		s.service(44, "foo.service")
		s.done = s.done[1:]
		s.want(want)
	}
}

// A restart without an answer may be read only when the run before has begun, and its job
// is over.
func TestASilentRestartThatIsReadLate(t *testing.T) {
	s := tell(t)
	s.caller(40, "systemctl", "start", "foo")
	s.caller(41, "busctl")
	s.caller(43, "systemctl", "restart", "foo")
	n := s.newJobFor(s.ask(40, private, job("StartUnit", "foo.service")), "foo.service")
	s.ask(41, private, silently(job("RestartUnit", "foo.service")))
	last := s.ask(43, private, job("RestartUnit", "foo.service"))
	s.runs(foo())
	s.service(42, "foo.service")
	s.says(40, "JobRemoved", n, "foo.service", "done")
	s.newJobFor(last, "foo.service")
	u := foo()
	u.InactiveEnterUS = s.now * 1000
	s.runs(u)
	s.service(44, "foo.service")
	s.done = s.done[1:]
	s.want("command 43 cron.service (inferred): other_asked foo.service pid 41")
}

// What a service calls while it starts is part of its start, also if the bus asks for the
// name's service only when it is up.
func TestACallFromAServiceThatStarts(t *testing.T) {
	for late, want := range map[bool]string{
		false: "command 41 cron.service (kernel)",
		true:  "command 42 foo.service (kernel)",
	} {
		s := withHostnamed(t)
		u := foo()
		u.Type, u.PrivateNetwork = "notify", false
		s.caller(41, "systemctl", "start", "foo")
		s.newJobFor(s.ask(41, private, job("StartUnit", "foo.service")), "foo.service")
		s.runs(u)
		s.process(42, 1, "/system.slice/foo.service", "/usr/bin/foo", "foo")
		call := func() { s.ask(42, toBus, getHostname()) }
		if !late {
			call()
		}
		s.now += 10
		u = s.units["foo.service"]
		u.ActiveEnterUS = s.now * 1000
		s.units["foo.service"] = u
		s.now += 10
		if late {
			call()
		}
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		s.runs(hostnamed())
		s.service(44, "systemd-hostnamed.service")
		s.want(want)
	}
}

// The runs of a unit are in the order of their forks, whatever was seen of them first.
func TestRunsAreInTheOrderOfTheirForks(t *testing.T) {
	key := unitKey{unit: "foo.service"}
	first := run{unitKey: key, first: event.ProcessID{PID: 41, StartNS: 10}, at: 50}
	second := run{unitKey: key, first: event.ProcessID{PID: 42, StartNS: 20}, at: 30}
	m := newRuns()
	m.note(second)
	if before, ok := m.before(first); ok {
		t.Errorf("%+v comes before the first run", before)
	}
	m.note(first)
	if before, ok := m.before(second); !ok || !before.same(first) {
		t.Errorf("%+v comes before the second run", before)
	}
}

// A job whose end nobody listened to may have been over when a timer began another run.
func TestAJobWhoseEndWasNotHeard(t *testing.T) {
	for _, tt := range []struct {
		name        string
		over, heard bool
		want        string
	}{
		{"the run is over, and so is its job", true, false, "unknown (unknown): trigger_or_request foo.service foo.timer pid 41"},
		{"the end of the job was heard", true, true, "command 41 cron.service (kernel)"},
		{"the job is still there", false, false, "command 41 cron.service (kernel)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.caller(41, "systemctl", "--no-block", "start", "foo")
			n := s.newJobFor(s.ask(41, private, job("StartUnit", "foo.service")), "foo.service")
			s.now += 500
			u := foo()
			u.Type, u.TriggeredBy = "oneshot", []string{"foo.timer"}
			s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "waiting", LastTriggerUS: s.now * 1000}
			s.runs(u)
			s.mute = true
			s.service(42, "foo.service")
			if tt.heard {
				s.says(30, "JobRemoved", n, "foo.service", "done")
			}
			if tt.over {
				u = s.units["foo.service"]
				u.InactiveEnterUS = s.now * 1000
				s.units["foo.service"] = u
			}
			s.mute = false
			s.collect()
			s.want(tt.want)
		})
	}
}

// Somebody else was given the job of a request, for a call that was lost or not read.
func TestAStrangerIsGivenTheJob(t *testing.T) {
	for _, other := range []bool{false, true} {
		s := tell(t)
		s.caller(41, "systemctl", "start", "foo")
		asked := s.ask(41, private, job("StartUnit", "foo.service"))
		n := s.newJob("foo.service")
		given := n
		if other {
			given += 5
		}
		s.accept(sentMessage{pid: 40, serial: 2, conn: 9, socket: toBus}, given)
		s.accept(asked, n)
		s.runs(foo())
		s.service(42, "foo.service")
		if other {
			s.want("command 41 cron.service (kernel)")
		} else {
			s.want("command 41 cron.service (inferred): other_asked foo.service pid 40")
		}
	}
}

// The job of the other unit, and that of this one which was made with it, were over long
// before a timer began the run.
func TestARequestForAnotherUnitWhoseJobsAreOver(t *testing.T) {
	for _, tt := range []struct {
		name  string
		own   bool // the end of the unit's own job is heard
		timer bool
		want  string
	}{
		{"its job is over", true, true, "timer front.timer (manager)"},
		{"only the other unit's job is over", false, true, "unknown (unknown): trigger_or_request back.service front.timer pid 41"},
		{"no timer has elapsed", false, false, "command 41 cron.service (manager)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			back := event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}}
			s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple", TriggeredBy: []string{"front.timer"}}
			s.caller(41, "systemctl", "restart", "front")
			n := s.newJobFor(s.ask(41, private, job("RestartUnit", "front.service")), "front.service")
			if tt.own {
				s.says(41, "JobNew", n+1, "back.service")
				s.says(41, "JobRemoved", n+1, "back.service", "done")
			}
			back.InactiveEnterUS = s.now * 1000
			s.says(41, "JobRemoved", n, "front.service", "done")
			s.now += 500
			front := event.UnitState{Name: "front.timer", SubState: "waiting"}
			if tt.timer {
				front.LastTriggerUS = s.now * 1000
			}
			s.units["front.timer"] = front
			s.runs(back)
			s.service(42, "back.service")
			s.want(tt.want)
		})
	}
}

// A restart without an answer that found the job of a timer, or of the boot, may have had
// that begin anew. Only the end of a run before this one would show that.
func TestASilentRestartOfWhatSomethingElseBegan(t *testing.T) {
	for _, tt := range []struct {
		name        string
		boot, ended bool
		want        string
	}{
		{"a timer", false, false, "timer foo.timer (manager)"},
		{"a timer, and a run has ended", false, true, "timer foo.timer (inferred): trigger_or_request foo.service foo.timer pid 41"},
		{"the boot", true, false, "boot foo.service (manager)"},
		{"the boot, and a run has ended", true, true, "boot foo.service (inferred): other_asked foo.service pid 41"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.caller(41, "busctl")
			u := foo()
			if tt.boot {
				s.boot = event.ManagerBoot{UserspaceUS: 1}
			} else {
				u.TriggeredBy = []string{"foo.timer"}
				s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "waiting", LastTriggerUS: s.now*1000 + 500}
			}
			s.newJob("foo.service")
			s.ask(41, private, silently(job("RestartUnit", "foo.service")))
			s.runs(u)
			s.mute = true
			s.service(42, "foo.service")
			if tt.ended {
				u = s.units["foo.service"]
				u.InactiveEnterUS = s.now * 1000
				s.units["foo.service"] = u
			}
			s.mute = false
			s.collect()
			s.want(tt.want)
		})
	}
}

// Of two requests without an answer either may have had the first job, and the other one the
// next.
func TestTwoSilentRequestsAndTwoJobs(t *testing.T) {
	s := tell(t)
	s.caller(40, "busctl")
	s.caller(41, "busctl")
	s.ask(40, private, silently(job("StartUnit", "foo.service")))
	s.ask(41, private, silently(job("RestartUnit", "foo.service")))
	n := s.newJob("foo.service")
	s.says(30, "JobRemoved", n, "foo.service", "done")
	s.newJob("foo.service")
	s.units["foo.socket"] = event.UnitState{Name: "foo.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
	u := foo()
	u.TriggeredBy = []string{"foo.socket"}
	s.runs(u)
	s.service(42, "foo.service")
	s.want("unknown (unknown): job_was_there foo.service pid 40")
}

// A bus may ask for a service that runs already, and has yet to ask for its name. What it
// asked for is over when the service has that.
func TestAnActivationWhoseNameHasAnOwner(t *testing.T) {
	for owned, want := range map[bool]string{
		true:  "socket systemd-hostnamed.socket (manager)",
		false: "command 41 cron.service (inferred)",
	} {
		const name, socket = "systemd-hostnamed.service", "systemd-hostnamed.socket"
		s := withHostnamed(t)
		s.caller(40, "systemctl", "start", name)
		s.caller(41, "hostnamectl")
		s.newJobFor(s.ask(40, private, job("StartUnit", name)), name)
		s.ask(41, toBus, getHostname())
		s.runs(hostnamed())
		s.service(42, name)
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		if owned {
			s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
		}
		s.now += 3000
		s.see(&event.Process{ID: s.id(42), Parent: s.id(1), Cgroup: s.cgroups["/system.slice/"+name], Exited: true, ExitNS: s.now * ms})
		u := hostnamed()
		u.TriggeredBy = []string{socket}
		u.InactiveEnterUS = s.now * 1000
		s.now += 2000
		if owned {
			s.units[socket] = event.UnitState{Name: socket, SubState: "running", StateChangeUS: (s.now + 50) * 1000}
		} else {
			u.TriggeredBy = nil
		}
		s.runs(u)
		s.service(44, name)
		s.done = s.done[1:]
		s.want(want)
	}
}

// A request to restart another unit if it runs says nothing of a unit's job. Under an alias it
// may be one for the unit.
func TestATryRestartOfAnotherUnit(t *testing.T) {
	for _, tt := range []struct {
		name, unit string
		silent     bool
		want       string
	}{
		{"it is answered with its own job", "bar.service", false, "command 40 cron.service (kernel)"},
		{"the other unit has a job of its own", "bar.service", true, "command 40 cron.service (kernel)"},
		{"it may be an alias", "alias.service", true, "command 41 cron.service (inferred): other_asked foo.service pid 40"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.caller(41, "systemctl", "--no-block", "start", "foo")
			s.newJobFor(s.ask(41, private, job("StartUnit", "foo.service")), "foo.service") // whose end nobody hears
			s.now += 5000
			s.caller(43, "systemctl", "try-restart")
			try := job("TryRestartUnit", tt.unit)
			if tt.silent {
				try = silently(try)
			}
			r := s.ask(43, private, try)
			n := s.newJob("bar.service")
			if !tt.silent {
				s.accept(r, n)
			}
			s.caller(40, "busctl")
			s.ask(40, toBus, silently(job("StartUnit", "foo.service")))
			s.newJob("foo.service")
			s.runs(foo())
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// The manager may read a request that wants no answer before what a bus asks for, also if that
// was sent first.
func TestASilentRequestBehindAnActivation(t *testing.T) {
	const name = "systemd-hostnamed.service"
	for _, tt := range []struct {
		name            string
		launcher, later bool
		want            string
	}{
		{"dbus-broker's launcher asks", true, false, "command 41 cron.service (inferred): other_asked " + hostname1 + " pid 40"},
		{"dbus-daemon asks", false, false, "command 41 cron.service (inferred): other_asked " + hostname1 + " pid 40"},
		{"long after", false, true, "command 41 cron.service (kernel)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := withHostnamed(t)
			s.process(21, 1, "/system.slice/dbus-broker.service", "/usr/bin/dbus-broker-launch", "dbus-broker-launch")
			s.caller(40, "systemctl", "--no-block", "start", name)
			s.caller(41, "hostnamectl")
			s.ask(41, toBus, getHostname())
			start := job("StartUnit", "dbus-"+hostname1+".service")
			var r sentMessage
			if tt.launcher {
				r = s.ask(21, toBus, start)
			} else {
				s.fromBus(1, activation("dbus-"+hostname1+".service"))
			}
			if tt.later {
				s.now += 3000
			}
			s.ask(40, private, silently(job("StartUnit", name)))
			if tt.launcher {
				s.accept(r, 5) // a job that nobody was heard to be given before
			}
			s.runs(hostnamed())
			s.service(42, name)
			s.want(tt.want)
		})
	}
}

// A restart without an answer may be read only when another request's job for the unit is
// over: one of a timer's for another unit, which brings this one up.
func TestASilentRestartThatIsReadAfterADependency(t *testing.T) {
	const doubted = "boot back.service (inferred): other_asked back.service pid 41"
	for _, tt := range []struct {
		name          string
		passed, front bool
		want          string
	}{
		{"the bus passes it on when the job is there", true, false, doubted},
		{"the job came with the other unit's", false, true, doubted},
		{"it came alone", false, false, "boot back.service (manager)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.boot = event.ManagerBoot{UserspaceUS: 1}
			s.caller(41, "busctl")
			restart := silently(job("RestartUnit", "back.service"))
			socket := private
			if tt.passed {
				socket = toBus
			}
			asked := s.ask(41, socket, restart)
			if tt.front {
				s.newJob("front.service")
			}
			n := s.newJob("back.service")
			if tt.passed {
				s.passedOn(asked, restart)
			}
			s.says(30, "JobRemoved", n, "back.service", "done")
			s.newJob("back.service")
			s.runs(event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true})
			s.service(42, "back.service")
			s.want(tt.want)
		})
	}
}

// passedOn is a call that the bus passes on to the manager, with the number of its sender's.
func (s *story) passedOn(sent sentMessage, m *dbus.Message) {
	data := encode(s.t, m)
	binary.LittleEndian.PutUint32(data[8:], sent.serial)
	s.see(&event.BusMessage{Sender: s.id(20), Bus: 1, Path: toBus, FromBus: true, PeerPID: 1, Conn: 9, Copied: true, Size: uint32(len(data)), Data: data})
}

// A person's own program may send its call before the bus has let it in, and so before the bus
// has read an older one.
func TestACallThatDoesNotWaitForTheBus(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "first")
	s.ask(41, toBus, getHostname())
	s.fromBus(1, ownerChanged(hostname1, ":1.5", ""))
	s.user(43, "own-program")
	s.ask(43, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("command 43 session-3.scope (inferred): other_asked " + hostname1 + " pid 41")
}

// A request without an answer may have made the job before a timer began what brings the unit
// up. Nobody heard of a job.
func TestASilentRequestBeforeATimerOfAnotherUnit(t *testing.T) {
	for asked, want := range map[bool]string{
		true:  "unknown (unknown): trigger_or_request back.service front.timer pid 41",
		false: "timer front.timer (manager)",
	} {
		s := tell(t)
		back := event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}}
		s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple", TriggeredBy: []string{"front.timer"}}
		s.caller(41, "systemctl", "--no-block", "start", "back")
		if asked {
			s.ask(41, private, silently(job("StartUnit", "back.service")))
		}
		s.now += 16
		s.units["front.timer"] = event.UnitState{Name: "front.timer", SubState: "waiting", LastTriggerUS: s.now * 1000}
		s.runs(back)
		s.service(42, "back.service")
		s.want(want)
	}
}

// A call for a job to stop a unit that wants no answer has a job, too. Its end is not that of
// what a bus asked for: the manager may have read that behind it.
func TestASilentStopBesideAnActivation(t *testing.T) {
	const name = "systemd-hostnamed.service"
	for _, tt := range []struct {
		name, verb, unit string
		want             string
	}{
		{"the unit is stopped", "StopUnit", name, "unknown (unknown): job_was_there " + name + " pid 41"},
		{"by an alias", "StopUnit", "dbus-" + hostname1 + ".service", "unknown (unknown): job_was_there " + name + " pid 41"},
		{"it is reloaded", "ReloadUnit", name, "unknown (unknown): job_was_there " + name + " pid 41"},
		{"another unit is", "StopUnit", "foo.service", "socket systemd-hostnamed.socket (manager)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := withHostnamed(t)
			s.caller(40, "systemctl")
			s.caller(41, "hostnamectl")
			s.ask(41, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			s.newJob("foo.service")
			s.now += 30 // which is too long for the jobs of one transaction
			s.ask(40, private, silently(job(tt.verb, tt.unit)))
			s.says(40, "JobRemoved", s.newJob(name), name, "done")
			s.newJob(name)
			u := hostnamed()
			u.TriggeredBy = []string{"systemd-hostnamed.socket"}
			s.units["systemd-hostnamed.socket"] = event.UnitState{Name: "systemd-hostnamed.socket", SubState: "running", StateChangeUS: (s.now + 500) * 1000}
			s.runs(u)
			s.service(42, name)
			s.want(tt.want)
		})
	}
}

// The service is asked about in time, its timer only when that has elapsed again. Then it is
// not known whether that elapsed right beside the request, too.
func TestATimerThatElapsedAgainBesideARequest(t *testing.T) {
	const doubted = "command 41 cron.service (inferred): trigger_or_request foo.service foo.timer pid 41"
	for _, tt := range []struct {
		name    string
		through string // the unit that the timer starts
		elapsed uint64 // ms after the request, 0 for never
		want    string
	}{
		{"it has elapsed again", "foo.service", 5000, doubted},
		{"it never has", "foo.service", 0, "command 41 cron.service (kernel)"},
		{"it starts what brings the unit up", "front.service", 5000, "command 41 cron.service (inferred): trigger_or_request foo.service front.timer pid 41"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			u := foo()
			u.Dependents = []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}
			front := event.UnitState{Name: "front.service", Type: "simple"}
			timer := event.UnitState{Name: strings.Replace(tt.through, ".service", ".timer", 1), SubState: "waiting"}
			if tt.elapsed != 0 {
				timer.LastTriggerUS = (s.now + tt.elapsed) * 1000
			}
			s.units[timer.Name] = timer
			if tt.through == u.Name {
				u.TriggeredBy = []string{timer.Name}
			} else {
				front.TriggeredBy = []string{timer.Name}
			}
			s.units[front.Name] = front
			s.caller(41, "systemctl", "start", "foo")
			r := s.ask(41, private, job("StartUnit", "foo.service"))
			s.accept(r, s.newJob("foo.service"))
			s.runs(u)
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// What a user's manager does with calls takes no room from what the system's did.
func TestAUsersManagerAnswersManyCalls(t *testing.T) {
	s := tell(t)
	s.pidns = 1
	s.caller(40, "systemctl", "start", "foo")
	s.caller(43, "systemctl", "try-restart", "foo")
	first := s.ask(40, private, job("StartUnit", "foo.service"))
	second := s.ask(43, private, job("TryRestartUnit", "foo.service"))
	s.accept(first, s.newJob("foo.service"))
	s.accept(second, s.newJob("foo.service"))
	flood(t, s, 1) // which makes the user's manager
	own := func(i uint32, fromBus bool, m *dbus.Message) {
		data := encode(t, m)
		binary.LittleEndian.PutUint32(data[8:], i)
		sent := &event.BusMessage{Sender: s.id(41), Bus: 3, Path: "/run/user/1000/bus", PeerPID: 100, Listener: s.id(100), Conn: 77, Copied: true, Size: uint32(len(data)), Data: data}
		if fromBus {
			sent.Sender, sent.PeerPID, sent.FromBus = s.id(100), 41, true
		}
		s.observe(sent)
	}
	for i := range uint32(2000) {
		own(i+1, false, job("TryRestartUnit", "own.service"))
		reply := &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(i + 1)}}
		own(i+1, true, withBody(reply, []any{jobPath(i + 1)}))
	}
	s.runs(foo())
	s.service(42, "foo.service")
	s.want("command 40 cron.service (kernel)")
}

// A request that waits for leave finds the job of a socket or path unit that triggers
// meanwhile. It is answered with that job, as if it was its own.
func TestARequestThatWaitsWhileAListenerTriggers(t *testing.T) {
	const whole = "command 41 session-3.scope (kernel)"
	doubted := func(by string) string {
		return "command 41 session-3.scope (inferred): trigger_or_request lamp.service " + by + " pid 41"
	}
	for _, tt := range []struct {
		name, by string
		waits    uint64 // ms until there is a job
		answer   uint64 // ms from then until the answer
		changed  bool   // the unit's state has changed since the request
		through  bool   // the unit triggers another one, which brings this one up
		want     string
	}{
		{"a path", "lamp.path", 2000, 50, true, false, doubted("lamp.path")},
		{"a socket", "lamp.socket", 2000, 50, true, false, doubted("lamp.socket")},
		{"an automount", "lamp.automount", 2000, 50, true, false, doubted("lamp.automount")},
		{"a socket of what brings the unit up", "front.socket", 2000, 50, true, true, doubted("front.socket")},
		{"one that did not change", "lamp.socket", 2000, 50, false, false, whole},
		{"the job comes at once", "lamp.socket", 5, 0, true, false, whole},
		{"the job comes at once, and the answer does not", "lamp.socket", 5, 20, true, false, doubted("lamp.socket")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			u := event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true}
			u.Dependents = []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}
			front := event.UnitState{Name: "front.service", Type: "simple"}
			if tt.through {
				front.TriggeredBy = []string{tt.by}
			} else {
				u.TriggeredBy = []string{tt.by}
			}
			s.units["front.service"] = front
			s.user(41, "busctl")
			trigger := event.UnitState{Name: tt.by, SubState: "waiting", StateChangeUS: s.now * 1000}
			r := s.ask(41, toBus, job("StartUnit", "lamp.service"))
			s.now += tt.waits
			n := s.newJob("lamp.service")
			s.now += tt.answer
			s.accept(r, n)
			if tt.changed {
				trigger.SubState, trigger.StateChangeUS = "running", (s.now+50)*1000
			}
			s.units[tt.by] = trigger
			s.runs(u)
			s.service(42, "lamp.service")
			s.want(tt.want)
		})
	}
}

// A timer elapsed, and a socket or path unit may have triggered before it. Who was there when
// the job was made knows.
func TestATimerBesideAListener(t *testing.T) {
	for _, tt := range []struct {
		name  string
		heard bool
		state string
		want  string
	}{
		{"nobody heard of the job", false, "running", "timer foo.timer (inferred): other_trigger foo.service foo.path"},
		{"the job came when it had elapsed", true, "running", "timer foo.timer (manager)"},
		{"the path unit did nothing", false, "waiting", "timer foo.timer (manager)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			u := foo()
			u.TriggeredBy = []string{"foo.path", "foo.timer"}
			u.InactiveEnterUS = s.now * 1000
			listener := event.UnitState{Name: "foo.path", SubState: tt.state, StateChangeUS: s.now * 1000}
			s.now += 100
			s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: s.now * 1000}
			if tt.heard {
				s.newJob("foo.service")
			}
			if tt.state == "running" {
				listener.StateChangeUS = (s.now + 50) * 1000
			}
			s.units["foo.path"] = listener
			s.runs(u)
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// The same for a timer and a socket of what brings the unit up.
func TestATimerBesideAListenerOfAnotherUnit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		heard int // ms after the timer elapsed, 0 for never
		state string
		want  string
	}{
		{"nobody heard of the job", 0, "running", "timer front.timer (inferred): other_trigger back.service front.socket"},
		{"the job came when it had elapsed", 1, "running", "timer front.timer (manager)"},
		{"the job was there before it elapsed", -20, "running", "unknown (unknown): nobody_asked back.service"},
		{"nobody connected", 0, "listening", "timer front.timer (manager)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple", TriggeredBy: []string{"front.timer", "front.socket"}}
			s.now += 100
			elapsed := s.now
			if tt.heard != 0 {
				s.now = uint64(int(elapsed) + tt.heard)
				s.newJob("back.service")
			}
			s.now = elapsed + 10
			s.units["front.timer"] = event.UnitState{Name: "front.timer", LastTriggerUS: elapsed * 1000}
			listener := event.UnitState{Name: "front.socket", SubState: tt.state, StateChangeUS: 1000}
			if tt.state == "running" {
				listener.StateChangeUS = (s.now + 50) * 1000
			}
			s.units["front.socket"] = listener
			s.runs(event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}})
			s.service(42, "back.service")
			s.want(tt.want)
		})
	}
}

// A bus passes on a request of which the sending could not be read. Whoever made it may have made
// the job.
func TestARequestThatOnlyTheBusPassesOnBesideAnother(t *testing.T) {
	for passed, want := range map[bool]string{
		true:  "command 41 cron.service (inferred): unreadable_message foo.service",
		false: "command 41 cron.service (kernel)",
	} {
		s := tell(t)
		s.caller(41, "systemctl", "start", "foo")
		r := s.ask(41, private, job("StartUnit", "foo.service"))
		if passed {
			s.fromBus(1, silently(job("StartUnit", "foo.service")))
		}
		s.newJobFor(r, "foo.service")
		s.runs(foo())
		s.service(42, "foo.service")
		s.want(want)
	}
}

// The same where the unit was cut off. What is too long for a request is somebody's who wants
// others to be doubted.
func TestARequestThatTheBusPassesOnCutOff(t *testing.T) {
	enqueue := method("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "EnqueueUnitJob", "lamp.service", "start", "replace")
	const doubted = "socket lamp.socket (inferred): messages_lost lamp.service"
	for _, tt := range []struct {
		m    *dbus.Message
		size uint32
		want string
	}{
		{job("StartUnit", "lamp.service"), 200, doubted},
		{enqueue, 200, doubted},
		{job("StartUnit", "lamp.service"), 5000, "socket lamp.socket (manager)"},
		{getHostname(), 200, "socket lamp.socket (manager)"},
	} {
		s := tell(t)
		data := encode(t, silently(tt.m))
		body := int(binary.LittleEndian.Uint32(data[4:]))
		s.see(&event.BusMessage{Sender: s.id(20), Bus: 1, Path: toBus, FromBus: true, PeerPID: 1, Conn: 9, Copied: true, Size: tt.size, Data: data[:len(data)-body]})
		s.newJob("lamp.service")
		s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
		s.runs(event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.socket"}})
		s.service(42, "lamp.service")
		s.want(tt.want)
	}
}

// What a thread of the kernel sent for the manager is not believed. It hides whose job it was.
func TestAJobThatAThreadOfTheKernelAnnounces(t *testing.T) {
	for nameless, want := range map[bool]string{
		true:  "command 41 cron.service (inferred): messages_lost " + hostname1,
		false: "command 41 cron.service (kernel)",
	} {
		s := withHostnamed(t)
		const name = "systemd-hostnamed.service"
		s.caller(40, "busctl")
		s.caller(41, "hostnamectl")
		if nameless {
			s.ask(40, toBus, job("StartUnit", name))
		}
		s.ask(41, toBus, getHostname())
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		m := signal("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobNew", uint32(9), jobPath(9), name)
		sent := &event.BusMessage{Bus: 1, Path: toBus, PeerPID: 1, Conn: 9, Copied: true, Data: encode(t, m)}
		if sent.Size = uint32(len(sent.Data)); !nameless {
			sent.Sender = s.id(1)
		}
		s.see(sent)
		if nameless {
			s.accept(sentMessage{pid: 40, serial: s.serials - 1, conn: 1040, socket: toBus}, 9)
		}
		s.runs(hostnamed())
		s.service(42, name)
		s.want(want)
	}
}

// A request of which the unit could not be read may be granted long after. Whoever is answered
// with the job then has made it.
func TestACutRequestThatIsGrantedLate(t *testing.T) {
	const doubted = "socket lamp.socket (inferred): messages_lost lamp.service"
	enqueue := method("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "EnqueueUnitJob", "lamp.service", "start", "replace")
	for _, tt := range []struct {
		name string
		m    *dbus.Message
		cut  int
		want string
	}{
		{"cut before the unit", enqueue, 44, doubted},
		{"cut before the type of job", enqueue, 22, doubted},
		{"another method", job("StartUnit", "lamp.service"), 30, doubted},
		{"a call that is whole", job("ReloadUnit", "lamp.service"), 0, "socket lamp.socket (manager)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.user(41, "busctl")
			s.serials++
			data := encode(t, tt.m)
			binary.LittleEndian.PutUint32(data[8:], s.serials)
			s.see(&event.BusMessage{
				Sender: s.id(41), TID: 41, Bus: 1, Path: toBus, PeerPID: 1, Conn: 9, Copied: true, Size: uint32(len(data)), Data: data[:len(data)-tt.cut],
			})
			s.now += 2300
			s.newJobFor(sentMessage{pid: 41, serial: s.serials, conn: 9, socket: toBus}, "lamp.service")
			s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
			s.runs(event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.socket"}})
			s.service(42, "lamp.service")
			s.want(tt.want)
		})
	}
}

// A request of which neither the sending nor the passing on was heard may be granted long after,
// and nobody is answered if he wanted that.
func TestALossLongBeforeALeave(t *testing.T) {
	const doubted, sure = "socket lamp.socket (inferred): messages_lost lamp.service", "socket lamp.socket (manager)"
	user, bus := event.Owner{UID: 1000, PIDNamespace: 1}, event.Owner{UID: 100, PIDNamespace: 1}
	for _, tt := range []struct {
		name string
		of   []event.Owner
		ago  uint64
		want string
	}{
		{"of a user and of the bus", []event.Owner{user, bus}, 60_000, doubted},
		{"of a service and of the bus", []event.Owner{{UID: 101, PIDNamespace: 1}, bus}, 60_000, doubted},
		{"of nobody known", []event.Owner{{}}, 60_000, doubted},
		{"too long ago", []event.Owner{user, bus}, 400_000, sure},
		{"of the bus alone", []event.Owner{bus}, 60_000, sure},
		{"of a user alone", []event.Owner{user}, 60_000, sure},
		{"of root and of the bus", []event.Owner{{PIDNamespace: 1}, bus}, 60_000, sure},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			for _, of := range tt.of {
				s.see(&event.Loss{Kind: event.LossBus, Count: 1, Owner: of})
			}
			s.now += tt.ago
			s.newJob("lamp.service")
			s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
			s.runs(event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.socket"}})
			s.service(42, "lamp.service")
			s.want(tt.want)
		})
	}
}

// A bus asks for a service that is being stopped, and somebody else does so, too. Either has
// cancelled the stop.
func TestAStartBesideAnActivationOfWhatIsBeingStopped(t *testing.T) {
	const name = "systemd-hostnamed.service"
	for _, tt := range []struct {
		name  string
		over  bool   // the job is over when it is looked at
		start string // the unit that is asked for
		want  string
	}{
		{"its job is still there", false, name, "command 43 cron.service (inferred): other_asked " + hostname1 + " pid 40"},
		{"its job is over", true, name, "command 40 cron.service (inferred): other_asked " + name + " pid 43"},
		{"another unit", false, "foo.service", "command 43 cron.service (inferred)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := withHostnamed(t)
			for pid := uint32(39); pid <= 43; pid++ {
				if pid != 42 {
					s.caller(pid, "systemctl")
				}
			}
			s.newJobFor(s.ask(39, private, job("StartUnit", name)), name)
			s.runs(hostnamed())
			s.service(42, name)
			s.says(39, "JobRemoved", s.jobs, name, "done")
			s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
			s.now += 3000
			stop := s.newJobFor(s.ask(39, private, job("StopUnit", name)), name)
			s.fromBus(1, ownerChanged(hostname1, ":1.9", ""))
			s.ask(43, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			r := s.ask(40, private, job("StartUnit", tt.start))
			s.says(30, "JobRemoved", stop, name, "canceled")
			n := s.newJobFor(r, tt.start)
			if tt.start != name {
				s.newJob(name)
			}
			s.now++
			s.see(&event.Process{ID: s.id(42), Parent: s.id(1), Cgroup: s.cgroups["/system.slice/"+name], Exited: true, ExitNS: s.now * ms})
			u := hostnamed()
			u.InactiveEnterUS = s.now * 1000
			s.runs(u)
			s.mute = true
			s.service(44, name)
			if tt.over {
				s.says(30, "JobRemoved", n, name, "done")
			}
			s.mute = false
			s.collect()
			s.done = s.done[1:]
			s.want(tt.want)
		})
	}
}

// A request for another unit is answered when its jobs were there: a socket has made them.
func TestARequestThatFindsTheJobsOfASocket(t *testing.T) {
	for found, want := range map[bool]string{
		true:  "command 41 cron.service (inferred): trigger_or_request back.service front.socket pid 41",
		false: "command 41 cron.service (manager)",
	} {
		s := tell(t)
		s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple", TriggeredBy: []string{"front.socket"}}
		s.caller(41, "systemctl")
		r := s.ask(41, private, job("ReloadOrRestartUnit", "front.service"))
		if found {
			s.newJob("back.service")
		}
		s.newJobFor(r, "front.service")
		if !found {
			s.newJob("back.service")
		}
		s.units["front.socket"] = event.UnitState{Name: "front.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
		s.runs(event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}})
		s.service(42, "back.service")
		s.want(want)
	}
}

// A restart without an answer may be read when the job that a timer has made is over.
func TestASilentRestartThatIsReadAfterATrigger(t *testing.T) {
	s := tell(t)
	s.caller(41, "busctl")
	u := event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.timer", "lamp.socket"}}
	s.units["lamp.timer"] = event.UnitState{Name: "lamp.timer", LastTriggerUS: s.now * 1000}
	s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
	s.ask(41, private, silently(job("RestartUnit", "lamp.service")))
	n := s.newJob("lamp.service")
	s.runs(u)
	s.service(42, "lamp.service")
	s.says(30, "JobRemoved", n, "lamp.service", "done")
	s.newJob("lamp.service")
	u.InactiveEnterUS = s.now * 1000
	s.runs(u)
	s.done = nil
	s.service(44, "lamp.service")
	s.want("unknown (unknown): asked_while_running lamp.service")
}

// A socket unit triggers nothing while its service runs. A job from before that was over is
// another unit's doing.
func TestAJobFromBeforeTheRunBeforeWasOver(t *testing.T) {
	for early, want := range map[bool]string{
		true:  "unknown (unknown): nobody_asked lamp.service",
		false: "socket lamp.socket (manager)",
	} {
		s := tell(t)
		u := event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.socket"}}
		u.InactiveEnterUS = (s.now + 1) * 1000
		if early {
			u.InactiveEnterUS += 1000
		}
		s.now++
		n := s.newJob("lamp.service")
		s.now += 10
		s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
		s.runs(u)
		s.mute = true
		s.service(42, "lamp.service")
		s.says(30, "JobRemoved", n, "lamp.service", "done")
		s.mute = false
		s.collect()
		s.want(want)
	}
}

// A request to restart a unit began a run without a namespace, and the end of its job was not
// heard. A timer elapsed when that run was over.
func TestATimerAfterARunThatWasNotSeen(t *testing.T) {
	for later, want := range map[bool]string{
		true:  "unknown (unknown): trigger_or_request foo.service foo.timer pid 41",
		false: "command 41 cron.service (kernel)",
	} {
		s := tell(t)
		u := foo()
		u.TriggeredBy = []string{"foo.timer"}
		s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: s.now * 1000}
		s.runs(u)
		s.service(39, "foo.service")
		s.done = nil
		s.caller(41, "systemctl")
		s.newJobFor(s.ask(41, private, job("RestartUnit", "foo.service")), "foo.service")
		s.now += 200
		u.InactiveEnterUS = s.now * 1000
		s.now += 200
		if later {
			s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: s.now * 1000}
		}
		s.runs(u)
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A unit ended while the manager was starting, and another one that brings it up is asked for
// before the manager has noted that. The job of that comes later.
func TestARequestFromBeforeAnEndIsNotedDuringBoot(t *testing.T) {
	for granted, want := range map[bool]string{
		true:  "command 41 cron.service (manager)",
		false: "boot back.service (inferred): trigger_or_boot back.service back.service",
	} {
		s := tell(t)
		s.boot = event.ManagerBoot{UserspaceUS: 1}
		s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple"}
		s.caller(41, "systemctl")
		r := s.ask(41, private, job("StartUnit", "front.service"))
		s.now++
		u := event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, InactiveEnterUS: s.now * 1000}
		u.Dependents = []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}
		if granted {
			s.newJobFor(r, "front.service")
		}
		s.newJob("back.service")
		s.runs(u)
		s.service(42, "back.service")
		s.want(want)
	}
}

// A timer elapsed while the run before was being stopped, and nobody heard its job to be new.
// The socket unit follows its service.
func TestATimerWhileTheRunBeforeIsStopped(t *testing.T) {
	for heard, want := range map[bool]string{
		false: "socket lamp.socket (inferred): other_trigger lamp.service lamp.timer",
		true:  "socket lamp.socket (manager)",
	} {
		s := tell(t)
		u := event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.socket", "lamp.timer"}}
		s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
		s.units["lamp.timer"] = event.UnitState{Name: "lamp.timer", LastTriggerUS: 1}
		s.runs(u)
		s.service(42, "lamp.service")
		s.done = nil
		s.now += 1000
		s.units["lamp.timer"] = event.UnitState{Name: "lamp.timer", LastTriggerUS: s.now * 1000}
		s.now += 30
		u.InactiveEnterUS = s.now * 1000
		s.now += 30
		var n uint32
		if heard {
			n = s.newJob("lamp.service")
		}
		s.runs(u)
		s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
		s.mute = true
		s.service(44, "lamp.service")
		if heard {
			s.says(30, "JobRemoved", n, "lamp.service", "done")
		}
		s.mute = false
		s.collect()
		s.want(want)
	}
}

// A timer elapsed, but its job was cancelled. The job that began the run came much later.
func TestATimerWhoseJobWasCancelled(t *testing.T) {
	for later, want := range map[uint64]string{
		1:      "timer lamp.timer (manager)",
		14_000: "socket lamp.socket (inferred): other_trigger lamp.service lamp.timer",
	} {
		s := tell(t)
		s.units["lamp.timer"] = event.UnitState{Name: "lamp.timer", SubState: "running", LastTriggerUS: s.now * 1000}
		s.now += later
		s.newJob("lamp.service")
		s.units["lamp.socket"] = event.UnitState{Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 50) * 1000}
		s.runs(event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.timer", "lamp.socket"}})
		s.service(42, "lamp.service")
		s.want(want)
	}
}

// A timer found the job of the unit that brings this one up. Who asked for that was not heard.
func TestATimerThatFindsTheJobOfAnotherUnit(t *testing.T) {
	for found, want := range map[bool]string{
		true:  "unknown (unknown): nobody_asked back.service",
		false: "timer front.timer (manager)",
	} {
		s := tell(t)
		s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple", TriggeredBy: []string{"front.timer"}}
		if found {
			s.newJob("front.service")
		}
		s.now++
		s.units["front.timer"] = event.UnitState{Name: "front.timer", LastTriggerUS: s.now * 1000}
		if !found {
			s.newJob("front.service")
		}
		s.newJob("back.service")
		s.runs(event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}})
		s.service(42, "back.service")
		s.want(want)
	}
}

// Somebody else's request could not be read. If he is root, it may have made the job with which
// another one was answered. A user's shows who had it granted.
func TestAnAnswerBesideARequestThatCannotBeRead(t *testing.T) {
	for uid, want := range map[uint32]string{
		0:    "command 41 cron.service (inferred): unreadable_message foo.service pid 40",
		1000: "command 41 cron.service (kernel)",
	} {
		s := tell(t)
		s.pidns = 1
		s.caller(41, "systemctl", "start", "foo")
		s.uid = uid
		s.process(40, 30, "/system.slice/cron.service", "/bin/tool", "tool")
		s.uid = 0
		r := s.ask(41, private, job("StartUnit", "foo.service"))
		data := encode(t, silently(job("StartUnit", "foo.service")))
		s.see(&event.BusMessage{Sender: s.id(40), TID: 40, Bus: 4, Path: private, PeerPID: 1, Conn: 77, Copied: true, Size: uint32(len(data)), Data: data[:40]})
		s.newJobFor(r, "foo.service")
		s.runs(foo())
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A request without an answer is made while a service ends, and a bus asks for that when its
// process is gone. The manager has noted neither end.
func TestASilentStartWhileAServiceEnds(t *testing.T) {
	const name = "systemd-hostnamed.service"
	for asks, want := range map[bool]string{
		true:  "command 41 cron.service (inferred): other_asked " + hostname1 + " pid 40",
		false: "command 41 cron.service (kernel)",
	} {
		s := withHostnamed(t)
		s.caller(40, "busctl")
		s.caller(41, "hostnamectl")
		s.runs(hostnamed())
		s.service(39, name)
		s.done = nil
		s.now += 3000
		if asks {
			s.ask(40, private, silently(job("StartUnit", name)))
		}
		s.see(&event.Process{ID: s.id(39), Parent: s.id(1), Cgroup: s.cgroups["/system.slice/"+name], Exited: true, ExitNS: s.now * ms})
		s.ask(41, toBus, getHostname())
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		s.newJob(name)
		u := hostnamed()
		s.now++
		u.InactiveEnterUS = s.now * 1000
		s.runs(u)
		s.service(42, name)
		s.want(want)
	}
}

// A unit is asked for while it waits for an automatic restart. The manager is asked so late that
// it counts the restarts of a later run.
func TestAStartBeforeAnAutomaticRestartThatNobodyCounts(t *testing.T) {
	for policy, want := range map[string]string{
		"always": "command 41 cron.service (inferred): restart_or_request foo.service",
		"no":     "command 41 cron.service (kernel)",
	} {
		s := tell(t)
		u := foo()
		u.Restart = policy
		s.runs(u)
		s.service(39, "foo.service")
		s.done = nil
		s.now += 1000
		s.caller(41, "systemctl")
		s.newJobFor(s.ask(41, private, job("StartUnit", "foo.service")), "foo.service")
		s.now += 300
		s.mute = true
		s.service(42, "foo.service")
		s.now += 2000
		s.runs(u)
		s.mute = false
		s.collect()
		s.want(want)
	}
}

// A bus asks for a unit during boot, and something that starts nothing has a job there.
func TestAnActivationDuringBootBesideAJobThatStartsNothing(t *testing.T) {
	const name = "systemd-hostnamed.service"
	s := withHostnamed(t)
	s.boot = event.ManagerBoot{UserspaceUS: 1}
	s.caller(40, "busctl")
	s.caller(41, "hostnamectl")
	s.ask(40, private, silently(job("TryRestartUnit", name)))
	s.newJob(name)
	s.now += 2000
	s.ask(41, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.runs(hostnamed())
	s.service(42, name)
	for _, a := range s.done {
		if a.Origin.Trigger == finding.TriggerBoot && a.Origin.Evidence != evidence.Inferred {
			t.Errorf("blamed the boot: %s", a.Origin.Evidence)
		}
	}
}

// A request without an answer was sent right before the machine was suspended, and read after
// that, as was the request of a bus.
func TestASilentStartFromBeforeASuspend(t *testing.T) {
	const name = "systemd-hostnamed.service"
	for suspended, want := range map[bool]string{
		true:  "command 41 cron.service (inferred): other_asked " + hostname1 + " pid 40",
		false: "command 41 cron.service (kernel)",
	} {
		s := withHostnamed(t)
		s.caller(40, "systemctl")
		s.caller(41, "hostnamectl")
		s.ask(40, private, silently(job("StartUnit", name)))
		s.now += 47_000
		s.ask(41, toBus, getHostname())
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		s.newJob(name)
		if suspended {
			s.lag = 46_900 * ms
		}
		s.runs(hostnamed())
		s.service(42, name)
		s.want(want)
	}
}

// Two ask for a restart, and one of them has no answer yet when the second run is looked at.
// Either may have had it begin anew.
func TestARestartWhoseAnswerIsStillToCome(t *testing.T) {
	for two, want := range map[bool]string{
		true:  "command 41 session-3.scope (inferred): other_asked foo.service pid 40",
		false: "command 41 session-3.scope (kernel)",
	} {
		s := tell(t)
		s.user(40, "busctl")
		s.user(41, "busctl")
		if two {
			s.ask(40, toBus, job("RestartUnit", "foo.service"))
		}
		r := s.ask(41, toBus, job("RestartUnit", "foo.service"))
		n := s.newJob("foo.service")
		s.runs(foo())
		s.service(42, "foo.service")
		s.done = nil
		s.now += 100
		s.accept(r, n)
		u := foo()
		u.InactiveEnterUS = s.now * 1000
		s.now++
		s.runs(u)
		s.service(44, "foo.service")
		s.want(want)
	}
}

// A unit is asked for while it waits for an automatic restart, and no run before is known. The
// job is that of the restart then (src/core/job.c, job_merge_into_installed). The manager, which
// is asked when the run is over, counts it.
func TestAStartBeforeAnAutomaticRestartOfARunThatWasNotSeen(t *testing.T) {
	const mayRestart = "command 41 cron.service (inferred): restart_or_request foo.service"
	for _, tt := range []struct {
		count uint32
		later bool // the answer is about the run behind it
		want  string
	}{
		{0, false, "command 41 cron.service (kernel)"},
		{1, false, mayRestart},
		{1, true, "command 41 cron.service (kernel)"},
		{2, true, mayRestart},
	} {
		s := tell(t)
		s.caller(41, "systemctl")
		s.newJobFor(s.ask(41, private, job("StartUnit", "foo.service")), "foo.service")
		s.now += 1000
		u := foo()
		u.Restart, u.SubState, u.NRestarts = "always", "auto-restart", tt.count
		u.ConditionUS, u.InactiveEnterUS, u.InactiveExitUS = s.now*1000, (s.now+50)*1000, (s.now+51)*1000
		if tt.later {
			u.ConditionUS = (s.now + 40) * 1000
		}
		s.units["foo.service"] = u
		s.service(42, "foo.service")
		s.want(tt.want)
	}
}

// Somebody restarts what runs, and nobody hears that the job by which it runs is over. If
// nothing ran, his own job did nothing.
func TestATryToRestartARunWhoseJobSeemsToBeThere(t *testing.T) {
	for ran, want := range map[bool]string{
		true:  "command 40 cron.service (inferred): other_asked foo.service pid 41",
		false: "command 40 cron.service (kernel)",
	} {
		s := tell(t)
		s.caller(40, "systemctl")
		s.caller(41, "systemctl")
		s.newJobFor(s.ask(40, private, job("RestartUnit", "foo.service")), "foo.service")
		u := foo()
		n := s.newJobFor(s.ask(41, private, job("TryRestartUnit", "foo.service")), "foo.service")
		if ran {
			u.InactiveEnterUS = (s.now + 1) * 1000
		}
		s.now += 30
		s.runs(u)
		s.id(42) // is forked
		s.says(30, "JobRemoved", n, "foo.service", "done")
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A unit is asked for while it runs, and somebody restarts it before anything came of that. If it
// was being stopped, the job has waited for the end. Else the restart has ended the run. If the
// run was over before, the job has begun one that was not seen.
func TestARestartThatFindsTheJobOfAStart(t *testing.T) {
	for _, tt := range []struct {
		name          string
		stopped, gone bool
		want          string
	}{
		{"it ran", false, false, "command 41 cron.service (inferred): other_asked foo.service pid 40"},
		{"it was being stopped", true, false, "command 40 cron.service (inferred): other_asked foo.service pid 41"},
		{"it was over", false, true, "command 41 cron.service (kernel)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			for pid := uint32(40); pid <= 41; pid++ {
				s.caller(pid, "systemctl")
			}
			s.runs(foo())
			s.service(39, "foo.service")
			s.done = nil
			s.now += 3000
			if tt.stopped {
				n := s.newJob("foo.service")
				s.says(40, "JobRemoved", n, "foo.service", "canceled")
			}
			if tt.gone {
				s.exits(39, "foo.service")
			}
			n := s.newJobFor(s.ask(40, private, job("StartUnit", "foo.service")), "foo.service")
			s.accept(s.ask(41, private, job("RestartUnit", "foo.service")), n)
			if !tt.gone {
				s.exits(39, "foo.service")
			}
			u := foo()
			u.InactiveEnterUS = (s.now + 1) * 1000
			s.now += 3
			s.runs(u)
			s.id(42) // is forked
			s.says(30, "JobRemoved", n, "foo.service", "done")
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// exits ends a service's process.
func (s *story) exits(pid uint32, name string) {
	s.see(&event.Process{ID: s.id(pid), Parent: s.id(1), Cgroup: s.cgroups["/system.slice/"+name], Exited: true, ExitNS: s.now * ms})
}

// A restart that wants no answer may have had a job begin anew, and the manager is asked about
// the run only when that is over. So when the run before ended is not known.
func TestASilentRestartBesideOneThatIsAnsweredOfARunThatIsOver(t *testing.T) {
	for silent, want := range map[bool]string{
		true:  "command 43 cron.service (inferred): other_asked foo.service pid 41",
		false: "command 43 cron.service (kernel)",
	} {
		s := tell(t)
		s.caller(40, "systemctl", "start", "foo")
		s.caller(41, "busctl")
		s.caller(43, "systemctl", "restart", "foo")
		n := s.newJobFor(s.ask(40, private, job("StartUnit", "foo.service")), "foo.service")
		if silent {
			s.ask(41, private, silently(job("RestartUnit", "foo.service")))
		}
		s.runs(foo())
		s.service(42, "foo.service")
		s.accept(s.ask(43, private, job("RestartUnit", "foo.service")), n)
		s.now += 10
		u := foo()
		s.runs(u)
		u = s.units[u.Name]
		u.ConditionUS, u.InactiveEnterUS = s.now*1000, (s.now+10)*1000
		s.units[u.Name] = u
		s.service(44, "foo.service")
		s.done = s.done[1:]
		s.want(want)
	}
}

// A timer elapses while the run before is being stopped. A request finds its job.
func TestATimerWhoseJobWaitsForAStop(t *testing.T) {
	for elapsed, want := range map[bool]string{
		true:  "command 41 cron.service (inferred): trigger_or_request foo.service foo.timer pid 41",
		false: "command 41 cron.service (kernel)",
	} {
		s := tell(t)
		u := foo()
		u.TriggeredBy = []string{"foo.timer"}
		s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "running", LastTriggerUS: 1}
		s.runs(u)
		s.service(39, "foo.service")
		s.done = nil
		s.now += 3000
		s.caller(41, "systemctl")
		r := s.ask(41, private, job("StartUnit", "foo.service"))
		if elapsed {
			s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "running", LastTriggerUS: s.now * 1000}
		}
		n := s.newJobFor(r, "foo.service")
		u.InactiveEnterUS = (s.now + 1) * 1000
		s.now += 3
		s.runs(u)
		s.id(42) // is forked
		s.says(30, "JobRemoved", n, "foo.service", "done")
		s.service(42, "foo.service")
		s.want(want)
	}
}

// Somebody restarts a unit that brings up another one, which is restarted, too. The answer to
// that is still to come.
func TestARestartOfWhatAnotherRestartBringsUp(t *testing.T) {
	for both, want := range map[bool]string{
		true:  "command 40 cron.service (inferred): other_asked back.service pid 41",
		false: "command 40 cron.service (manager)",
	} {
		s := tell(t)
		s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple"}
		back := event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}}
		s.runs(back)
		s.service(39, "back.service")
		s.done = nil
		s.caller(40, "systemctl")
		s.user(41, "busctl")
		s.newJobFor(s.ask(40, private, job("RestartUnit", "front.service")), "front.service")
		if both {
			s.ask(41, toBus, job("TryRestartUnit", "back.service"))
		}
		s.newJob("back.service")
		back.InactiveEnterUS = (s.now + 1) * 1000
		s.now += 3
		s.runs(back)
		s.service(42, "back.service")
		s.want(want)
	}
}

// A user asks for a unit and wants no answer. He may be granted it only when a job of the unit is
// over, which somebody stops.
func TestAUserWhoWaitsWhileTheUnitIsStoppedDuringBoot(t *testing.T) {
	s := tell(t)
	s.boot = event.ManagerBoot{UserspaceUS: 1}
	s.user(41, "busctl")
	s.caller(40, "systemctl")
	s.ask(41, toBus, silently(job("StartUnit", "foo.service")))
	s.now += 2000
	n := s.newJobFor(s.ask(40, private, job("StopUnit", "foo.service")), "foo.service")
	s.says(40, "JobRemoved", n, "foo.service", "done")
	s.now += 1000
	s.newJob("foo.service")
	s.runs(foo())
	s.service(42, "foo.service")
	s.want("boot foo.service (inferred): other_asked foo.service pid 41")
}

// Somebody asks for a unit without wanting an answer, and another one fails whose failure starts
// it. Which of the two made the job is not known.
func TestARequestBesideAFailure(t *testing.T) {
	for fails, want := range map[bool]string{
		true:  "command 41 cron.service (inferred): trigger_or_request rescue.service broken.service pid 41",
		false: "command 41 cron.service (kernel)",
	} {
		s := tell(t)
		s.now += 3000
		s.caller(41, "systemctl")
		s.ask(41, private, silently(job("StartUnit", "rescue.service")))
		s.now += 60
		broken := event.UnitState{Name: "broken.service", Type: "oneshot", SubState: "failed", InactiveEnterUS: 1}
		if fails {
			broken.InactiveEnterUS = s.now * 1000
		}
		s.units["broken.service"] = broken
		s.newJob("rescue.service")
		s.runs(event.UnitState{Name: "rescue.service", Type: "oneshot", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "broken.service", Dependency: "OnFailureOf"}}})
		s.service(42, "rescue.service")
		s.want(want)
	}
}

// Two ask for a unit that brings up another one, which has ended meanwhile. The second finds the
// job of the first, and yet brings that up once more.
func TestARequestThatFindsTheJobOfWhatBringsAUnitUp(t *testing.T) {
	for ended, want := range map[bool]string{
		true:  "command 40 cron.service (inferred): other_asked front.service pid 41",
		false: "command 40 cron.service (manager)",
	} {
		s := tell(t)
		s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple"}
		back := event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}}
		s.caller(40, "systemctl")
		s.caller(41, "systemctl")
		n := s.newJobFor(s.ask(40, private, job("StartUnit", "front.service")), "front.service")
		own := s.newJob("back.service")
		s.now += 100
		second := s.ask(41, private, job("StartUnit", "front.service"))
		if ended {
			s.says(40, "JobRemoved", own, "back.service", "done")
		}
		s.accept(second, n)
		if ended {
			s.newJob("back.service")
		}
		s.runs(back)
		s.service(42, "back.service")
		s.want(want)
	}
}

// The job that a timer made, or found, is over when the one is made that begins the run.
func TestATimerWhoseJobIsOver(t *testing.T) {
	for _, tt := range []struct {
		name                  string
		before, result, after string
		want                  string
	}{
		{"it was cancelled", "", "", "canceled", "unknown (unknown): nobody_asked foo.service"},
		{"it was there before", "start", "done", "", "unknown (unknown): nobody_asked foo.service"},
		{"it cancelled another one", "stop", "canceled", "", "timer foo.timer (manager)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			u := event.UnitState{Name: "foo.service", Type: "oneshot", PrivateNetwork: true, TriggeredBy: []string{"foo.timer"}}
			n := uint32(0)
			if tt.before != "" {
				n = s.newJob("foo.service")
				s.now += 10
			}
			s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "running", LastTriggerUS: s.now * 1000}
			if tt.after != "" {
				n = s.newJob("foo.service")
			}
			s.says(30, "JobRemoved", n, "foo.service", tt.result+tt.after)
			s.newJob("foo.service")
			s.runs(u)
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// Nobody knows who was given the job that began a run: what he sent could not be read. A timer
// had elapsed before.
func TestATimerBesideAJobThatAStrangerWasGiven(t *testing.T) {
	for stranger, want := range map[bool]string{
		true:  "timer foo.timer (inferred): messages_lost foo.service",
		false: "timer foo.timer (manager)",
	} {
		s := tell(t)
		u := foo()
		u.TriggeredBy = []string{"foo.timer"}
		s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "running", LastTriggerUS: s.now * 1000}
		s.caller(41, "systemctl")
		n := s.newJob("foo.service")
		if stranger {
			s.accept(sentMessage{pid: 41, serial: 99, conn: 7, socket: private}, n)
		}
		s.runs(u)
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A try to restart a unit is read when its run is over. Its job does nothing, also if it was sent
// before that.
func TestATryToRestartWhatIsOver(t *testing.T) {
	s := tell(t)
	s.runs(foo())
	s.service(39, "foo.service")
	s.done = nil
	s.now += 3000
	s.caller(40, "systemctl")
	s.caller(41, "systemctl")
	start := s.ask(40, private, job("StartUnit", "foo.service"))
	try := s.ask(41, private, job("TryRestartUnit", "foo.service"))
	n := s.newJobFor(start, "foo.service")
	u := foo()
	u.InactiveEnterUS = s.now * 1000
	s.now++
	s.newJobFor(try, "foo.service")
	s.runs(u)
	s.id(42) // is forked
	s.says(30, "JobRemoved", n, "foo.service", "done")
	s.service(42, "foo.service")
	s.want("command 40 cron.service (kernel)")
}

// A restart began the run before, and nobody heard that its job was over. It takes nothing away
// from another one with a job of its own.
func TestARestartAfterOneWhoseEndWasNotHeard(t *testing.T) {
	s := tell(t)
	s.caller(40, "systemctl")
	s.caller(41, "systemctl")
	s.newJobFor(s.ask(40, private, job("RestartUnit", "foo.service")), "foo.service")
	s.runs(foo())
	s.service(39, "foo.service")
	s.done = nil
	s.now += 4000
	n := s.newJobFor(s.ask(41, private, job("TryRestartUnit", "foo.service")), "foo.service")
	u := foo()
	u.InactiveEnterUS = (s.now + 1) * 1000
	s.now += 3
	s.runs(u)
	s.id(42) // is forked
	s.says(30, "JobRemoved", n, "foo.service", "done")
	s.service(42, "foo.service")
	s.want("command 41 cron.service (kernel)")
}

// A unit waits for its automatic restart, and a start for that. A restart finds that job and has
// it go on at once. The job of a try to restart the unit does nothing beside it.
func TestARestartThatEndsTheWaitOfAStart(t *testing.T) {
	s := tell(t)
	s.runs(foo())
	s.service(39, "foo.service")
	s.exits(39, "foo.service")
	s.done = nil
	for _, pid := range []uint32{40, 41, 43} {
		s.caller(pid, "systemctl")
	}
	n := s.newJobFor(s.ask(40, private, job("StartUnit", "foo.service")), "foo.service")
	s.accept(s.ask(41, private, job("RestartUnit", "foo.service")), n)
	u := foo()
	u.InactiveEnterUS = s.now * 1000
	s.now++
	s.newJobFor(s.ask(43, private, job("TryRestartUnit", "foo.service")), "foo.service")
	s.runs(u)
	s.id(42) // is forked
	s.says(30, "JobRemoved", n, "foo.service", "done")
	s.service(42, "foo.service")
	s.want("command 41 cron.service (kernel)")
}

// A request that finds the job of another one for what brings a unit up makes a job for the unit,
// which waits until the run before has been stopped.
func TestARequestWhoseJobForAnotherUnitWaits(t *testing.T) {
	s := tell(t)
	s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple"}
	back := event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}}
	s.runs(back)
	s.service(39, "back.service")
	s.done = nil
	s.caller(40, "systemctl")
	s.caller(41, "systemctl")
	n := s.newJobFor(s.ask(40, private, job("TryRestartUnit", "front.service")), "front.service")
	s.accept(s.ask(41, private, job("StartUnit", "front.service")), n)
	own := s.newJob("back.service")
	back.InactiveEnterUS = (s.now + 1) * 1000
	s.now += 3
	s.runs(back)
	s.id(42) // is forked
	s.says(30, "JobRemoved", own, "back.service", "done")
	s.service(42, "back.service")
	s.want("command 40 cron.service (inferred): other_asked front.service pid 41")
}

// A job was done before anything was seen of a run. So there may have been one, which a try to
// restart the unit has ended.
func TestATryToRestartARunThatWasNotSeen(t *testing.T) {
	for done, want := range map[bool]string{
		true:  "command 40 cron.service (inferred): other_asked foo.service pid 41",
		false: "command 40 cron.service (kernel)",
	} {
		s := tell(t)
		s.caller(40, "systemctl")
		s.caller(41, "systemctl")
		if done {
			s.says(30, "JobRemoved", s.newJob("foo.service"), "foo.service", "done")
		}
		start := s.ask(40, private, job("StartUnit", "foo.service"))
		try := s.ask(41, private, job("TryRestartUnit", "foo.service"))
		n := s.newJobFor(start, "foo.service")
		if done {
			s.accept(try, n)
		}
		u := foo()
		s.runs(u)
		u = s.units[u.Name]
		u.ConditionUS, u.InactiveEnterUS = s.now*1000, (s.now+10)*1000
		s.units[u.Name] = u
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A bus asks for a unit that runs. The manager reads of it when that is over, as a request that
// is sent then. Either may have made the job.
func TestAnActivationThatIsReadAfterARun(t *testing.T) {
	for asked, want := range map[bool]string{
		true:  "command 44 cron.service (inferred): other_asked systemd-hostnamed.service pid 41",
		false: "command 44 cron.service (kernel)",
	} {
		const name = "systemd-hostnamed.service"
		s := withHostnamed(t)
		s.caller(40, "systemctl")
		s.caller(41, "hostnamectl")
		s.caller(44, "systemctl")
		n := s.newJobFor(s.ask(40, private, job("StartUnit", name)), name)
		if asked {
			s.ask(41, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
		}
		s.runs(hostnamed())
		s.service(42, name)
		s.done = nil
		r := s.ask(44, private, job("StartUnit", name))
		s.exits(42, name)
		s.says(40, "JobRemoved", n, name, "done")
		u := hostnamed()
		u.InactiveEnterUS = s.now * 1000
		s.now++
		s.newJobFor(r, name)
		s.runs(u)
		s.service(43, name)
		s.want(want)
	}
}

// A restart is sent before the job of a start is new, and finds that. The run before is being
// stopped, and nobody has heard yet that the job is over.
func TestARestartBesideAStartThatWaits(t *testing.T) {
	s := tell(t)
	s.runs(foo())
	s.service(39, "foo.service")
	s.done = nil
	s.now += 3000
	s.caller(40, "systemctl")
	s.caller(41, "systemctl")
	start := s.ask(40, private, job("StartUnit", "foo.service"))
	restart := s.ask(41, private, job("RestartUnit", "foo.service"))
	n := s.newJobFor(start, "foo.service")
	s.accept(restart, n)
	u := foo()
	u.Type = "oneshot"
	u.InactiveEnterUS = (s.now + 1) * 1000
	s.now += 3
	s.runs(u)
	s.service(42, "foo.service")
	s.want("command 41 cron.service (inferred): other_asked foo.service pid 40")
}

// A request may have been lost right before a timer elapsed, and nobody heard when the job was
// made.
func TestATimerBesideALoss(t *testing.T) {
	for lost, want := range map[bool]string{
		true:  "timer foo.timer (inferred): messages_lost foo.service",
		false: "timer foo.timer (manager)",
	} {
		s := tell(t)
		u := foo()
		u.TriggeredBy = []string{"foo.timer"}
		if lost {
			s.see(&event.Loss{Kind: event.LossBus, Count: 1})
		}
		s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "running", LastTriggerUS: s.now * 1000}
		s.runs(u)
		s.service(42, "foo.service")
		s.want(want)
	}
}

// Of two restarts one began the run before, as it seems, or this one. The answer is about a
// later run.
func TestTwoRestartsOfAJobAndALateAnswer(t *testing.T) {
	s := tell(t)
	s.caller(40, "systemctl")
	s.caller(41, "systemctl")
	first := s.ask(40, private, job("RestartUnit", "foo.service"))
	n := s.newJob("foo.service")
	s.runs(foo())
	s.service(42, "foo.service")
	s.accept(first, n)
	s.accept(s.ask(41, private, job("RestartUnit", "foo.service")), n)
	s.mute = true
	s.done = nil
	s.service(44, "foo.service")
	s.now += 100
	u := foo()
	u.InactiveEnterUS = s.now * 1000
	s.runs(u)
	s.mute = false
	s.collect()
	s.want("command 41 cron.service (inferred): other_asked foo.service pid 40")
}

// What cannot be read may have had a job begin anew, after that was made.
func TestARunThatEndsBesideAMessageThatCannotBeRead(t *testing.T) {
	for ended, want := range map[bool]string{
		true:  "command 41 cron.service (inferred): unreadable_message foo.service pid 40",
		false: "command 41 cron.service (kernel)",
	} {
		s := tell(t)
		s.caller(40, "systemctl")
		s.caller(41, "systemctl")
		n := s.newJobFor(s.ask(41, private, job("RestartUnit", "foo.service")), "foo.service")
		s.see(&event.BusMessage{Sender: s.id(40), TID: 40, Bus: 4, Path: private, PeerPID: 1, Conn: 77, Unread: event.UnreadTooMany, Size: 200})
		u := foo()
		if ended {
			s.now += 10
			u.InactiveEnterUS = s.now * 1000
		}
		s.now++
		s.runs(u)
		s.id(42) // is forked
		s.says(30, "JobRemoved", n, "foo.service", "done")
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A unit is asked for while it waits for its automatic restart, and a later restart has set the
// count back when the manager is asked. A job of it had been done before.
func TestAStartBeforeAnAutomaticRestartWhoseCountIsSetBack(t *testing.T) {
	for done, want := range map[bool]string{
		true:  "command 41 cron.service (inferred): restart_or_request foo.service",
		false: "command 41 cron.service (kernel)",
	} {
		s := tell(t)
		s.caller(41, "systemctl")
		if done {
			s.says(30, "JobRemoved", s.newJob("foo.service"), "foo.service", "done")
		}
		s.newJobFor(s.ask(41, private, job("StartUnit", "foo.service")), "foo.service")
		s.now += 1000
		s.mute = true
		s.service(42, "foo.service")
		s.now += 100
		u := foo()
		u.Restart = "always"
		s.runs(u)
		s.mute = false
		s.collect()
		s.want(want)
	}
}

// A unit failed before the run before began. It has not begun this one, also if the manager is
// asked when that is over.
func TestAFailureFromBeforeTheRunBefore(t *testing.T) {
	for early, want := range map[bool]string{
		true:  "unknown (unknown): nobody_asked rescue.service",
		false: "failure broken.service (manager)",
	} {
		s := tell(t)
		u := event.UnitState{Name: "rescue.service", Type: "oneshot", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "broken.service", Dependency: "OnFailureOf"}}}
		failed := func() {
			s.units["broken.service"] = event.UnitState{Name: "broken.service", Type: "oneshot", SubState: "failed", InactiveEnterUS: s.now * 1000}
		}
		failed()
		s.runs(u)
		s.service(39, "rescue.service")
		s.done = nil
		s.now += 1700
		if !early {
			failed()
			s.now++
		}
		s.runs(u)
		u = s.units[u.Name]
		u.ConditionUS, u.InactiveEnterUS = s.now*1000, (s.now+10)*1000
		s.units[u.Name] = u
		s.service(42, "rescue.service")
		s.want(want)
	}
}

// Two try to restart what brings a unit up. When the second one does, the unit is over. Without a
// job for the unit right behind the other one, while that is there, nothing came of it.
func TestATryToRestartWhatBringsUpAUnitThatIsOver(t *testing.T) {
	const nobody = "unknown (unknown): nobody_asked back.service"
	for _, tt := range []struct {
		later uint64
		over  bool
		want  string
	}{
		{0, false, "command 40 cron.service (inferred): other_asked front.service pid 41"},
		{100, false, nobody},
		{0, true, nobody},
	} {
		s := tell(t)
		s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple"}
		back := event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}}
		s.runs(back)
		s.service(39, "back.service")
		s.done = nil
		s.caller(40, "systemctl")
		s.caller(41, "systemctl")
		s.ask(40, private, silently(job("TryRestartUnit", "front.service")))
		s.says(30, "JobRemoved", s.newJob("front.service"), "front.service", "done")
		s.exits(39, "back.service")
		back.InactiveEnterUS = s.now * 1000
		s.now++
		n := s.newJobFor(s.ask(41, private, job("TryRestartUnit", "front.service")), "front.service")
		if tt.over {
			s.says(30, "JobRemoved", n, "front.service", "done")
		}
		s.now += tt.later
		s.newJob("back.service")
		s.runs(back)
		s.service(42, "back.service")
		s.want(tt.want)
	}
}

// The job of a timer is announced in the very microsecond in which the run before is noted to be
// over.
func TestATimerWhoseJobIsAnnouncedAsTheRunEnds(t *testing.T) {
	for elapsed, want := range map[bool]string{
		true:  "command 41 cron.service (inferred): trigger_or_request foo.service foo.timer pid 41",
		false: "command 41 cron.service (kernel)",
	} {
		s := tell(t)
		u := foo()
		u.TriggeredBy = []string{"foo.timer"}
		s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "running", LastTriggerUS: 1}
		s.runs(u)
		s.service(39, "foo.service")
		s.done = nil
		s.now += 3000
		s.caller(41, "systemctl")
		r := s.ask(41, private, job("StartUnit", "foo.service"))
		if elapsed {
			s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "running", LastTriggerUS: s.now * 1000}
		}
		u.InactiveEnterUS = s.now*1000 + 999 // right before
		n := s.newJobFor(r, "foo.service")
		s.runs(u)
		s.id(42) // is forked
		s.says(30, "JobRemoved", n, "foo.service", "done")
		s.service(42, "foo.service")
		s.want(want)
	}
}

// Somebody stopped a service that waited for its restart, and a timer started it. The manager's
// count stays from before the stop, and the run is over when the manager is asked.
func TestATimerBesideACountThatStayed(t *testing.T) {
	for elapsed, want := range map[bool]string{
		true:  "restart foo.service (inferred): trigger_or_restart foo.service foo.timer",
		false: "restart foo.service (manager)",
	} {
		s := tell(t)
		u := foo()
		u.Restart, u.NRestarts = "always", 2
		u.TriggeredBy = []string{"foo.timer"}
		s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "waiting", LastTriggerUS: 1}
		s.runs(u)
		s.service(39, "foo.service")
		s.done = nil
		s.exits(39, "foo.service")
		s.now += 1000
		if elapsed {
			s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "waiting", LastTriggerUS: s.now * 1000}
		}
		s.now++
		s.runs(u)
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A timer elapsed while a service waited for its restart. What the manager says of it comes
// late, and is about another run.
func TestATimerBesideALateAnswer(t *testing.T) {
	for policy, want := range map[string]string{
		"always": "timer foo.timer (inferred): trigger_or_restart foo.service foo.timer",
		"":       "timer foo.timer (inferred)",
	} {
		s := tell(t)
		u := foo()
		u.Restart = policy
		u.TriggeredBy = []string{"foo.timer"}
		s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "waiting", LastTriggerUS: 1}
		s.runs(u)
		s.service(39, "foo.service")
		s.done = nil
		s.exits(39, "foo.service")
		s.now += 1000
		s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "waiting", LastTriggerUS: s.now * 1000}
		s.now += 100
		s.mute = true
		s.service(42, "foo.service")
		s.now += 500
		s.runs(u)
		u = s.units[u.Name]
		u.ConditionUS, u.InactiveEnterUS = s.now*1000, u.InactiveExitUS
		s.units[u.Name] = u
		s.mute = false
		s.collect()
		s.want(want)
	}
}

// The machine was suspended between a run and the answer, which is about a later run of the
// timer's. A timer that elapsed after the run has not begun it, however long that was. One from
// before may have, as may the boot.
func TestATimerFromBeforeASuspend(t *testing.T) {
	for _, tt := range []struct {
		elapsed, finished int // in ms since the run began
		want              string
	}{
		{400, -1000, "unknown (unknown): nobody_asked foo.service"},
		{-20, -90_000, "timer foo.timer (manager)"},
		{-20, 5, "timer foo.timer (inferred): trigger_or_boot foo.service foo.timer"},
	} {
		s := tell(t)
		s.now += 100_000
		u := foo()
		u.TriggeredBy = []string{"foo.timer"}
		u.Dependents = []event.UnitDependent{{Name: "multi-user.target", Dependency: "WantedBy"}}
		s.boot.FinishUS = uint64(int(s.now)+tt.finished) * 1000
		s.units["foo.timer"] = event.UnitState{Name: "foo.timer", SubState: "waiting", LastTriggerUS: uint64(int(s.now)+tt.elapsed) * 1000}
		s.mute = true
		s.service(42, "foo.service")
		s.now += 500
		u.ConditionUS, u.InactiveExitUS = s.now*1000, s.now*1000+1
		s.units["foo.service"] = u
		s.lag = 30_000 * ms
		s.now += 30_500
		s.mute = false
		s.collect()
		s.want(tt.want)
	}
}

// One starts a unit and another one tries to restart it: both are given the same job. That a
// namespace was made for the run before does not make it the last one. A job that was done
// since may have begun another run, which the second then had to end.
func TestATryToRestartAfterARunWithoutANamespace(t *testing.T) {
	for _, endKnown := range []bool{true, false} {
		for done, want := range map[bool]string{
			true:  "command 40 cron.service (inferred): other_asked foo.service pid 41",
			false: "command 40 cron.service (kernel)",
		} {
			s := tell(t)
			s.runs(foo())
			s.service(39, "foo.service")
			s.done = nil
			s.now += 3000
			s.exits(39, "foo.service")
			u := foo()
			if endKnown {
				u.InactiveEnterUS = s.now * 1000
			}
			s.now += 2000
			if done {
				s.says(30, "JobRemoved", s.newJob("foo.service"), "foo.service", "done")
			}
			s.caller(40, "systemctl")
			s.caller(41, "systemctl")
			start := s.ask(40, private, job("StartUnit", "foo.service"))
			try := s.ask(41, private, job("TryRestartUnit", "foo.service"))
			n := s.newJobFor(start, "foo.service")
			s.accept(try, n)
			s.now += 10
			s.runs(u)
			s.service(42, "foo.service")
			s.want(want)
		}
	}
}

// A busy manager reads a request that came by the bus long after others. It was sent before the
// run before, and has the same job as a later one.
func TestARequestThatIsReadLongAfterItWasSent(t *testing.T) {
	for given, want := range map[bool]string{
		true:  "command 40 cron.service (inferred): other_asked front.service pid 41",
		false: "command 41 cron.service (manager)",
	} {
		s := tell(t)
		s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple"}
		back := event.UnitState{Name: "back.service", Type: "simple", PrivateNetwork: true, Dependents: []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}}
		s.caller(40, "busctl")
		s.caller(41, "systemctl")
		first := s.ask(40, toBus, job("StartUnit", "front.service"))
		s.runs(back)
		s.service(39, "back.service")
		s.done = nil
		s.exits(39, "back.service")
		back.InactiveEnterUS = s.now * 1000
		s.now += 3000
		second := s.ask(41, private, job("RestartUnit", "front.service"))
		n := s.newJobFor(second, "front.service")
		if given {
			s.accept(first, n)
		} else {
			s.answerTo(first, refusal())
		}
		s.newJob("back.service")
		s.runs(back)
		s.service(42, "back.service")
		s.want(want)
	}
}

// A call comes while the service ends, and so does a message that cannot be read.
func TestACallOnTheBrinkBesideAMessageThatCannotBeRead(t *testing.T) {
	for beside, want := range map[bool]string{
		true:  "command 41 cron.service (inferred): unreadable_message org.freedesktop.hostname1 pid 40",
		false: "command 41 cron.service (inferred)",
	} {
		s := withHostnamed(t)
		s.caller(40, "hostnamectl")
		s.caller(41, "hostnamectl")
		s.fromBus(1, ownerChanged(hostname1, "", ":1.7"))
		s.now += 30_000
		s.ask(41, toBus, getHostname())
		if beside {
			s.see(&event.BusMessage{Sender: s.id(40), TID: 40, Bus: 1, Path: toBus, PeerPID: 1, Conn: 77, Unread: event.UnreadTooMany, Size: 200})
		}
		s.fromBus(1, ownerChanged(hostname1, ":1.7", ""))
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		s.runs(hostnamed())
		s.service(42, "systemd-hostnamed.service")
		s.want(want)
	}
}

// A manager is busy for longer than any message is under way. Then two requests are given the
// same job, and which it read first nobody knows.
func TestTwoRequestsOfABusyManager(t *testing.T) {
	for both, want := range map[bool]string{
		true:  "command 40 cron.service (inferred): other_asked foo.service pid 41",
		false: "command 40 cron.service (kernel)",
	} {
		s := tell(t)
		s.caller(40, "systemctl")
		s.caller(41, "systemctl")
		first := s.ask(40, private, job("StartUnit", "foo.service"))
		second := s.ask(41, private, job("StartUnit", "foo.service"))
		s.now += 3000
		n := s.newJobFor(first, "foo.service")
		if both {
			s.accept(second, n)
		} else {
			s.answerTo(second, refusal())
		}
		s.runs(foo())
		s.service(42, "foo.service")
		s.want(want)
	}
}

// Somebody restarts a service and goes. Then nobody hears that its job is over, so that a call
// after the end of that run seems to have joined it.
func TestACallAfterAJobWhoseEndNobodyHeard(t *testing.T) {
	const name = "systemd-hostnamed.service"
	for called, want := range map[bool]string{
		true:  "command 40 cron.service (inferred): other_asked " + name + " pid 41",
		false: "command 40 cron.service (kernel)",
	} {
		s := withHostnamed(t)
		s.caller(40, "systemctl")
		s.caller(41, "hostnamectl")
		s.newJobFor(s.ask(40, private, job("RestartUnit", name)), name)
		s.now += 30
		u := hostnamed()
		u.InactiveEnterUS = s.now * 1000 // of a run that made no namespace
		s.now++
		if called {
			s.ask(41, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
		}
		s.runs(u)
		s.service(42, name)
		s.want(want)
	}
}
