package blame

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
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
	pidns   uint32 // of the processes that come next, 0 where owners are not known
	jobs    uint32 // the number of the latest
	serials uint32 // of messages on connections
	cgroups map[string]event.CgroupID
	starts  map[uint32]uint64          // of the processes, by pid
	units   map[string]event.UnitState // answers, by name
	peers   map[string]event.ProcessID // who connected, by the service's name
	boot    event.ManagerBoot
	done    []*finding.Attribution
	loads   []*finding.PernetInit
	uid     uint32 // of the processes that come next
	mute    bool   // the manager does not answer
	deaf    bool   // the files of runtimes are not read
	// containers are what those say, by id; asked are the questions about them.
	containers map[string]event.Container
	asked      []event.ContainerQuestion
	fors       []*finding.NetnsFor
	lag        uint64 // for how long the machine was suspended
}

const ms = 1_000_000

func tell(t *testing.T) *story {
	t.Helper()
	s := &story{t: t, tree: lineage.NewTree(), cgroups: make(map[string]event.CgroupID), starts: make(map[uint32]uint64), units: make(map[string]event.UnitState), peers: make(map[string]event.ProcessID), containers: make(map[string]event.Container)}
	s.blamer = New(s.tree)
	s.see(&event.Host{})
	s.see(&event.Coverage{Probe: event.ProbeBus, Live: true})
	s.boot = event.ManagerBoot{UserspaceUS: 1, FinishUS: 2}
	s.process(1, 0, "/init.scope", "/usr/lib/systemd/systemd", "/sbin/init")
	for _, socket := range []string{toBus, private} { // tells who listens there
		s.send(1, socket, method("org.example.nobody", "/", "org.example", "Hello"))
	}
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
		s.fors = append(s.fors, s.blamer.Fors()...)
		s.lookUp()
		asks := s.blamer.Asks()
		if len(asks) == 0 {
			return
		}
		if s.mute {
			s.blamer.asks = append(s.blamer.asks, asks...)
			return
		}
		for _, q := range asks {
			s.answer(q)
		}
	}
}

// lookUp answers the questions about containers.
func (s *story) lookUp() {
	for _, q := range s.blamer.ContainerAsks() {
		s.asked = append(s.asked, q)
		if s.deaf {
			continue
		}
		a, ok := s.containers[q.ID]
		if a.Question = q; !ok {
			a.Why = "no such container"
		}
		s.see(&a)
	}
}

func (s *story) answer(q event.Question) {
	a := &event.Unit{Question: q, Boot: s.boot, MonotonicLagNS: s.lag, Peer: s.peers[q.Unit]}
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
	s.see(&event.Process{ID: s.id(pid), Parent: s.id(parent), Program: prog, Comm: comm, UID: s.uid, Cgroup: cg, Owner: event.Owner{UID: s.uid, PIDNamespace: s.pidns}})
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

// busNumbers are the numbers of the system's sockets.
var busNumbers = map[string]uint32{toBus: 1, private: 4}

// send is a message of a process over a socket, as in recordings of before: nothing
// tells the connection, and there are no answers.
func (s *story) send(pid uint32, socket string, m *dbus.Message) {
	s.see(&event.BusMessage{Sender: s.id(pid), TID: pid, Bus: busNumbers[socket], Path: socket, PeerPID: 1, Data: encode(s.t, m)})
}

// startJob is a request that has a new job.
func (s *story) startJob(pid uint32, socket, member, unit string) {
	s.send(pid, socket, job(member, unit))
	s.newJob(unit)
}

// newJob is said by the manager, and returns the number of the job.
func (s *story) newJob(unit string) uint32 {
	s.jobs++
	s.says(30, "JobNew", s.jobs, unit)
	return s.jobs
}

// usersJob is a new job that a user's manager, whose pid is 100, announces.
func (s *story) usersJob(uid uint32, unit string) {
	s.see(&event.BusMessage{
		Sender: s.id(100), Bus: 3, Path: fmt.Sprintf("/run/user/%d/systemd/private", uid), FromBus: true, PeerPID: 41, Data: encode(s.t, signal(
			"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobNew", uint32(1), jobPath(1), unit)),
	})
}

// sentMessage is a message on a connection.
type sentMessage struct {
	pid, serial uint32
	conn        uint64
	socket      string
}

// ask is a message of a process over a connection of its own.
func (s *story) ask(pid uint32, socket string, m *dbus.Message) sentMessage {
	return s.askOver(uint64(pid)+1000, pid, socket, m)
}

// askOver is a message of a process over a certain connection.
func (s *story) askOver(conn uint64, pid uint32, socket string, m *dbus.Message) sentMessage {
	s.serials++
	data := encode(s.t, m)
	binary.LittleEndian.PutUint32(data[8:], s.serials)
	s.see(&event.BusMessage{Sender: s.id(pid), TID: pid, Bus: busNumbers[socket], Path: socket, PeerPID: 1, Conn: conn, Copied: true, Size: uint32(len(data)), Data: data})
	return sentMessage{pid: pid, serial: s.serials, conn: conn, socket: socket}
}

// answer is what comes back to a message.
func (s *story) answerTo(to sentMessage, m *dbus.Message) {
	m.Headers[dbus.FieldReplySerial] = dbus.MakeVariant(to.serial)
	from := s.id(1)
	if to.socket == toBus {
		from = s.id(20)
	}
	data := encode(s.t, m)
	s.see(&event.BusMessage{
		Sender: from, Bus: busNumbers[to.socket], Path: to.socket, FromBus: true, PeerPID: to.pid, Conn: to.conn, Copied: true, Size: uint32(len(data)), Data: data,
	})
}

// accept answers a request with a job.
func (s *story) accept(to sentMessage, number uint32) {
	s.answerTo(to, withBody(&dbus.Message{Type: dbus.TypeMethodReply, Headers: make(map[dbus.HeaderField]dbus.Variant)}, []any{jobPath(number)}))
}

func jobPath(number uint32) dbus.ObjectPath {
	return dbus.ObjectPath(fmt.Sprintf("/org/freedesktop/systemd1/job/%d", number))
}

// silently is a message that asks for no answer.
func silently(m *dbus.Message) *dbus.Message {
	m.Flags |= dbus.FlagNoReplyExpected
	return m
}

// runs says when the present run of a unit began, which is when the first process is
// forked right after this.
func (s *story) runs(u event.UnitState) {
	u.InactiveExitUS = (s.now + 1) * 1000
	s.units[u.Name] = u
	s.now += 10
}

// fromBus is a message of the bus's to a process.
func (s *story) fromBus(to uint32, m *dbus.Message) {
	s.see(&event.BusMessage{Sender: s.id(20), Bus: 1, Path: toBus, FromBus: true, PeerPID: to, Data: encode(s.t, m)})
}

// encode gives a message its serial, which godbus does not let us set.
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
	for _, f := range []string{r.Unit, r.BusName, r.Container, r.Trigger, r.Text} {
		if f != "" {
			fields = append(fields, f)
		}
	}
	if r.PID != 0 {
		fields = append(fields, fmt.Sprintf("pid %d", r.PID))
	}
	return strings.Join(fields, " ")
}

// lastLink is the last link of the latest chain.
func (s *story) lastLink() *finding.Link {
	s.t.Helper()
	links := s.done[len(s.done)-1].Links
	if len(links) == 0 {
		s.t.Fatal("no links")
	}
	return &links[len(links)-1]
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

// says is what a manager tells a process of a job.
func (s *story) says(to uint32, what string, number uint32, unit string, result ...any) {
	s.jobs = max(s.jobs, number)
	s.see(&event.BusMessage{Sender: s.id(1), Bus: busNumbers[private], Path: private, FromBus: true, PeerPID: to, Data: encode(s.t, signal(
		"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", what,
		append([]any{number, jobPath(number), unit}, result...)...))})
}
