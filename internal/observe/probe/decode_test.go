package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

// raw is a record as it comes from the ring buffer.
func raw[R any](r R) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r))
}

func fill(buf []uint8, s string) uint32 { return uint32(copy(buf, s)) }

func TestDecodeProgram(t *testing.T) {
	r := bpfProgramRecord{Kind: uint32(bpfRecordKindREC_PROGRAM), BootNs: 7}
	r.Key = bpfProgramKey{Process: bpfProcessKey{StartNs: 1, Pid: 2}, Exec: 3}
	r.ArgvLen = fill(r.Argv[:], "sh\x00-c\x00\x00echo \xff\x1b\x00")
	r.ExeLen = fill(r.Exe[:], "dash\x00bin\x00usr\x00")
	r.Flags = uint32(bpfProgramFlagsPROGRAM_ARGV_CUT)
	want := event.Event{BootNS: 7, Body: &event.Program{
		ID:   event.ProgramID{Process: event.ProcessID{PID: 2, StartNS: 1}, Exec: 3},
		Argv: []string{"sh", "-c", "", "echo \xff\x1b"}, ArgvTruncated: true,
		Exe: "/usr/bin/dash", Source: event.SourceKernel,
	}}
	check(t, raw(r), want)
}

func TestDecodeProgramUnread(t *testing.T) {
	r := bpfProgramRecord{Kind: uint32(bpfRecordKindREC_PROGRAM), ArgvLen: 5}
	r.Flags = uint32(bpfProgramFlagsPROGRAM_ARGV_UNREAD | bpfProgramFlagsPROGRAM_EXE_CUT)
	check(t, raw(r), event.Event{Body: &event.Program{ArgvUnread: true, ExeTruncated: true, Source: event.SourceKernel}})
}

func TestDecodeCgroup(t *testing.T) {
	r := bpfCgroupRecord{Kind: uint32(bpfRecordKindREC_CGROUP), Id: 9, Cut: 1}
	check(t, raw(r), event.Event{Body: &event.Cgroup{ID: 9, Path: "/", Truncated: true}})
	r.Len, r.Cut = fill(r.Path[:], "cron.service\x00system.slice\x00"), 0
	check(t, raw(r), event.Event{Body: &event.Cgroup{ID: 9, Path: "/system.slice/cron.service"}})
}

func TestDecodeCreate(t *testing.T) {
	r := bpfCreateRecord{
		Kind: uint32(bpfRecordKindREC_CREATE), BootNs: 5, Serial: 6,
		Creator: bpfProcessKey{StartNs: 1, Pid: 2}, Cgroup: 3, Cookie: 4, DurationNs: 50,
		ConntrackNs: 10, IpvsNs: 20, IpvsGen: 97719, IpvsSize: 2176, Tid: 8, Uid: 1000,
		Inum: 11, ParentInum: 12, Call: uint32(bpfCreateCallCALL_UNSHARE), AncestorsLost: 13,
		Comm:  [16]int8{'(', 'x', ')'},
		Flags: uint32(bpfCreateFlagsCREATE_CONNTRACK | bpfCreateFlagsCREATE_IPVS | bpfCreateFlagsCREATE_IPVS_FIGURES),
	}
	check(t, raw(r), event.Event{BootNS: 5, Body: &event.NetnsCreate{
		Serial: 6, Creator: event.ProcessID{PID: 2, StartNS: 1}, TID: 8, Comm: "(x)", UID: 1000, Cgroup: 3,
		Call: event.CallUnshare, Inum: 11, Cookie: 4, ParentInum: 12, DurationNS: 50, AncestorsLost: 13,
		Init: []event.Init{
			{Op: "nf_conntrack_init_net", Subsystem: "nf_conntrack", DurationNS: 10},
			{Op: "__ip_vs_init", Subsystem: "ip_vs", DurationNS: 20, IPVS: &event.IPVS{ID: 97719, Size: 2176}},
		},
	}})
}

func TestDecodeRelease(t *testing.T) {
	r := bpfReleaseRecord{
		Kind: uint32(bpfRecordKindREC_RELEASE), BootNs: 9, Serial: 6, CreatedNs: 5, Cookie: 4, Inum: 11,
		By: bpfProcessKey{StartNs: 1, Pid: 2}, Tid: 3, Comm: [16]int8{'i', 'p'},
		Flags: uint32(bpfReleaseFlagsRELEASE_EXITING),
	}
	for kind, want := range map[bpfHeld]event.Held{
		bpfHeldHELD_UNKNOWN: event.HeldUnknown, bpfHeldHELD_PROCESS: event.HeldProcess, bpfHeldHELD_FILE: event.HeldFile,
		bpfHeldHELD_MOUNT: event.HeldMount, bpfHeldHELD_CLONE: event.HeldClone, 99: event.HeldUnknown,
	} {
		r.Held = uint32(kind)
		check(t, raw(r), event.Event{BootNS: 9, Body: &event.NetnsRelease{
			Serial: 6, Inum: 11, Cookie: 4, By: event.ProcessID{PID: 2, StartNS: 1}, TID: 3, Comm: "ip",
			Held: want, Exiting: true, CreatedNS: 5,
		}})
	}
}

func TestDecodeFree(t *testing.T) {
	check(t, raw(bpfFreeRecord{
		Kind: uint32(bpfRecordKindREC_FREE), BootNs: 9, Serial: 6, CreatedNs: 5, ReleasedNs: 7,
		Cookie: 4, Inum: 11, WaitNs: 1, DurationNs: 2,
	}), event.Event{BootNS: 9, Body: &event.NetnsFree{
		Serial: 6, Inum: 11, Cookie: 4, WaitNS: 1, DurationNS: 2, CreatedNS: 5, ReleasedNS: 7,
	}})
}

func check(t *testing.T, raw []byte, want event.Event) {
	t.Helper()
	got, err := decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// decode turns a record into an event, without what has to be asked for.
func decode(raw []byte) (event.Event, error) {
	kind, err := kindOf(raw)
	if err == nil && kind.decode == nil {
		err = fmt.Errorf("%w: no event", errRecord)
	}
	if err != nil {
		return event.Event{}, err
	}
	return kind.decode(raw)
}

// TestRecordKinds holds the table against the object: a row for each kind that the
// programs send.
func TestRecordKinds(t *testing.T) {
	spec, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	var kinds *btf.Enum
	if err := spec.Types.TypeByName("record_kind", &kinds); err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds.Values {
		row, err := kindOf(binary.NativeEndian.AppendUint32(nil, uint32(kind.Value)))
		if err != nil || (row.decode == nil) == (row.take == nil) {
			t.Errorf("%s is neither decoded nor taken, or both: %v", kind.Name, err)
		}
	}
	if len(recordKinds) != len(kinds.Values)+1 {
		t.Errorf("%d rows for %d kinds, which begin with 1", len(recordKinds), len(kinds.Values))
	}
}

// A length that a record claims is never trusted, nor is a record's size; and
// the ring buffer's memory is not held on to.
func FuzzDecode(f *testing.F) {
	f.Add(raw(bpfProgramRecord{Kind: uint32(bpfRecordKindREC_PROGRAM), ArgvLen: 1 << 31, ExeLen: 1 << 31}))
	f.Add(raw(bpfCgroupRecord{Kind: uint32(bpfRecordKindREC_CGROUP), Len: 1<<32 - 1}))
	f.Add(raw(bpfCreateRecord{Kind: uint32(bpfRecordKindREC_CREATE), Call: 99, Flags: 1<<32 - 1}))
	f.Add(raw(bpfReleaseRecord{Kind: uint32(bpfRecordKindREC_RELEASE), Held: 99}))
	f.Add(raw(bpfFreeRecord{Kind: uint32(bpfRecordKindREC_FREE)}))
	f.Add(raw(bpfBusRecord{Kind: uint32(bpfRecordKindREC_BUS), Len: 1<<32 - 1}))
	f.Add(raw(bpfBusRecord{Kind: uint32(bpfRecordKindREC_BUS), Len: 1<<32 - 1, Data: [1024]uint8{'l', 1, 0, 1}}))
	f.Add(raw(bpfBusRecord{Kind: uint32(bpfRecordKindREC_BUS), Unread: 99}))
	f.Add(raw(bpfProcessRecord{Kind: uint32(bpfRecordKindREC_PROCESS), Flags: 1<<32 - 1}))
	f.Add([]byte{1, 0, 0, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		ring := aligned(raw)
		ev, err := decode(ring)
		clear(ring)
		again, errAgain := decode(aligned(raw))
		if (err == nil) != (errAgain == nil) || !cmp.Equal(ev, again) {
			t.Fatalf("%+v, %v; and once more %+v, %v", ev, err, again, errAgain)
		}
		checkKeys(t, raw)
		if err != nil {
			if ev.Body != nil || !errors.Is(err, errRecord) {
				t.Fatalf("%+v with %v", ev, err)
			}
			return
		}
		checkDecoded(t, raw, ev)
		// what the ring buffer pads a record with means nothing
		padded, err := decode(aligned(append(bytes.Clone(raw), 0xff, 0xff)))
		if err != nil || !cmp.Equal(ev, padded) {
			t.Fatalf("padded: %+v, %v; want %+v", padded, err, ev)
		}
	})
}

// aligned is a copy of a record as the ring buffer aligns it.
func aligned(raw []byte) []byte {
	words := make([]uint64, len(raw)/8+1)
	buf := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(raw))
	copy(buf, raw)
	return buf
}

// checkDecoded fails unless the strings of an event are what its record holds,
// and all of it.
func checkDecoded(t *testing.T, raw []byte, ev event.Event) {
	t.Helper()
	record := aligned(raw)
	switch b := ev.Body.(type) {
	case nil:
		t.Fatal("an event without a body")
	case *event.Program:
		r := (*bpfProgramRecord)(unsafe.Pointer(&record[0]))
		argv := r.Argv[:min(int(r.ArgvLen), len(r.Argv))]
		if got := strings.Join(b.Argv, "\x00"); !b.ArgvUnread && got != string(bytes.TrimSuffix(argv, []byte{0})) {
			t.Fatalf("argv %q of %q", got, argv)
		}
		checkPath(t, b.Exe, r.Exe[:], r.ExeLen)
	case *event.Cgroup:
		r := (*bpfCgroupRecord)(unsafe.Pointer(&record[0]))
		if r.Len > 0 {
			checkPath(t, b.Path, r.Path[:], r.Len)
		} else if b.Path != "/" {
			t.Fatalf("the root is %q", b.Path)
		}
	case *event.BusMessage:
		r := (*bpfBusRecord)(unsafe.Pointer(&record[0]))
		data := r.Data[:min(int(r.Len), len(r.Data))]
		if b.Copied && !bytes.Equal(b.Data, data) || !b.Copied && (b.Data != nil || b.Unread == "") {
			t.Fatalf("%d bytes of a message, the record says %d", len(b.Data), r.Len)
		}
	}
}

// checkPath fails unless a path has the components of the record, the last one
// first there.
func checkPath(t *testing.T, path string, buf []byte, n uint32) {
	t.Helper()
	if n == 0 {
		if path != "" {
			t.Fatalf("path %q out of nothing", path)
		}
		return
	}
	var want strings.Builder
	parts := bytes.Split(bytes.TrimSuffix(buf[:min(int(n), len(buf))], []byte{0}), []byte{0})
	for _, part := range slices.Backward(parts) {
		want.WriteByte('/')
		want.Write(part)
	}
	if path != want.String() {
		t.Fatalf("path %q, want %q", path, want.String())
	}
}

// checkKeys fails unless the list of processes is what the iterator wrote.
func checkKeys(t *testing.T, raw []byte) {
	t.Helper()
	ids, err := decodeKeys(raw)
	size := int(unsafe.Sizeof(bpfProcessKey{}))
	if (err == nil) != (len(raw)%size == 0) {
		t.Fatalf("%d bytes of a list of keys of %d bytes: %v", len(raw), size, err)
	}
	if err == nil && len(ids) != len(raw)/size {
		t.Fatalf("%d processes in %d bytes", len(ids), len(raw))
	}
	for i, id := range ids {
		key := (*bpfProcessKey)(unsafe.Pointer(&aligned(raw[i*size:])[0]))
		if id.PID != key.Pid || id.StartNS != key.StartNs {
			t.Fatalf("process %d is %+v, not %+v", i, id, key)
		}
	}
}

func TestContinues(t *testing.T) {
	for _, tt := range []struct {
		part, whole []string
		want        bool
	}{
		{nil, []string{"a"}, true},
		{[]string{"a", "b"}, []string{"a", "bc", "d"}, true},
		{[]string{"a", "b"}, []string{"a"}, false},
		{[]string{"a", "b"}, []string{"ax", "b"}, false},
		{[]string{"sh", "x"}, []string{"sh", "y"}, false},
	} {
		if got := continues(tt.part, tt.whole); got != tt.want {
			t.Errorf("continues(%q, %q) = %v", tt.part, tt.whole, got)
		}
	}
}

func TestLedgerTellsEachLossOnce(t *testing.T) {
	var l lossDeltas
	if loss := l.since(event.LossTable, 0); loss != nil {
		t.Errorf("loss %+v of nothing", loss)
	}
	for _, step := range []struct{ total, want uint64 }{{3, 3}, {5, 2}} {
		if loss := l.since(event.LossTable, step.total); loss == nil || loss.Count != step.want {
			t.Errorf("at %d: %+v, want %d", step.total, loss, step.want)
		}
	}
	if loss := l.since(event.LossTable, 5); loss != nil {
		t.Errorf("told again: %+v", loss)
	}
}

func TestDecodeInit(t *testing.T) {
	r := bpfPernetInitRecord{
		Kind: uint32(bpfRecordKindREC_PERNET_INIT), Error: 12, BootNs: 5, DurationNs: 6, By: bpfProcessKey{StartNs: 1, Pid: 2},
		Tid: 3, Namespaces: 4, Unfinished: 1, AncestorsLost: 7,
	}
	want := &event.PernetInit{
		By: event.ProcessID{PID: 2, StartNS: 1}, TID: 3, Comm: "modprobe", Subsystem: "ip_vs", Op: "__ip_vs_init",
		Namespaces: 4, Unfinished: 1, DurationNS: 6, Errno: 12, AncestorsLost: 7,
	}
	letters(r.Comm[:], "modprobe")
	letters(r.Module[:], "ip_vs")
	letters(r.Op[:], "__ip_vs_init [ip_vs]")
	check(t, raw(r), event.Event{BootNS: 5, Body: want})
}

// letters writes a string as C has it.
func letters(buf []int8, s string) {
	for i := range s {
		buf[i] = int8(s[i])
	}
}

// What ops_init timed is distinguished from what the subsystem's own probe
// timed.
func TestDecodeGap(t *testing.T) {
	r := &bpfCreateRecord{Flags: uint32(bpfCreateFlagsCREATE_CONNTRACK | bpfCreateFlagsCREATE_IPVS |
		bpfCreateFlagsCREATE_IPVS_OPS)}
	want := []event.Init{{Op: "nf_conntrack_init_net", Subsystem: "nf_conntrack"}, {Op: "ops_init", Subsystem: "ip_vs"}}
	if diff := cmp.Diff(want, inits(r)); diff != "" {
		t.Error(diff)
	}
}
