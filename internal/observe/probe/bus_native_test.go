package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// heard has the programs on the buses at work on a kernel that takes programs on
// tracepoints alone. They run when the other end has read what was sent, which is in
// the order of sending.
type heard struct {
	reader *ringbuf.Reader
	shares *ebpf.Variable
	// maps and lengths are for those who listen to engines.
	maps    map[string]*ebpf.Map
	lengths *ebpf.Variable
	t       *testing.T
}

func hear(t *testing.T) *heard {
	t.Helper()
	_ = rlimit.RemoveMemlock()
	spec, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	p := spec.Programs[bpfProgSentFexit]
	p.AttachType, p.AttachTo = ebpf.AttachTraceRawTp, "consume_skb"
	const from, result = 2 * 8, 4 * 8 // arguments that the tracepoint does not have
	for i := range p.Instructions {
		ins := &p.Instructions[i]
		if ins.OpCode == asm.LoadMemOp(asm.DWord) && ins.Src == asm.R1 && (ins.Offset == from || ins.Offset == result) {
			replaced := asm.Mov.Imm(ins.Dst, 0)
			replaced.Metadata = ins.Metadata
			*ins = replaced
		}
		if ins.OpCode.JumpOp() == asm.Call {
			break
		}
	}
	spec.Programs = map[string]*ebpf.ProgramSpec{"sent": p}
	spec.Maps[bpfMapBusRecords].MaxEntries = DefaultBufferSize
	if err := spec.Variables[bpfVarTypedSockets].Set(uint8(0)); err != nil {
		t.Fatal(err)
	}
	if err := spec.Variables[bpfVarPageSize].Set(uint64(os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	coll, err := ebpf.NewCollection(spec)
	skipIfRefused(t, kernel.Refused("load a program", err))
	t.Cleanup(coll.Close)
	l, err := link.AttachTracing(link.TracingOptions{Program: coll.Programs["sent"]})
	skipIfRefused(t, kernel.Refused("attach a program", err))
	t.Cleanup(func() { _ = l.Close() })
	reader, err := ringbuf.NewReader(coll.Maps[bpfMapBusRecords])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	return &heard{
		reader: reader, shares: coll.Variables[bpfVarShares], t: t,
		maps: coll.Maps, lengths: coll.Variables[bpfVarEngineLengths],
	}
}

// The kernel's verifier takes the programs on the buses, by each method.
func TestProgramsOnTheBusesLoad(t *testing.T) {
	_ = rlimit.RemoveMemlock()
	spec, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		for _, choice := range append([]group{g}, g.or...) {
			for _, name := range slices.Concat(choice.by(byFentry), choice.by(byKprobe)) {
				if !choice.bus {
					continue
				}
				one := spec.Copy()
				one.Programs = map[string]*ebpf.ProgramSpec{name: one.Programs[name]}
				one.Maps[bpfMapBusRecords].MaxEntries = DefaultBufferSize
				coll, err := ebpf.NewCollection(one)
				if errors.Is(err, btf.ErrNotFound) || errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, unix.EPERM) {
					t.Logf("%s: %v", name, err)
					continue
				}
				if err != nil {
					t.Errorf("%s: %+v", name, err)
					continue
				}
				coll.Close()
			}
		}
	}
}

// payForAll lets the owner of the tests send as much as if they took their time.
func (h *heard) payForAll() {
	h.t.Helper()
	setShare(h.t, h.shares, uint32(bpfPlacePLACE_ROOT), bpfShare{})
}

// messages are what was reported until now.
func (h *heard) messages() []*event.BusMessage {
	h.t.Helper()
	h.payForAll()
	h.reader.SetDeadline(time.Now())
	var list []*event.BusMessage
	for {
		record, err := h.reader.Read()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return list
		}
		if err != nil {
			h.t.Fatal(err)
		}
		ev, err := decode(aligned(record.RawSample))
		if err != nil {
			h.t.Fatal(err)
		}
		if b, ok := ev.Body.(*event.BusMessage); ok {
			list = append(list, b)
		}
	}
}

// testBus is a socket at the path of a user's bus, which nobody has.
type testBus struct {
	*net.UnixListener
	t *testing.T
}

func listenAsBus(t *testing.T) testBus {
	t.Helper()
	dir := "/run/user/4000000000"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Skip("this user can't make the directory of a user's bus: ", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: filepath.Join(dir, "bus")})
	if err != nil {
		t.Skip("this user can't listen there: ", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return testBus{l, t}
}

// connect returns both ends of a connection.
func (b testBus) connect() (client, server *net.UnixConn) {
	b.t.Helper()
	client, err := net.DialUnix("unix", nil, b.Addr().(*net.UnixAddr))
	if err != nil {
		b.t.Fatal(err)
	}
	server, err = b.AcceptUnix()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = errors.Join(client.Close(), server.Close()) })
	return client, server
}

// send writes, and reads at the other end, which is where the program runs: always in
// the same thread.
func (b testBus) send(from, to *net.UnixConn, writes ...[]byte) {
	b.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, w := range writes {
		written := make(chan error, 1)
		go func() {
			_, err := from.Write(w)
			written <- err
		}()
		if _, err := io.ReadFull(to, make([]byte, len(w))); err != nil {
			b.t.Fatal(err)
		}
		if err := <-written; err != nil {
			b.t.Fatal(err)
		}
	}
}

// inPieces divides what is sent.
func inPieces(size int, parts ...[]byte) [][]byte {
	return slices.Collect(slices.Chunk(slices.Concat(parts...), size))
}

const (
	toSystemd = "org.freedesktop.systemd1"
	managerOf = "org.freedesktop.systemd1.Manager"
)

func startUnit(t *testing.T, serial uint32, unit string) []byte {
	t.Helper()
	return busCall(t, serial, 0, toSystemd, "/org/freedesktop/systemd1", managerOf, "StartUnit", unit, "replace")
}

func ping(t *testing.T, serial uint32, name string) []byte {
	t.Helper()
	return busCall(t, serial, 0, name, "/", "org.freedesktop.DBus.Peer", "Ping")
}

// toTheBus is a call that matters to nobody, of that size or some more.
func toTheBus(t *testing.T, serial uint32, size int) []byte {
	t.Helper()
	return busCall(t, serial, 0, dbuswire.BusName, "/", dbuswire.BusName, "NameHasOwner", strings.Repeat("x", size))
}

func busCall(t *testing.T, serial uint32, flags dbus.Flags, name, path, iface, member string, args ...any) []byte {
	t.Helper()
	return encoded(t, serial, &dbus.Message{Type: dbus.TypeMethodCall, Flags: flags, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath:        dbus.MakeVariant(dbus.ObjectPath(path)),
		dbus.FieldDestination: dbus.MakeVariant(name),
		dbus.FieldInterface:   dbus.MakeVariant(iface),
		dbus.FieldMember:      dbus.MakeVariant(member),
	}}, args...)
}

func answer(t *testing.T, kind dbus.Type, serial uint32, args ...any) []byte {
	t.Helper()
	headers := map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(serial), dbus.FieldSender: dbus.MakeVariant(":1.0"),
	}
	if kind == dbus.TypeError {
		headers[dbus.FieldErrorName] = dbus.MakeVariant("org.freedesktop.DBus.Error.AccessDenied")
	}
	return encoded(t, 77, &dbus.Message{Type: kind, Headers: headers}, args...)
}

func encoded(t *testing.T, serial uint32, m *dbus.Message, args ...any) []byte {
	t.Helper()
	if len(args) > 0 {
		m.Body = args
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
	}
	var b bytes.Buffer
	if err := m.EncodeTo(&b, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	binary.LittleEndian.PutUint32(raw[8:], serial) // which the library keeps to itself
	return raw
}

// told says what was reported, a line each.
func told(list []*event.BusMessage) []string {
	lines := make([]string, 0, len(list))
	for _, b := range list {
		m, err := dbuswire.Parse(b.Data)
		switch {
		case b.Unread != "":
			lines = append(lines, string(b.Unread))
		case err != nil || !b.Copied || int(b.Size) != m.Size:
			lines = append(lines, fmt.Sprintf("%v, copied %v, size %d and %d", err, b.Copied, b.Size, m.Size))
		case m.ReplySerial != 0:
			lines = append(lines, fmt.Sprintf("%s to %d", m.Type, m.ReplySerial))
		default:
			lines = append(lines, fmt.Sprintf("%s %d", m.Member, m.Serial))
		}
	}
	return lines
}

// However a client divides what it sends, each message that matters is reported once,
// as itself.
func TestAStreamIsTakenAsAStream(t *testing.T) {
	h, bus := hear(t), listenAsBus(t)
	auth := []byte("\x00AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
	rowOf := func(large int) [][]byte {
		return [][]byte{
			auth, toTheBus(t, 1, 10), startUnit(t, 2, "a.service"), ping(t, 3, "org.example.A"), toTheBus(t, 4, large/30),
			startUnit(t, 5, "b.service"), toTheBus(t, 6, large), ping(t, 7, "org.example.B"), toTheBus(t, 8, large/25),
			startUnit(t, 9, "c.service"),
		}
	}
	row, brief := rowOf(100_000), rowOf(3000)
	want := []string{"StartUnit 2", "Ping 3", "StartUnit 5", "Ping 7", "StartUnit 9"}
	for _, tc := range []struct {
		how    string
		writes [][]byte
	}{
		{"each in a write", row},
		{"all in one write", inPieces(1<<20, row...)},
		{"pieces of 1 byte", inPieces(1, brief...)},
		{"pieces of 3 bytes", inPieces(3, brief...)},
		{"pieces of 16 bytes", inPieces(16, brief...)},
		{"pieces of 100 bytes", inPieces(100, row...)},
		{"pieces of 1000 bytes", inPieces(1000, row...)},
		{"pieces of 3800 bytes", inPieces(3800, row...)},
		{"pieces of 5000 bytes", inPieces(5000, row...)},
		{"pieces of 40,000 bytes", inPieces(40_000, row...)},
		{"the authentication with the first call", append([][]byte{slices.Concat(row[:3]...)}, row[3:]...)},
		{"the NUL byte by itself", slices.Concat([][]byte{auth[:1], auth[1:]}, row[1:])},
		{"on a connection that is older", row[1:]},
	} {
		client, server := bus.connect()
		bus.send(client, server, tc.writes...)
		if diff := cmp.Diff(want, told(h.messages())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.how, diff)
		}
	}
}

// The same for messages of any size, divided anywhere.
func TestAStreamMayBeDividedAnywhere(t *testing.T) {
	h, bus := hear(t), listenAsBus(t)
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 0))
		stream := []byte("\x00AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
		var want []string
		for serial := range 1 + r.Uint32N(10) {
			switch r.IntN(3) {
			case 0:
				stream = append(stream, startUnit(t, serial+1, "a.service")...)
				want = append(want, fmt.Sprintf("StartUnit %d", serial+1))
			case 1:
				stream = append(stream, ping(t, serial+1, fmt.Sprintf("org.example.A%d", serial))...)
				want = append(want, fmt.Sprintf("Ping %d", serial+1))
			default:
				stream = append(stream, toTheBus(t, serial+1, anySize(r))...)
			}
		}
		var writes [][]byte
		for len(stream) > 0 {
			n := min(1+anySize(r), len(stream))
			writes, stream = append(writes, stream[:n]), stream[n:]
		}
		client, server := bus.connect()
		bus.send(client, server, writes...)
		if diff := cmp.Diff(want, told(h.messages()), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("seed %d, %d writes (-want +got):\n%s", seed, len(writes), diff)
		}
	}
}

// anySize is below, at, and above the sizes at which the kernel changes its ways.
func anySize(r *rand.Rand) int {
	return r.IntN([]int{20, 200, 2000, 5000, 9000, 90_000}[r.IntN(6)])
}

// What is behind something that no client sends is not believed, and is reported for that
// connection alone.
func TestWhatCannotBeReadIsToldForItsConnection(t *testing.T) {
	h, bus := hear(t), listenAsBus(t)
	client, server := bus.connect()
	other, otherServer := bus.connect()
	bus.send(client, server, []byte("\x00AUTH EXTERNAL 30\r\nBEGIN now\r\n"), startUnit(t, 1, "a.service"))
	bus.send(other, otherServer, startUnit(t, 1, "b.service"))
	list := h.messages()
	if diff := cmp.Diff([]string{"out_of_step", "StartUnit 1"}, told(list)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if list[0].Conn == list[1].Conn || list[0].Conn == 0 || list[1].Conn == 0 {
		t.Errorf("connections %d and %d", list[0].Conn, list[1].Conn)
	}
}

// A connection that is older than nsblame gets in step when something begins as a
// message.
func TestAnOlderConnectionGetsInStep(t *testing.T) {
	h, bus := hear(t), listenAsBus(t)
	client, server := bus.connect()
	bus.send(client, server, []byte("the end of some message"), []byte("and more of it"), startUnit(t, 1, "a.service"))
	if diff := cmp.Diff([]string{"out_of_step", "StartUnit 1"}, told(h.messages())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// More messages in one write than are looked at are reported as such.
func TestTooManyMessagesAtOnce(t *testing.T) {
	h, bus := hear(t), listenAsBus(t)
	client, server := bus.connect()
	var row []byte
	for i := range uint32(200) {
		row = append(row, ping(t, i+1, fmt.Sprintf("org.example.A%d", i))...)
	}
	bus.send(client, server, row)
	list := told(h.messages())
	if len(list) < 64 || list[len(list)-1] != string(event.UnreadTooMany) {
		t.Errorf("%d messages, %q", len(list), list)
	}
}

// An answer is reported if it is that to a message of the same connection that was
// reported. Serials of another connection, also of the same process, are others.
func TestOnlyAwaitedAnswersAreTold(t *testing.T) {
	h, bus := hear(t), listenAsBus(t)
	client, server := bus.connect()
	other, otherServer := bus.connect()
	bus.send(client, server, startUnit(t, 5, "a.service"), toTheBus(t, 6, 10), ping(t, 7, "org.example.A"),
		busCall(t, 8, dbus.FlagNoReplyExpected, toSystemd, "/org/freedesktop/systemd1", managerOf, "StartUnit", "b.service", "replace"))
	bus.send(other, otherServer, toTheBus(t, 5, 10))
	job := dbus.ObjectPath("/org/freedesktop/systemd1/job/123")
	refused := answer(t, dbus.TypeError, 5, "no")
	bus.send(otherServer, other, refused, answer(t, dbus.TypeMethodReply, 7))
	bus.send(server, client, answer(t, dbus.TypeMethodReply, 6, "x"), answer(t, dbus.TypeMethodReply, 8, job),
		answer(t, dbus.TypeMethodReply, 5, job), refused, answer(t, dbus.TypeError, 7, strings.Repeat("no", 1000)))
	list := h.messages()
	want := []string{"StartUnit 5", "Ping 7", "StartUnit 8", "method_return to 5", "error to 7"}
	if diff := cmp.Diff(want, told(list)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	for _, b := range list {
		if b.Conn != list[0].Conn {
			t.Errorf("connections %d and %d", b.Conn, list[0].Conn)
		}
	}
	m, err := dbuswire.Parse(list[3].Data)
	if err != nil || len(m.Args) != 1 || m.Args[0].Text != string(job) {
		t.Errorf("the job is not in %+v (%v)", m, err)
	}
	if n := len(list[4].Data); n > 400 {
		t.Errorf("%d bytes of an error are kept", n)
	}
}

// What a bus passes on in pieces is not taken for its own signal.
func TestThePieceOfAMessageIsNoSignal(t *testing.T) {
	h, bus := hear(t), listenAsBus(t)
	client, server := bus.connect()
	signal := encoded(t, 9, &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath:        dbus.MakeVariant(dbus.ObjectPath("/org/freedesktop/DBus")),
		dbus.FieldInterface:   dbus.MakeVariant("org.freedesktop.systemd1.Activator"),
		dbus.FieldMember:      dbus.MakeVariant("ActivationRequest"),
		dbus.FieldSender:      dbus.MakeVariant(dbuswire.BusName),
		dbus.FieldDestination: dbus.MakeVariant(toSystemd),
	}}, "a.service")
	carrier := answer(t, dbus.TypeMethodReply, 1, strings.Repeat("x", 5000))
	begin := carrier[:len(carrier)-len(signal)]
	bus.send(server, client, begin, signal, signal)
	if diff := cmp.Diff([]string{"ActivationRequest 9"}, told(h.messages())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// asUser does something as an ordinary user, in this thread alone.
func asUser(t *testing.T, uid int, do func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set := func(uid int) {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
			t.Skip("this user can't be another one: ", errno)
		}
	}
	set(uid)
	defer set(0)
	do()
}

// connectAs is connect as an ordinary user.
func (b testBus) connectAs(uid int) (client, server *net.UnixConn) {
	b.t.Helper()
	path := b.Addr().String()
	if err := errors.Join(os.Chmod(filepath.Dir(path), 0o711), os.Chmod(path, 0o777)); err != nil {
		b.t.Fatal(err)
	}
	asUser(b.t, uid, func() { client, server = b.connect() })
	return client, server
}

// However many connections a user opens, of those of others it is known where in a message
// they are.
func TestUsersDoNotDisplaceConnectionsOfOthers(t *testing.T) {
	h, bus := hear(t), listenAsBus(t)
	client, server := bus.connect()
	others, theirServer := bus.connectAs(1001)
	start := startUnit(t, 1, "a.service")
	bus.send(client, server, start[:40])
	bus.send(others, theirServer, start[:40])
	for range 3 * 2048 { // of connections that are remembered
		client, server := bus.connectAs(1000)
		bus.send(client, server, start[:10])
		if err := errors.Join(client.Close(), server.Close()); err != nil {
			t.Fatal(err)
		}
	}
	bus.send(client, server, start[40:])
	bus.send(others, theirServer, start[40:])
	if diff := cmp.Diff([]string{"StartUnit 1", "StartUnit 1"}, told(h.messages())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A user may wait for several answers at once.
func TestSeveralConnectionsOfAUserAwaitAnswers(t *testing.T) {
	h, bus := hear(t), listenAsBus(t)
	const several = 16
	type connection struct{ client, server *net.UnixConn }
	var list []connection
	var want []string
	for i := range uint32(several) {
		client, server := bus.connectAs(1000)
		list = append(list, connection{client, server})
		bus.send(client, server, startUnit(t, i+1, "a.service"))
		want = append(want, fmt.Sprintf("StartUnit %d", i+1))
	}
	for i, c := range list {
		serial := uint32(i + 1)
		bus.send(c.server, c.client, answer(t, dbus.TypeMethodReply, serial), answer(t, dbus.TypeMethodReply, serial))
		want = append(want, fmt.Sprintf("method_return to %d", serial))
	}
	if diff := cmp.Diff(want, told(h.messages())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What root's bus announces to a user is not believed, but what it answers him is heard.
// He can have it send him anything in the midst of a large message.
func TestAnnouncementsToUsersAreNotBelieved(t *testing.T) {
	h, bus := hear(t), listenAsBus(t)
	signal := func(serial uint32) []byte {
		return encoded(t, serial, &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath:      dbus.MakeVariant(dbus.ObjectPath("/org/freedesktop/DBus")),
			dbus.FieldInterface: dbus.MakeVariant("org.freedesktop.systemd1.Activator"),
			dbus.FieldMember:    dbus.MakeVariant("ActivationRequest"),
			dbus.FieldSender:    dbus.MakeVariant(dbuswire.BusName),
		}}, "a.service")
	}
	client, server := bus.connectAs(1000)
	bus.send(client, server, startUnit(t, 5, "a.service"))
	bus.send(server, client, signal(7), answer(t, dbus.TypeMethodReply, 5))
	client, server = bus.connect()
	bus.send(server, client, signal(8))
	want := []string{"StartUnit 5", "method_return to 5", "ActivationRequest 8"}
	if diff := cmp.Diff(want, told(h.messages())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Nobody else's socket is that of a bus, by the path alone.
func TestPathsAreComparedWhole(t *testing.T) {
	h := hear(t)
	dir := "/run/user/4000000000"
	if err := os.MkdirAll(filepath.Join(dir, "systemd"), 0o700); err != nil {
		t.Skip("this user can't make the directory of a user's bus: ", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, tc := range []struct {
		path string
		want int
	}{
		{"/systemd/private", 1},
		{"/bus", 1},
		{"/sys", 0},
		{"/systemd/privat", 0},
		{"/systemd/private2", 0},
		{"/bus2", 0},
		{"/bu", 0},
		{"/systemX", 0},
	} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: dir + tc.path})
		if err != nil {
			t.Fatal(err)
		}
		bus := testBus{l, t}
		client, server := bus.connect()
		bus.send(client, server, startUnit(t, 1, "a.service"))
		if got := told(h.messages()); len(got) != tc.want {
			t.Errorf("%s: %q, want %d", tc.path, got, tc.want)
		}
		_ = l.Close()
	}
}
