package blame

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// story tells a Blamer what happened, and what a manager would answer.
type story struct {
	t       *testing.T
	tree    *lineage.Tree
	blamer  *Blamer
	now     uint64 // ms since boot
	serial  uint64
	cgroups map[string]event.CgroupID
	starts  map[uint32]uint64          // of the processes, by pid
	units   map[string]event.UnitState // answers, by name
	boot    event.ManagerBoot
	done    []*finding.Attribution
	loads   []*finding.PernetInit
}

const ms = 1_000_000

func tell(t *testing.T) *story {
	t.Helper()
	s := &story{t: t, tree: lineage.NewTree(), cgroups: make(map[string]event.CgroupID), starts: make(map[uint32]uint64), units: make(map[string]event.UnitState)}
	s.blamer = New(s.tree)
	s.see(&event.Host{})
	s.see(&event.Coverage{Probe: event.ProbeBus, Live: true})
	s.boot = event.ManagerBoot{UserspaceUS: 1, FinishUS: 2}
	s.process(1, 0, "/init.scope", "/usr/lib/systemd/systemd", "/sbin/init")
	s.send(1, toBus, method("org.example.nobody", "/", "org.example", "Hello")) // tells who listens there
	s.process(20, 1, "/system.slice/dbus.service", "/usr/bin/dbus-daemon", "dbus-daemon", "--system")
	s.process(30, 1, "/system.slice/cron.service", "/usr/sbin/cron", "cron", "-f")
	return s
}

func (s *story) see(b event.Body) {
	if m, ok := b.(*event.BusMessage); ok && !m.FromBus {
		m.Listener = s.id(m.PeerPID)
	}
	s.now++
	ev := event.Event{BootNS: s.now * ms, Body: b}
	done := s.tree.Observe(ev)
	s.blamer.Observe(ev)
	s.blamer.Submit(done...)
	s.collect()
}

func (s *story) collect() {
	for {
		s.done = append(s.done, s.blamer.Ready()...)
		s.loads = append(s.loads, s.blamer.PernetInits()...)
		asks := s.blamer.Asks()
		if len(asks) == 0 {
			return
		}
		for _, q := range asks {
			s.answer(q)
		}
	}
}

func (s *story) answer(q event.Question) {
	a := &event.Unit{Question: q, Boot: s.boot}
	u, ok := s.units[q.Unit]
	if !ok {
		a.Why = "unit is not loaded"
	}
	a.Unit = u
	s.now++
	s.blamer.Observe(event.Event{BootNS: s.now * ms, Body: a})
}

// id is that of a process, which starts when it is first spoken of.
func (s *story) id(pid uint32) event.ProcessID {
	if pid == 0 {
		return event.ProcessID{}
	}
	if _, started := s.starts[pid]; !started {
		s.starts[pid] = max(1, s.now*ms)
	}
	return event.ProcessID{PID: pid, StartNS: s.starts[pid]}
}

// process is one that runs a program of its own.
func (s *story) process(pid, parent uint32, path, exe string, argv ...string) {
	prog := event.ProgramID{Process: s.id(pid), Exec: 1}
	s.see(&event.Program{ID: prog, Exe: exe, Argv: argv})
	s.put(pid, parent, path, prog, argv[0])
}

// forked is one that still runs its parent's program.
func (s *story) forked(pid, parent uint32, path, comm string) {
	s.put(pid, parent, path, event.ProgramID{Process: s.id(parent), Exec: 1}, comm)
}

func (s *story) put(pid, parent uint32, path string, prog event.ProgramID, comm string) {
	cg, known := s.cgroups[path]
	if !known {
		cg = event.CgroupID(len(s.cgroups) + 1)
		s.cgroups[path] = cg
		s.see(&event.Cgroup{ID: cg, Path: path})
	}
	s.see(&event.Process{ID: s.id(pid), Parent: s.id(parent), Program: prog, Comm: comm, Cgroup: cg})
}

// create is a creation by a process that then ends.
func (s *story) create(pid uint32, path string) {
	s.serial++
	s.see(&event.NetnsCreate{
		Serial: s.serial, Creator: s.id(pid), TID: pid, Call: event.CallUnshare, Inum: 1, Cgroup: s.cgroups[path],
	})
	s.see(&event.Exit{Process: s.id(pid)})
}

// service is a creation by systemd for a unit.
func (s *story) service(pid uint32, name string) {
	path := "/system.slice/" + name
	s.forked(pid, 1, path, "("+name+")")
	s.create(pid, path)
}

const (
	toBus   = "/run/dbus/system_bus_socket"
	private = "/run/systemd/private"
)

// More calls to a name, and more messages that can't be read, than are remembered.
const (
	manyCalls  = 17
	manyUnread = 64
)

// send is a message of a process over a socket.
func (s *story) send(pid uint32, socket string, m *dbus.Message) {
	s.see(&event.BusMessage{Sender: s.id(pid), TID: pid, Bus: 1, Path: socket, PeerPID: 1, Data: encode(s.t, m)})
}

// fromBus is a message of the bus's to a process.
func (s *story) fromBus(to uint32, m *dbus.Message) {
	s.see(&event.BusMessage{Sender: s.id(20), Bus: 1, Path: toBus, FromBus: true, PeerPID: to, Data: encode(s.t, m)})
}

// encode gives a message its serial, for which the caller sets a header field
// of our own making: godbus keeps it to itself.
func encode(t *testing.T, m *dbus.Message) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := m.EncodeTo(&buf, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	raw := buf.Bytes()
	binary.LittleEndian.PutUint32(raw[8:], 7) // serial
	return raw
}

func method(dest, path, iface, member string, body ...any) *dbus.Message {
	m := &dbus.Message{Type: dbus.TypeMethodCall, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath:        dbus.MakeVariant(dbus.ObjectPath(path)),
		dbus.FieldDestination: dbus.MakeVariant(dest),
		dbus.FieldInterface:   dbus.MakeVariant(iface),
		dbus.FieldMember:      dbus.MakeVariant(member),
	}}
	return withBody(m, body)
}

func signal(path, iface, member string, body ...any) *dbus.Message {
	m := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath:      dbus.MakeVariant(dbus.ObjectPath(path)),
		dbus.FieldInterface: dbus.MakeVariant(iface),
		dbus.FieldMember:    dbus.MakeVariant(member),
		dbus.FieldSender:    dbus.MakeVariant("org.freedesktop.DBus"),
	}}
	return withBody(m, body)
}

func withBody(m *dbus.Message, body []any) *dbus.Message {
	if len(body) > 0 {
		m.Body = body
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	return m
}

const hostname1 = "org.freedesktop.hostname1"

func getHostname() *dbus.Message {
	return method(hostname1, "/org/freedesktop/hostname1", "org.freedesktop.DBus.Properties", "Get", hostname1, "StaticHostname")
}

func activation(unit string) *dbus.Message {
	m := signal("/org/freedesktop/DBus", "org.freedesktop.systemd1.Activator", "ActivationRequest", unit)
	m.Headers[dbus.FieldDestination] = dbus.MakeVariant("org.freedesktop.systemd1")
	return m
}

func ownerChanged(name, from, to string) *dbus.Message {
	return signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", name, from, to)
}

func job(member, unit string) *dbus.Message {
	return method("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", member, unit, "replace")
}

func refusal() *dbus.Message {
	return &dbus.Message{Type: dbus.TypeError, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldErrorName:   dbus.MakeVariant("org.freedesktop.DBus.Error.AccessDenied"),
		dbus.FieldReplySerial: dbus.MakeVariant(uint32(7)),
		dbus.FieldSender:      dbus.MakeVariant("org.freedesktop.DBus"),
	}}
}

// hostnamed is what systemd says of it.
func hostnamed() event.UnitState {
	return event.UnitState{
		Name: "systemd-hostnamed.service", Names: []string{"systemd-hostnamed.service", "dbus-" + hostname1 + ".service"},
		BusName: hostname1, Type: "notify", PrivateNetwork: true,
		Settings: []event.UnitSetting{{Name: "PrivateNetwork", Value: "yes", File: "/lib/x.service", Line: 26, Source: event.SettingFromFile}},
	}
}

// want compares the origins, each as "trigger pid unit (evidence)", and why.
func (s *story) want(origins ...string) {
	s.t.Helper()
	var got []string
	for _, c := range s.done {
		o := c.Origin
		text := string(o.Trigger)
		if o.Process != nil {
			text += fmt.Sprintf(" %d", o.Process.ID.PID)
		}
		if o.Unit != "" {
			text += " " + o.Unit
		}
		text += " (" + string(o.Evidence) + ")"
		if !o.Why.IsZero() {
			text += ": " + reason(o.Why)
		}
		got = append(got, text)
	}
	if diff := cmp.Diff(origins, got); diff != "" {
		s.t.Errorf("origins (-want +got):\n%s%s", diff, s.chains())
	}
}

// reason is a reason as a test writes it: its code and its fields.
func reason(r finding.Reason) string {
	fields := []string{string(r.Code)}
	for _, f := range []string{r.Unit, r.BusName, r.Text} {
		if f != "" {
			fields = append(fields, f)
		}
	}
	return strings.Join(fields, " ")
}

func (s *story) chains() string {
	var b strings.Builder
	for i, c := range s.done {
		fmt.Fprintf(&b, "case %d\n", i)
		for _, l := range c.Links {
			fmt.Fprintf(&b, "  %s: %+v (%s)", l.Kind, l.Cause, l.Evidence)
			if l.Process != nil {
				fmt.Fprintf(&b, " %q", l.Process.Argv)
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// caller is a process in cron's service.
func (s *story) caller(pid uint32, argv ...string) {
	s.process(pid, 30, "/system.slice/cron.service", "/usr/bin/"+argv[0], argv...)
}

func withHostnamed(t *testing.T) *story {
	t.Helper()
	s := tell(t)
	s.units["systemd-hostnamed.service"] = hostnamed()
	s.units["cron.service"] = event.UnitState{Name: "cron.service", Type: "simple"}
	return s
}

func TestTheSeedCase(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "hostnamectl", "--static")
	s.send(41, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("command 41 cron.service (kernel)")
	want := []string{"setting file", "because kernel", "asked_by kernel"}
	var got []string
	for _, l := range s.done[0].Links {
		got = append(got, string(l.Kind)+" "+string(l.Evidence))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("chain (-want +got):\n%s", diff)
	}
}

// Which of several connections a bus reads first is its own affair.
func TestTheFirstOfSeveralCallsIsTheOne(t *testing.T) {
	s := withHostnamed(t)
	for pid := uint32(41); pid < 51; pid++ {
		s.caller(pid, "hostnamectl", "--static")
		s.send(pid, toBus, getHostname())
	}
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.caller(60, "late")
	s.send(60, toBus, getHostname())
	s.service(70, "systemd-hostnamed.service")
	s.want("command 41 cron.service (inferred)")
}

func TestACallWhileTheServiceRunsIsBlamedForNothing(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "hostnamectl")
	s.send(41, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
	s.caller(43, "decoy")
	s.send(43, toBus, getHostname())
	s.fromBus(1, ownerChanged(hostname1, ":1.9", ""))
	s.caller(44, "second")
	s.send(44, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(45, "systemd-hostnamed.service")
	s.want("command 41 cron.service (kernel)", "command 44 cron.service (kernel)")
}

// The call was sent while the service still had its name, and read after.
func TestACallOnTheBrink(t *testing.T) {
	s := withHostnamed(t)
	s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
	s.caller(41, "hostnamectl")
	s.send(41, toBus, getHostname())
	s.fromBus(1, ownerChanged(hostname1, ":1.9", ""))
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("command 41 cron.service (inferred)")
}

// Of the calls of several processes the latest need not be the one that was read
// late, and the kernel half does not tell of each.
func TestCallsOfSeveralOnTheBrink(t *testing.T) {
	s := withHostnamed(t)
	s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
	s.caller(41, "hostnamectl")
	s.send(41, toBus, getHostname())
	s.caller(43, "busctl")
	for range manyCalls {
		s.send(43, toBus, getHostname())
	}
	s.fromBus(1, ownerChanged(hostname1, ":1.9", ""))
	s.fromBus(1, ownerChanged(hostname1, ":1.9", "")) // to the next who listens
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("unknown (unknown): ambiguous_call org.freedesktop.hostname1")
}

// A message that can't be read may have been the call that came first.
func TestAMessageThatCanNotBeRead(t *testing.T) {
	const unknown = "unknown (unknown): unreadable_message org.freedesktop.hostname1"
	whole := encode(t, getHostname())
	hello := encode(t, method("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"))
	other := cutBehind(t, method("org.example.other", "/", "org.example", "Get"), "org.example.other")
	noStart := slices.Clone(whole)
	noStart[2] |= 2
	invalid := slices.Clone(whole)
	invalid[8] = 0 // its serial
	both := append(slices.Clone(hello), whole...)
	reply := slices.Clone(whole)
	reply[1] = 2
	byName := cutBehind(t, method("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "StartServiceByName", hostname1, uint32(0)), "org.freedesktop.DBus")
	tests := []struct {
		name string
		data []byte
		size int // of the whole send, if there is more
		want string
		late bool
	}{
		{"none", nil, 0, "command 41 cron.service (kernel)", false},
		{"cut within the header", whole[:40], len(whole), unknown, false},
		{"no message", whole[16:], 0, unknown, false},
		{"invalid", invalid, 0, unknown, false},
		{"after the call", invalid, 0, "command 41 cron.service (inferred)", true},
		{"behind another", both, 0, "command 43 cron.service (inferred)", false},
		{"behind another, not captured", hello, len(both), unknown, false},
		{"behind authentication", append([]byte("\x00AUTH EXTERNAL\r\nBEGIN\r\n"), both...), 0, "command 43 cron.service (inferred)", false},
		{"to another name", other[:len(other)-10], len(other), "command 41 cron.service (kernel)", false},
		{"to another name, and more", other[:len(other)-10], len(other) + len(whole), unknown, false},
		{"a reply", reply[:20], len(reply), "command 41 cron.service (kernel)", false},
		{"a reply, and more", reply[:20], len(reply) + 1, unknown, false},
		{"the first piece of a reply", reply[:4], 4, "command 41 cron.service (kernel)", false},
		{"the first piece of a call", whole[:4], 4, unknown, false},
		{"nothing is known of it", []byte{}, 100, unknown, false},
		{"to the bus", byName[:len(byName)-20], len(byName), unknown, false},
		{"a first piece", whole[:len(whole)-3], 0, "command 43 cron.service (inferred)", false},
		{"that starts nothing", noStart, 0, "command 41 cron.service (kernel)", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := withHostnamed(t)
			s.caller(41, "hostnamectl")
			s.caller(43, "odd")
			odd := &event.BusMessage{Sender: s.id(43), TID: 43, Bus: 1, Path: toBus, PeerPID: 1, Size: uint32(max(tt.size, len(tt.data))), Data: tt.data}
			if tt.data != nil && !tt.late {
				s.see(odd)
			}
			s.send(41, toBus, getHostname())
			if tt.late {
				s.see(odd)
			}
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			s.service(42, "systemd-hostnamed.service")
			s.want(tt.want)
			if len(tt.data) < tt.size && tt.want == unknown && s.blamer.BusCut() != 1 {
				t.Errorf("%d counted", s.blamer.BusCut())
			}
		})
	}
}

// cutBehind is a call whose destination does not go by a cut at its end: the library
// writes the fields of a header in any order.
func cutBehind(t *testing.T, m *dbus.Message, dest string) []byte {
	t.Helper()
	for {
		data := encode(t, m)
		if cut, err := dbuswire.Parse(data[:len(data)-20]); cut.Destination == dest && (err != nil || cut.BodyTruncated) {
			return data
		}
	}
}

// Long ago, or of the caller itself, it is no rival.
func TestAMessageThatCanNotBeReadOfNoMatter(t *testing.T) {
	for _, by := range []uint32{41, 43} {
		s := withHostnamed(t)
		s.caller(41, "hostnamectl")
		s.caller(43, "odd")
		s.see(&event.BusMessage{Sender: s.id(by), TID: by, Bus: 1, Path: toBus, PeerPID: 1, Size: 3, Data: []byte("odd")})
		if by != 41 {
			s.now += 1101
		}
		s.send(41, toBus, getHostname())
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		s.service(42, "systemd-hostnamed.service")
		s.want("command 41 cron.service (kernel)")
	}
}

// There is room for so many of them; that of one that was dropped is not lost.
func TestManyMessagesThatCanNotBeRead(t *testing.T) {
	for _, late := range []bool{false, true} {
		s := withHostnamed(t)
		s.caller(41, "hostnamectl")
		s.caller(43, "odd")
		odd := func(by, bus uint32, path string) {
			s.see(&event.BusMessage{Sender: s.id(by), TID: by, Bus: bus, Path: path, PeerPID: 1, Size: 3, Data: []byte("odd")})
		}
		odd(43, 1, toBus)
		if late {
			s.send(41, toBus, getHostname())
		}
		for range manyUnread {
			odd(41, 2, private)
		}
		if !late {
			s.send(41, toBus, getHostname())
		}
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		s.service(42, "systemd-hostnamed.service")
		s.want("unknown (unknown): unreadable_message org.freedesktop.hostname1")
	}
}

// A request that can't be read may have been the first.
func TestARequestThatCanNotBeRead(t *testing.T) {
	for _, late := range []bool{false, true} {
		s := tell(t)
		s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
		s.caller(41, "systemctl", "start", "foo")
		s.caller(43, "odd")
		data := encode(t, job("StartUnit", "foo.service"))
		odd := &event.BusMessage{Sender: s.id(43), TID: 43, Bus: 1, Path: private, PeerPID: 1, Size: uint32(len(data)), Data: data[:50]}
		if !late {
			s.see(odd)
		}
		s.send(41, private, job("StartUnit", "foo.service"))
		if late {
			s.see(odd)
		}
		s.service(42, "foo.service")
		s.want("command 41 cron.service (inferred)")
	}
}

// The bus saw the end of a run, and was called again, before the manager noted
// that end. A socket by which the unit can be started as well has not begun the
// run that follows.
func TestAnActivationBeforeTheManagerNotesTheEnd(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ended int // when the first run's process ended, before the activation or behind it; 0 for not at all
		want  string
	}{
		{"the process was gone", -1, "command 44 cron.service (kernel)"},
		{"it was just ending", 1, "command 44 cron.service (inferred)"},
		{"it may have run on", 0, "unknown (unknown): asked_while_running systemd-hostnamed.service"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := withHostnamed(t)
			end := func() {
				s.now++
				s.see(&event.Process{
					ID: s.id(42), Parent: s.id(1), Cgroup: s.cgroups["/system.slice/systemd-hostnamed.service"], Exited: true, ExitNS: s.now * ms,
				})
			}
			s.caller(41, "hostnamectl")
			s.send(41, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			s.service(42, "systemd-hostnamed.service")
			s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
			if tc.ended < 0 {
				end()
			}
			s.fromBus(1, ownerChanged(hostname1, ":1.9", ""))
			s.caller(44, "second")
			s.send(44, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			if tc.ended > 0 {
				end()
			}
			u := hostnamed()
			u.TriggeredBy = []string{"systemd-hostnamed.socket"}
			u.InactiveEnterUS, u.InactiveExitUS = (s.now+1)*1000, (s.now+2)*1000
			s.units["systemd-hostnamed.service"] = u
			s.units["systemd-hostnamed.socket"] = event.UnitState{Name: "systemd-hostnamed.socket", SubState: "running"}
			s.now += 100
			s.service(45, "systemd-hostnamed.service")
			s.want("command 41 cron.service (kernel)", tc.want)
		})
	}
}

func TestARefusedCallIsBlamedForNothing(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "denied")
	s.send(41, toBus, getHostname())
	s.fromBus(41, refusal())
	s.caller(42, "hostnamectl")
	s.send(42, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(43, "systemd-hostnamed.service")
	s.want("command 42 cron.service (kernel)")
}

// A bus that waited in vain for a service tells the caller so. What begins the
// service later is another request.
func TestAnActivationThatFailedIsBlamedForNothing(t *testing.T) {
	for sender, want := range map[string]string{
		"org.freedesktop.DBus": "command 42 cron.service (kernel)",
		":1.9":                 "command 41 cron.service (kernel)", // an error of the service's own: it runs
	} {
		s := withHostnamed(t)
		u := hostnamed()
		u.InactiveExitUS = 200 * 1000
		s.units["systemd-hostnamed.service"] = u
		s.caller(41, "hostnamectl")
		s.send(41, toBus, getHostname())
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		failure := refusal()
		failure.Headers[dbus.FieldSender] = dbus.MakeVariant(sender)
		s.fromBus(41, failure)
		s.caller(42, "systemctl")
		s.send(42, private, job("StartUnit", "systemd-hostnamed.service"))
		s.now = 200
		s.service(43, "systemd-hostnamed.service")
		s.want(want)
	}
}

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

func TestActivationWithoutAKnownCaller(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "stranger")
	s.send(41, toBus, method("org.example.other", "/", "org.example", "Get"))
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("unknown (unknown): no_call org.freedesktop.hostname1")
}

// A service file can name any unit: only the manager knows the bus name then.
func TestActivationOfAUnitByItsOwnName(t *testing.T) {
	s := withHostnamed(t)
	s.caller(40, "stranger")
	s.send(40, toBus, method("org.example.other", "/", "org.example", "Get"))
	s.caller(41, "hostnamectl")
	s.send(41, toBus, getHostname())
	s.fromBus(1, activation("systemd-hostnamed.service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("command 41 cron.service (kernel)")
}

func TestAForgedActivationRequest(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "forger")
	forged := activation("systemd-hostnamed.service")
	forged.Headers[dbus.FieldSender] = dbus.MakeVariant(":1.5")
	s.fromBus(1, forged)
	s.service(42, "systemd-hostnamed.service")
	s.want("unknown (unknown): nobody_asked systemd-hostnamed.service")
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
			s.send(41, private, job(member, "foo.service"))
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
	s.send(42, private, job("StartUnit", "foo.service"))
	s.service(43, "foo.service")
	s.want("command 42 cron.service (kernel)")
}

// A start of what runs has no effect; the run that follows has another cause.
func TestAStartOfARunningUnitIsBlamedForNothing(t *testing.T) {
	s := tell(t)
	s.caller(41, "systemctl")
	s.send(41, private, job("StartUnit", "foo.service"))
	s.now += 100
	s.units["foo.service"] = event.UnitState{
		Name: "foo.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"foo.timer"},
		InactiveEnterUS: (s.now - 50) * 1000, InactiveExitUS: (s.now - 10) * 1000,
	}
	s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: (s.now - 11) * 1000}
	s.service(42, "foo.service")
	s.want("timer foo.timer (manager)")
}

func TestCrashLoop(t *testing.T) {
	s := tell(t)
	foo := event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true, Restart: "always"}
	s.units["foo.service"] = foo
	s.caller(41, "systemctl")
	s.send(41, private, job("StartUnit", "foo.service"))
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
	s.send(41, private, job("StartUnit", "foo.service"))
	s.service(42, "foo.service")
	s.want("command 41 cron.service (kernel)")
}

// The caller was itself started by a timer.
func TestTheChainGoesOn(t *testing.T) {
	s := withHostnamed(t)
	s.units["job.service"] = event.UnitState{
		Name: "job.service", Type: "oneshot", TriggeredBy: []string{"job.timer"}, InactiveExitUS: s.now * 1000,
	}
	s.units["job.timer"] = event.UnitState{Name: "job.timer", LastTriggerUS: s.now*1000 - 1}
	s.process(40, 1, "/system.slice/job.service", "/bin/sh", "sh", "-c", "hostnamectl")
	s.process(41, 40, "/system.slice/job.service", "/usr/bin/hostnamectl", "hostnamectl")
	s.send(41, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("timer job.timer (manager)")
}

// What a service asks for before it is up belongs to its start; what it asks
// for later is its own doing, also if it was not up when systemd was asked first.
func TestWhatAServiceAsksForWhileItStarts(t *testing.T) {
	s := withHostnamed(t)
	middle := event.UnitState{Name: "middle.service", Type: "notify"}
	s.caller(41, "systemctl", "start", "middle")
	s.send(41, private, job("StartUnit", "middle.service"))
	middle.InactiveExitUS = s.now*1000 + 500
	s.units["middle.service"] = middle
	s.process(50, 1, "/system.slice/middle.service", "/bin/sh", "middle")
	ask := func(pid, creator uint32) {
		s.process(pid, 50, "/system.slice/middle.service", "/usr/bin/hostnamectl", "hostnamectl")
		s.send(pid, toBus, getHostname())
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		s.service(creator, "systemd-hostnamed.service")
	}
	ask(51, 52)
	middle.ActiveEnterUS = s.now * 1000
	s.units["middle.service"] = middle
	s.fromBus(1, ownerChanged(hostname1, "", ":1.5"))
	s.fromBus(1, ownerChanged(hostname1, ":1.5", ""))
	ask(53, 54)
	s.want("command 41 cron.service (kernel)", "command 53 middle.service (kernel)")
}

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

// While a unit waits for its automatic restart, what systemd gives as the run's
// beginning and the end of the one before is of that wait.
func TestAskedWhileTheRestartIsAwaited(t *testing.T) {
	s := tell(t)
	s.caller(41, "systemctl")
	s.send(41, private, job("StartUnit", "foo.service"))
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
	s.send(40, private, job("StartUnit", "foo.service"))
	s.service(42, "foo.service")
	s.caller(41, "systemctl")
	s.send(41, private, job("StartUnit", "foo.service"))
	foo.NRestarts = 1
	s.units["foo.service"] = foo
	s.service(43, "foo.service")
	s.want("command 40 cron.service (kernel)",
		"unknown (unknown): restart_or_request foo.service")
}

func TestBoot(t *testing.T) {
	s := tell(t)
	s.boot = event.ManagerBoot{UserspaceUS: 1, FinishUS: 0}
	s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true, InactiveExitUS: s.now * 1000}
	s.service(42, "foo.service")
	s.want("boot foo.service (manager)")
}

func TestDependency(t *testing.T) {
	s := tell(t)
	s.units["foo.service"] = event.UnitState{
		Name: "foo.service", Type: "simple", PrivateNetwork: true,
		Dependents: []event.UnitDependent{{Name: "bar.target", Dependency: "WantedBy"}},
	}
	s.caller(41, "systemctl", "start", "bar.target")
	s.send(41, private, job("StartUnit", "bar.target"))
	s.service(42, "foo.service")
	s.want("command 41 cron.service (manager)")
}

func TestCommandsActByThemselves(t *testing.T) {
	s := tell(t)
	s.units["cron.service"] = event.UnitState{Name: "cron.service", Type: "simple"}
	s.caller(41, "unshare", "-n")
	s.create(41, "/system.slice/cron.service")
	s.process(50, 1, "/user.slice/user-1000.slice/session-3.scope", "/usr/bin/unshare", "unshare", "-n")
	s.create(50, "/user.slice/user-1000.slice/session-3.scope")
	s.want("command 41 cron.service (kernel)", "command 50 session-3.scope (kernel)")
}

// A name says nothing: what counts is who sent the message.
func TestAFalseName(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "hostnamectl", "--static") // never says a word
	s.caller(42, "innocent-name")
	s.send(42, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(43, "systemd-hostnamed.service")
	s.want("command 42 cron.service (kernel)")
}

func TestWithoutTheBus(t *testing.T) {
	s := withHostnamed(t)
	s.see(&event.Coverage{Probe: event.ProbeBus, Why: "turned off by --no-bus"})
	s.service(42, "systemd-hostnamed.service")
	s.want("unknown (unknown): bus_not_heard systemd-hostnamed.service turned off by --no-bus")
}

func TestDBusBroker(t *testing.T) {
	s := withHostnamed(t)
	s.process(21, 1, "/system.slice/dbus-broker.service", "/usr/bin/dbus-broker-launch", "dbus-broker-launch")
	s.caller(41, "hostnamectl", "--static")
	s.send(41, toBus, getHostname())
	s.send(21, toBus, job("StartUnit", "dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("command 41 cron.service (kernel)")
}

func TestUserManager(t *testing.T) {
	s := tell(t)
	const base = "/user.slice/user-1000.slice/user@1000.service"
	s.process(100, 1, base+"/init.scope", "/usr/lib/systemd/systemd", "systemd", "--user")
	s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", Manager: event.ManagerUser, PrivateNetwork: true}
	s.process(41, 1, "/user.slice/user-1000.slice/session-3.scope", "/usr/bin/systemctl", "systemctl", "--user")
	s.see(&event.BusMessage{
		Sender: s.id(41), Bus: 3, Path: "/run/user/1000/systemd/private", PeerPID: 100, Data: encode(t, job("StartUnit", "foo.service")),
	})
	s.forked(42, 100, base+"/app.slice/foo.service", "(foo)")
	s.create(42, base+"/app.slice/foo.service")
	s.want("command 41 session-3.scope (kernel)")
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

func TestTransientUnitThatIsGone(t *testing.T) {
	s := tell(t)
	s.caller(41, "systemd-run", "unshare", "-n")
	s.send(41, private, method("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
		"StartTransientUnit", "run-1.service", "fail", []struct {
			Name  string
			Value dbus.Variant
		}{}, []struct {
			Name string
			Aux  []struct {
				Name  string
				Value dbus.Variant
			}
		}{}))
	s.process(42, 1, "/system.slice/run-1.service", "/usr/bin/unshare", "unshare", "-n")
	s.create(42, "/system.slice/run-1.service")
	s.want("command 41 cron.service (kernel)")
}

// Nothing is known of the unit but that its manager forked the creator.
func TestAUnitThatIsGone(t *testing.T) {
	s := tell(t)
	s.process(42, 1, "/system.slice/gone.service", "/usr/bin/unshare", "unshare", "-n")
	s.create(42, "/system.slice/gone.service")
	s.process(43, 42, "/system.slice/gone.service", "/usr/bin/unshare", "unshare", "-n")
	s.create(43, "/system.slice/gone.service")
	s.want(
		"unknown (unknown): nobody_asked_unit_unknown gone.service unit is not loaded",
		"command 43 gone.service (kernel)",
	)
}

func TestFlushAnswersWhatIsOpen(t *testing.T) {
	s := withHostnamed(t)
	delete(s.units, "systemd-hostnamed.service")
	c := &lineage.Creation{}
	s.process(31, 30, "/system.slice/cron.service", "/bin/sh", "sh")
	p, ancestry, _ := s.tree.Lineage(s.id(31))
	c.Process, c.Ancestry = p, ancestry
	s.blamer.Submit(c)
	if done := s.blamer.Ready(); len(done) != 0 {
		t.Fatalf("%d cases before any answer", len(done))
	}
	s.done = s.blamer.Flush()
	s.want("command 31 cron.service (kernel)")
}

// says is what a manager tells a process of a job.
func (s *story) says(to uint32, what string, number uint32, unit string, result ...any) {
	path := dbus.ObjectPath(fmt.Sprintf("/org/freedesktop/systemd1/job/%d", number))
	s.see(&event.BusMessage{Sender: s.id(1), Bus: 1, Path: private, FromBus: true, PeerPID: to, Data: encode(s.t, signal(
		"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", what,
		append([]any{number, path, unit}, result...)...))})
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
		ConditionUS: checked * 1000, InactiveEnterUS: (s.now + 50) * 1000, InactiveExitUS: (s.now + 51) * 1000, NRestarts: 1,
	}
	s.service(42, "crash.service")
	s.want("command 41 cron.service (kernel)")
}

// Whoever asks after the first process was forked did not begin the run, even if
// that has yet to make its namespace and nobody else was seen asking.
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
		event.LossBus: "command 41 cron.service (inferred)", event.LossRecord: "command 41 cron.service (inferred)",
		event.LossCreation: "command 41 cron.service (kernel)",
	} {
		s := tell(t)
		s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
		s.caller(41, "systemctl", "start", "foo")
		s.send(41, private, job("StartUnit", "foo.service"))
		s.see(&event.Loss{Kind: kind, Count: 1})
		s.service(42, "foo.service")
		s.want(want)
	}
}

// A request that comes while the unit is being stopped cancels the job to stop
// it, or that is done before the manager reads of it. Neither is the request's.
func TestARequestWhileStopping(t *testing.T) {
	const name = "systemd-hostnamed.service"
	const nobody = "unknown (unknown): nobody_asked systemd-hostnamed.service"
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
		{"a start that was done and stopped", "dbus", []job{stop}, []job{{"JobRemoved", 5, "done"}}, 1, nobody},
		{"a start that failed", "dbus", []job{stop}, []job{{"JobRemoved", 5, "failed"}}, -1, nobody},
		{"a start that another stop cancelled", "dbus", []job{stop}, []job{
			{"JobRemoved", 5, "canceled"}, {"JobNew", 6, ""}, {"JobRemoved", 6, "done"},
		}, -1, nobody},
		{"a oneshot's start that was done", "oneshot", []job{stop}, []job{{"JobRemoved", 5, "done"}}, -1, nobody},
		{"its own job", "dbus", nil, []job{{"JobNew", 5, ""}, {"JobRemoved", 5, "canceled"}}, 1, nobody},
		{"not announced", "dbus", nil, []job{{"JobRemoved", 5, "canceled"}}, 1, nobody},
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
