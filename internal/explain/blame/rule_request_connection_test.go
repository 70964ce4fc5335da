package blame

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/event"
)

// An error on one connection takes back nothing that was sent on another one with the
// same number. It takes back what the connection sent, whoever had opened it.
func TestAnErrorBelongsToItsConnection(t *testing.T) {
	for _, tt := range []struct {
		name   string
		refuse func(s *story, first, second sentMessage)
		want   string
	}{
		{"another connection", func(s *story, _, second sentMessage) { s.answerTo(second, refusal()) }, "command 41 cron.service (kernel)"},
		{"its own", func(s *story, first, _ sentMessage) { s.answerTo(first, refusal()) }, "unknown (unknown): no_call org.freedesktop.hostname1"},
		{"its own, opened by another process", func(s *story, first, _ sentMessage) {
			first.pid = 30
			s.answerTo(first, refusal())
		}, "unknown (unknown): no_call org.freedesktop.hostname1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := withHostnamed(t)
			s.caller(41, "agent")
			first := s.askOver(7, 41, toBus, getHostname())
			s.serials-- // numbers begin anew on each connection
			second := s.askOver(8, 41, toBus, method("org.example.nobody", "/", "org.example", "X"))
			tt.refuse(s, first, second)
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			s.service(42, "systemd-hostnamed.service")
			s.want(tt.want)
		})
	}
}

// The same for a request to the manager.
func TestARefusalBelongsToItsConnection(t *testing.T) {
	for _, refused := range []uint64{7, 8} {
		s := tell(t)
		s.caller(41, "agent")
		first := s.askOver(7, 41, toBus, job("StartUnit", "foo.service"))
		s.serials--
		other := s.askOver(8, 41, toBus, method("org.example.nobody", "/", "org.example", "X"))
		want := "command 41 cron.service (kernel)"
		if refused == 7 {
			s.answerTo(first, refusal())
			want = "unknown (unknown): nobody_asked foo.service"
		} else {
			s.answerTo(other, refusal())
			s.accept(first, s.newJob("foo.service"))
		}
		s.runs(foo())
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A request to the name of some connection is one to the manager only if that is known to
// be the manager's own.
func TestAUniqueNameIsTheManagersIfThatIsKnown(t *testing.T) {
	for _, tt := range []struct {
		name string
		tell func(s *story)
		want string
	}{
		{"not known", func(*story) {}, "unknown (unknown): nobody_asked foo.service"},
		{"the bus says who has the manager's name", func(s *story) {
			s.fromBus(30, ownerChanged("org.freedesktop.systemd1", "", ":1.99"))
		}, "command 41 cron.service (kernel)"},
		{"the bus writes to it on the manager's connection", func(s *story) {
			m := refusal()
			m.Headers[dbus.FieldDestination] = dbus.MakeVariant(":1.99")
			s.fromBus(1, m)
		}, "command 41 cron.service (kernel)"},
		{"the bus writes to it on another connection", func(s *story) {
			m := refusal()
			m.Headers[dbus.FieldDestination] = dbus.MakeVariant(":1.99")
			s.fromBus(30, m)
		}, "unknown (unknown): nobody_asked foo.service"},
		{"the manager has another name", func(s *story) {
			s.fromBus(30, ownerChanged("org.freedesktop.systemd1", "", ":1.7"))
		}, "unknown (unknown): nobody_asked foo.service"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.caller(41, "agent")
			m := job("StartUnit", "foo.service")
			m.Headers[dbus.FieldDestination] = dbus.MakeVariant(":1.99")
			s.accept(s.ask(41, toBus, m), s.newJob("foo.service"))
			tt.tell(s)
			s.runs(foo())
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// A number of a bus is another socket's if the stream says so, or if its path differs.
func TestABusNumberThatIsAnothersByNow(t *testing.T) {
	for _, named := range []bool{false, true} {
		s := tell(t)
		s.user(41, "evil")
		forged := &event.BusMessage{Sender: s.id(41), Bus: busNumbers[private], Path: toBus, Conn: 9, Data: encode(t, silently(job("StartUnit", "foo.service")))}
		if named {
			forged.Path, forged.Listener, forged.PeerPID = private, s.id(41), 41
		}
		s.now++
		s.blamer.Observe(event.Event{BootNS: s.now * ms, Body: forged})
		s.newJob("foo.service")
		s.runs(foo())
		s.service(42, "foo.service")
		s.want("unknown (unknown): nobody_asked foo.service")
	}
}

// A bus asks for an activation at once. A call of long ago is not what it asks for.
func TestACallOfLongAgo(t *testing.T) {
	for _, again := range []bool{false, true} {
		s := tell(t)
		u := foo()
		u.Names = []string{"foo.service", "dbus-org.example.foo.service"}
		call := method("org.example.foo", "/", "org.example.foo", "Get")
		s.caller(41, "long-ago")
		s.ask(41, toBus, call) // the service runs, and answers
		s.now += 3 * 3600 * 1000
		want := "unknown (unknown): no_call org.example.foo"
		if again {
			s.caller(43, "now")
			s.ask(43, toBus, call)
			want = "command 43 cron.service (kernel)"
		}
		s.fromBus(1, activation("dbus-org.example.foo.service"))
		s.runs(u)
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A bus that is stopped, or has no time, reads a call long after it was sent. Who called
// shortly before is no certain cause then, unless the earlier call was answered.
func TestASlowBus(t *testing.T) {
	call := method("org.example.foo", "/", "org.example.foo", "Get")
	done := func() *dbus.Message {
		return &dbus.Message{Type: dbus.TypeMethodReply, Headers: make(map[dbus.HeaderField]dbus.Variant)}
	}
	const doubted = "command 43 cron.service (inferred): other_asked org.example.foo pid 41"
	for _, tc := range []struct {
		about string
		then  func(s *story, first sentMessage)
		want  string
	}{
		{"unread", func(*story, sentMessage) {}, doubted},
		{"answered", func(s *story, first sentMessage) { s.answerTo(first, done()) }, "command 43 cron.service (kernel)"},
		{"refused", func(s *story, first sentMessage) {
			s.answerTo(first, refusal())
		}, "command 43 cron.service (kernel)"},
		{"the name lost its owner meanwhile", func(s *story, _ sentMessage) {
			s.fromBus(1, ownerChanged("org.example.foo", ":1.5", ""))
		}, doubted},
		{"the bus did something else long after it", func(s *story, _ sentMessage) {
			s.now += 400
			s.fromBus(1, ownerChanged("org.example.other", "", ":1.6"))
		}, "command 43 cron.service (kernel)"},
		{"the same process", func(s *story, _ sentMessage) { s.ask(43, toBus, call) }, doubted},
	} {
		t.Run(tc.about, func(t *testing.T) {
			s := tell(t)
			u := foo()
			u.Names = []string{"foo.service", "dbus-org.example.foo.service"}
			s.caller(41, "first")
			s.caller(43, "second")
			first := s.ask(41, toBus, call)
			s.now += 900
			tc.then(s, first)
			s.now += 1100
			s.ask(43, toBus, call)
			s.now += 500
			s.fromBus(1, activation("dbus-org.example.foo.service"))
			s.runs(u)
			s.service(42, "foo.service")
			s.want(tc.want)
		})
	}
}

// The only call is the cause, though the bus was slow to read it. If it was busy with
// others meanwhile, it has read that call, and it came to nothing.
func TestTheOnlyCallToASlowBus(t *testing.T) {
	for _, tc := range []struct {
		later uint64 // ms
		busy  bool
		want  string
	}{
		{1000, false, "command 41 cron.service (kernel)"},
		{4500, false, "command 41 cron.service (kernel)"},
		{5500, false, "command 41 cron.service (inferred): slow_bus org.example.foo"},
		{1500, true, "unknown (unknown): no_call org.example.foo"},
		{31000, false, "unknown (unknown): no_call org.example.foo"},
	} {
		s := tell(t)
		u := foo()
		u.Names = []string{"foo.service", "dbus-org.example.foo.service"}
		s.caller(41, "only")
		s.ask(41, toBus, method("org.example.foo", "/", "org.example.foo", "Get"))
		s.now += tc.later
		if tc.busy {
			s.fromBus(1, ownerChanged("org.example.other", "", ":1.6"))
		}
		s.fromBus(1, activation("dbus-org.example.foo.service"))
		s.runs(u)
		s.service(42, "foo.service")
		s.want(tc.want)
	}
}

// Of many calls to a slow bus the first is the cause. If it was one too many to be
// remembered, none of the others is named.
func TestTheFirstOfTooManyCallsToASlowBus(t *testing.T) {
	for more, want := range map[int]string{
		15: "command 41 cron.service (inferred): other_asked org.example.foo pid 43",
		16: "unknown (unknown): too_many_calls org.example.foo",
	} {
		s := tell(t)
		u := foo()
		u.Names = []string{"foo.service", "dbus-org.example.foo.service"}
		s.caller(41, "first")
		s.caller(43, "second")
		call := method("org.example.foo", "/", "org.example.foo", "Get")
		s.ask(41, toBus, call)
		for range more {
			s.ask(43, toBus, call)
		}
		s.now += 1500
		s.fromBus(1, activation("dbus-org.example.foo.service"))
		s.runs(u)
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A call of shortly before the name was lost may be read by a slow bus before a later one.
func TestACallBeforeTheNameWasLostAndASlowBus(t *testing.T) {
	call := method("org.example.foo", "/", "org.example.foo", "Get")
	s := tell(t)
	u := foo()
	u.Names = []string{"foo.service", "dbus-org.example.foo.service"}
	s.caller(41, "first")
	s.caller(43, "second")
	s.ask(41, toBus, call)
	s.now += 500
	s.fromBus(1, ownerChanged("org.example.foo", ":1.5", ""))
	s.now += 100
	s.ask(43, toBus, call)
	s.now += 1500
	s.fromBus(1, activation("dbus-org.example.foo.service"))
	s.runs(u)
	s.service(42, "foo.service")
	s.want("command 43 cron.service (inferred): other_asked org.example.foo pid 41")
}

// A bus lets nobody in before it has turned to those that it knows: what was sent before the
// caller's process began was read before its call.
func TestACallOlderThanTheCaller(t *testing.T) {
	call := method("org.example.foo", "/", "org.example.foo", "Get")
	for _, later := range []uint64{100, 1500} {
		s := tell(t)
		u := foo()
		u.Names = []string{"foo.service", "dbus-org.example.foo.service"}
		s.caller(41, "first")
		s.ask(41, toBus, call)
		s.now += 500
		s.fromBus(1, ownerChanged("org.example.foo", ":1.5", ""))
		s.now += 100
		s.caller(43, "second")
		s.ask(43, toBus, call)
		s.now += later
		s.fromBus(1, activation("dbus-org.example.foo.service"))
		s.runs(u)
		s.service(42, "foo.service")
		s.want("command 43 cron.service (kernel)")
	}
}

// dbus-broker's launcher asks a moment after the broker has read a call. So the call may have
// been read before that of somebody who was let in meanwhile, and when the name was lost.
func TestACallOlderThanTheCallerThroughALauncher(t *testing.T) {
	call := method("org.example.foo", "/", "org.example.foo", "Get")
	s := tell(t)
	s.process(21, 1, "/system.slice/dbus-broker.service", "/usr/bin/dbus-broker-launch", "dbus-broker-launch")
	u := foo()
	u.Names = []string{"foo.service", "dbus-org.example.foo.service"}
	s.caller(41, "first")
	s.ask(41, toBus, call)
	s.now += 200
	s.caller(43, "second")
	s.fromBus(1, ownerChanged("org.example.foo", ":1.5", ""))
	s.ask(43, toBus, call)
	s.newJobFor(s.ask(21, toBus, job("StartUnit", "dbus-org.example.foo.service")), "foo.service")
	s.runs(u)
	s.service(42, "foo.service")
	s.want("command 43 cron.service (inferred): other_asked org.example.foo pid 41")
}

// A person's program may send all at once, before the bus has let it in.
func TestACallOlderThanAPersonsProgram(t *testing.T) {
	s := tell(t)
	u := foo()
	u.Names = []string{"foo.service", "dbus-org.example.foo.service"}
	call := method("org.example.foo", "/", "org.example.foo", "Get")
	s.caller(41, "first")
	s.ask(41, toBus, call)
	s.now += 500
	s.fromBus(1, ownerChanged("org.example.foo", ":1.5", ""))
	s.now += 100
	s.user(43, "second")
	s.ask(43, toBus, call)
	s.fromBus(1, activation("dbus-org.example.foo.service"))
	s.runs(u)
	s.service(42, "foo.service")
	s.want("command 43 session-3.scope (inferred): other_asked org.example.foo pid 41")
}

// A request that was never sent, or is still waiting, is no cause days later.
func TestARequestOfLongAgo(t *testing.T) {
	for later, want := range map[uint64]string{
		60_000:           "command 41 session-3.scope (inferred): no_effect_seen foo.service",
		3 * 86400 * 1000: "unknown (unknown): nobody_asked foo.service",
	} {
		s := tell(t)
		s.user(41, "evil")
		s.ask(41, toBus, job("StartUnit", "foo.service"))
		s.now += later
		s.runs(foo())
		s.service(42, "foo.service")
		s.want(want)
	}
}

// What cannot be read, or is lost, of somebody makes a call inferred, with the reason. A
// request with an answer of its own is doubted for a loss of root's, who is many.
func TestDoubtIsThatOfAConnectionAndItsOwner(t *testing.T) {
	unread := func(s *story, pid uint32, conn uint64) {
		s.see(&event.BusMessage{Sender: s.id(pid), Bus: 1, Path: toBus, PeerPID: 1, Conn: conn, Unread: event.UnreadSpliced, Size: 200})
	}
	lost := func(uid uint32) *event.Loss {
		return &event.Loss{Kind: event.LossBus, Count: 1, Owner: event.Owner{UID: uid, PIDNamespace: 1}}
	}
	const called, asked = "command 43 cron.service (kernel)", "command 43 cron.service (kernel)"
	for _, tt := range []struct {
		name         string
		doubt        func(s *story)
		call, direct string
	}{
		{"nothing", func(*story) {}, called, asked},
		{"another's message", func(s *story) { unread(s, 41, 9) }, "command 43 cron.service (inferred): unreadable_message org.freedesktop.hostname1 pid 41", asked},
		{"its own message", func(s *story) { unread(s, 43, 9) }, called, asked},
		{"its own connection, by another process", func(s *story) { unread(s, 41, 1043) }, called, asked},
		{"a loss of another's", func(s *story) { s.see(lost(1000)) }, "command 43 cron.service (inferred): messages_lost org.freedesktop.hostname1", asked},
		{"a loss on others' buses", func(s *story) { s.see(&event.Loss{Kind: event.LossOtherBus, Count: 1}) }, called, asked},
		{
			"a loss of its own owner's", func(s *story) { s.see(lost(0)) },
			"command 43 cron.service (inferred): messages_lost org.freedesktop.hostname1",
			"command 43 cron.service (inferred): messages_lost foo.service",
		},
		{
			"a loss of nobody's", func(s *story) { s.see(&event.Loss{Kind: event.LossBusUnread, Count: 1}) },
			"command 43 cron.service (inferred): messages_lost org.freedesktop.hostname1",
			"command 43 cron.service (inferred): messages_lost foo.service",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := withHostnamed(t)
			s.pidns = 1
			s.user(41, "odd")
			s.caller(43, "hostnamectl", "--static")
			tt.doubt(s)
			s.ask(43, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			s.service(42, "systemd-hostnamed.service")
			s.want(tt.call)

			s = tell(t)
			s.pidns = 1
			s.user(41, "odd")
			s.caller(43, "systemctl", "start", "foo")
			r := s.ask(43, toBus, job("StartUnit", "foo.service"))
			tt.doubt(s)
			s.accept(r, s.newJob("foo.service"))
			s.runs(foo())
			s.service(42, "foo.service")
			s.want(tt.direct)
		})
	}
}

// A thread of the kernel sends for somebody who is not known.
func TestAKernelThreadSends(t *testing.T) {
	s := withHostnamed(t)
	s.see(&event.BusMessage{Bus: 1, Path: toBus, PeerPID: 1, Conn: 5, Data: encode(t, getHostname())})
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.see(&event.BusMessage{Bus: busNumbers[private], Path: private, PeerPID: 1, Conn: 6, Data: encode(t, job("StartUnit", "foo.service"))})
	s.accept(sentMessage{serial: 7, conn: 6, socket: private}, s.newJob("foo.service"))
	s.runs(foo())
	s.service(43, "foo.service")
	s.want("unknown (unknown): kernel_sender org.freedesktop.hostname1", "unknown (unknown): kernel_sender foo.service")
}

// The manager tells the bus that nothing comes of an activation.
func TestAnActivationThatTheManagerRefuses(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "hostnamectl")
	s.ask(41, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	failure := signal("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Activator", "ActivationFailure", "dbus-"+hostname1+".service", "org.example.No", "no")
	s.ask(1, toBus, failure)
	s.caller(43, "systemctl")
	s.accept(s.ask(43, private, job("StartUnit", "systemd-hostnamed.service")), s.newJob("systemd-hostnamed.service"))
	s.runs(hostnamed())
	s.service(42, "systemd-hostnamed.service")
	s.want("command 43 cron.service (kernel)")
}

// A manager that is busy with a fork refuses after it: the run has begun for something
// else.
func TestAnActivationThatTheManagerRefusesAfterTheFork(t *testing.T) {
	s := withHostnamed(t)
	s.mute = true
	s.caller(41, "hostnamectl")
	s.ask(41, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.runs(hostnamed())
	s.service(42, "systemd-hostnamed.service")
	failure := signal("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Activator", "ActivationFailure", "dbus-"+hostname1+".service", "org.example.No", "no")
	s.ask(1, toBus, failure)
	s.mute = false
	s.collect()
	s.want("unknown (unknown): nobody_asked systemd-hostnamed.service")
}

// A peer is looked up by its pid, later: one that started after the service did has taken
// the pid since.
func TestAPeerThatCameLater(t *testing.T) {
	for _, later := range []bool{false, true} {
		s := tell(t)
		const name = "foo@0-77-1000.service"
		want := "socket 77 foo.socket (manager)"
		if later {
			want = "socket foo.socket (manager)"
			s.id(42)
			s.now += 1000
		}
		s.process(77, 30, "/system.slice/cron.service", "/bin/innocent", "innocent")
		s.now++
		s.process(42, 1, "/system.slice/"+name, "/bin/foo", "foo")
		s.peers[name] = s.id(77)
		s.units[name] = event.UnitState{Name: name, Type: "simple", TriggeredBy: []string{"foo.socket"}, InactiveExitUS: s.now * 1000}
		s.units["foo.socket"] = event.UnitState{Name: "foo.socket"}
		s.create(42, "/system.slice/"+name)
		s.want(want)
	}
}

// After a suspend the manager's times of before it are not known: its clock stood still.
func TestASuspendMovesTheManagersTimes(t *testing.T) {
	s := tell(t)
	s.boot = event.ManagerBoot{UserspaceUS: 1, FinishUS: 10_000_000}
	s.units["daemon.service"] = event.UnitState{Name: "daemon.service", Type: "notify", InactiveExitUS: 1000, ActiveEnterUS: 2000, MainPID: 50}
	const path = "/system.slice/daemon.service"
	s.process(50, 1, path, "/usr/bin/daemon", "daemon")
	s.now = 60_000 // a minute after its start it makes one; then the machine is suspended for an hour
	n := &event.NetnsCreate{Serial: 1, Creator: s.id(50), TID: 50, Call: event.CallUnshare, Inum: 1, Cgroup: s.cgroups[path]}
	ev := event.Event{BootNS: s.now * ms, Body: n}
	s.tree.Observe(ev)
	s.blamer.Observe(ev)
	q := s.blamer.Asks()[0]
	s.now += 3_600_000
	answer := event.Event{BootNS: s.now * ms, Body: &event.Unit{Question: q, Unit: s.units["daemon.service"], Boot: s.boot, MonotonicLagNS: 3_600_000 * ms}}
	s.blamer.Submit(s.tree.Observe(answer)...)
	s.blamer.Observe(answer)
	s.done = s.blamer.Ready()
	s.want("command 50 daemon.service (kernel)")
}

// flood is what one user sends to his own manager: requests, and calls to names, as many
// as are remembered and more.
func flood(t *testing.T, s *story, n int) {
	t.Helper()
	const base = "/user.slice/user-1000.slice/user@1000.service"
	s.pidns = 1
	s.uid = 1000
	s.process(100, 1, base+"/init.scope", "/usr/lib/systemd/systemd", "systemd", "--user")
	s.process(41, 1, "/user.slice/user-1000.slice/session-3.scope", "/usr/bin/evil", "evil")
	s.uid = 0
	request, call := encode(t, job("StartUnit", "x0000.service")), encode(t, method("org.example.n0000", "/", "org.example", "Get"))
	for i := range n {
		for _, data := range [][]byte{request, call} {
			data = renumbered(data, i)
			s.observe(&event.BusMessage{
				Sender: s.id(41), Bus: 3, Path: "/run/user/1000/bus", PeerPID: 100, Listener: s.id(100), Conn: 77, Copied: true, Size: uint32(len(data)), Data: data,
			})
		}
	}
}

// renumbered has another serial, and the number 0000 in it replaced.
func renumbered(data []byte, i int) []byte {
	data = append([]byte(nil), data...)
	binary.LittleEndian.PutUint32(data[8:], uint32(i+1))
	for at := range len(data) - 4 {
		if string(data[at:at+4]) == "0000" {
			for d := 3; d >= 0; d, i = d-1, i/10 {
				data[at+d] = '0' + byte(i%10)
			}
			break
		}
	}
	return data
}

// observe tells the Blamer alone.
func (s *story) observe(b event.Body) {
	s.now++
	s.blamer.Observe(event.Event{BootNS: s.now * ms, Body: b})
}

// What one user sends takes no room from others: a request of before the flood counts.
func TestAFloodOfOneUsersRequests(t *testing.T) {
	s := tell(t)
	s.pidns = 1
	s.caller(43, "systemctl", "start", "foo")
	s.accept(s.ask(43, private, job("StartUnit", "foo.service")), s.newJob("foo.service"))
	flood(t, s, 30_000)
	s.runs(foo())
	s.service(42, "foo.service")
	s.want("command 43 cron.service (kernel)")
	of := s.blamer.ForgottenOf()
	if n := of[event.Owner{UID: 1000, PIDNamespace: 1}]; n == 0 || len(of) != 1 || s.blamer.Forgotten() != n {
		t.Errorf("forgotten: %v, of all %d", of, s.blamer.Forgotten())
	}
}

// The time for an answer, and for a creation, does not grow with what somebody piled up.
func TestTimeDoesNotGrowWithWhatIsPiledUp(t *testing.T) {
	cost := func(n int) time.Duration {
		s := tell(t)
		flood(t, s, n)
		data := encode(t, refusal())
		best := time.Hour
		for range 5 {
			start := time.Now()
			for range 200 {
				s.observe(&event.BusMessage{Sender: s.id(100), Bus: 3, Path: "/run/user/1000/bus", PeerPID: 41, FromBus: true, Conn: 78, Data: data})
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	few, many := cost(50), cost(9000)
	if many > 50*few+20*time.Millisecond {
		t.Errorf("200 errors take %v, after a flood %v", few, many)
	}
}
