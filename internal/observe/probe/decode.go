package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/procfs"
)

// errRecord is returned for a record that does not have the form of this build's
// BPF programs.
var errRecord = errors.New("unexpected record from the BPF programs")

// recordKind is what is done with the records of a kind: decode makes an event of
// one, and complete adds what the record does not say. A record that is no event by
// itself has take in place of both. sent returns when the record was made, if it is
// about an earlier moment.
type recordKind struct {
	sent     func(raw []byte) uint64
	decode   func(raw []byte) (event.Event, error)
	complete func(s *Source, raw []byte, body event.Body)
	take     func(s *Source, raw []byte) error
}

// recordKinds has a row for each kind of record.
var recordKinds = [...]recordKind{
	bpfRecordKindREC_PROCESS: completed(processEvent, (*Source).completeProcess),
	bpfRecordKindREC_PROGRAM: completed(programEvent, (*Source).completeProgram),
	bpfRecordKindREC_CGROUP:  plain(cgroupEvent),
	bpfRecordKindREC_FORGET:  plain(forgetEvent),
	bpfRecordKindREC_CREATE: later(completed(createEvent, (*Source).completeCreate),
		func(r *bpfCreateRecord) uint64 { return r.SentNs }),
	bpfRecordKindREC_CHILD: plain(childEvent),
	bpfRecordKindREC_EXEC:  plain(execEvent),
	bpfRecordKindREC_EXIT:  plain(exitEvent),
	bpfRecordKindREC_BUS:   completed(busEvent, (*Source).completeBusMessage),
	bpfRecordKindREC_RELEASE: later(completed(releaseEvent, (*Source).completeRelease),
		func(r *bpfReleaseRecord) uint64 { return r.SentNs }),
	bpfRecordKindREC_FREE:    plain(freeEvent),
	bpfRecordKindREC_JOIN:    plain(joinEvent),
	bpfRecordKindREC_LEAVE:   plain(leaveEvent),
	bpfRecordKindREC_CNI:     plain(cniEvent),
	bpfRecordKindREC_ENGINE:  {take: (*Source).takeEngine},
	bpfRecordKindREC_CONNECT: {take: (*Source).takeConnect},
	bpfRecordKindREC_COST:    {take: (*Source).takeCost},
	bpfRecordKindREC_MODULE:  {take: (*Source).takeModule},
	bpfRecordKindREC_PERNET_INIT: later(completed(pernetInitEvent, (*Source).completePernetInit),
		func(r *bpfPernetInitRecord) uint64 { return r.SentNs }),
}

func plain[R any](convert func(*R) event.Event) recordKind {
	return recordKind{decode: func(raw []byte) (event.Event, error) {
		r, err := viewAs[R](raw)
		if err != nil {
			return event.Event{}, err
		}
		return convert(r), nil
	}}
}

func completed[R any, B event.Body](convert func(*R) event.Event, complete func(*Source, *R, B)) recordKind {
	kind := plain(convert)
	kind.complete = func(s *Source, raw []byte, body event.Body) {
		complete(s, (*R)(unsafe.Pointer(&raw[0])), body.(B))
	}
	return kind
}

// later adds when records of a kind were made.
func later[R any](kind recordKind, sent func(*R) uint64) recordKind {
	kind.sent = func(raw []byte) uint64 {
		r, err := viewAs[R](raw)
		if err != nil {
			return 0
		}
		return sent(r)
	}
	return kind
}

// place is the time of a record, as merger needs it. All records begin alike.
func (k recordKind) place(raw []byte) uint64 {
	if k.sent != nil {
		return k.sent(raw)
	}
	const at, size = 8, 8 // of boot_ns
	if len(raw) < at+size {
		return 0
	}
	return binary.NativeEndian.Uint64(raw[at:])
}

// kindOf looks a record up in the table.
func kindOf(raw []byte) (recordKind, error) {
	if len(raw) < 4 {
		return recordKind{}, fmt.Errorf("%w: %d bytes", errRecord, len(raw))
	}
	kind := *(*uint32)(unsafe.Pointer(&raw[0]))
	if kind == 0 || int(kind) >= len(recordKinds) {
		return recordKind{}, fmt.Errorf("%w: kind %d", errRecord, kind)
	}
	return recordKinds[kind], nil
}

// viewAs views raw as a record of type R. The ring buffer aligns records to eight
// bytes, and the reader copies them into a slice of their own, so the view is
// aligned. The layout of R comes from the object's BTF.
func viewAs[R any](raw []byte) (*R, error) {
	var size R
	if uintptr(len(raw)) < unsafe.Sizeof(size) || uintptr(unsafe.Pointer(&raw[0]))%unsafe.Alignof(size) != 0 {
		return nil, fmt.Errorf("%w: %d bytes for a %T", errRecord, len(raw), size)
	}
	return (*R)(unsafe.Pointer(&raw[0])), nil
}

func processID(k bpfProcessKey) event.ProcessID {
	return event.ProcessID{PID: k.Pid, StartNS: k.StartNs}
}

func programID(k bpfProgramKey) event.ProgramID {
	return event.ProgramID{Process: processID(k.Process), Exec: k.Exec}
}

func owner(o bpfOwner) event.Owner { return event.Owner{UID: o.Uid, PIDNamespace: o.PidNs} }

// text is a string in a fixed buffer, ended by NUL unless it fills it.
func text(buf []int8) string {
	b := make([]byte, 0, len(buf))
	for _, x := range buf {
		if x == 0 {
			break
		}
		b = append(b, byte(x))
	}
	return string(b)
}

// path turns components, last one first, each ended by NUL, into a path.
func path(buf []byte) string {
	parts := strings.Split(string(bytes.TrimSuffix(buf, []byte{0})), "\x00")
	slices.Reverse(parts)
	return "/" + strings.Join(parts, "/")
}

// filled is the part of a fixed buffer that was written, by its own account.
func filled(buf []byte, n uint32) []byte { return buf[:min(int(n), len(buf))] }

func processEvent(r *bpfProcessRecord) event.Event {
	return event.Event{BootNS: r.BootNs, Body: &event.Process{
		ID:          processID(r.Key),
		Parent:      processID(r.Parent),
		Program:     programID(r.Program),
		Comm:        text(r.Comm[:]),
		UID:         r.Uid,
		Owner:       owner(r.Owner),
		Cgroup:      event.CgroupID(r.Cgroup),
		Preexisting: has(r.Flags, bpfProcessFlagsPROCESS_PREEXISTING),
		AncestryCut: has(r.Flags, bpfProcessFlagsPROCESS_CUT),
		Exited:      has(r.Flags, bpfProcessFlagsPROCESS_EXITED),
		ExitNS:      r.ExitNs,
		ExitCode:    r.ExitCode,
	}}
}

func programEvent(r *bpfProgramRecord) event.Event {
	p := &event.Program{
		ID:            programID(r.Key),
		ArgvTruncated: has(r.Flags, bpfProgramFlagsPROGRAM_ARGV_CUT),
		ArgvUnread:    has(r.Flags, bpfProgramFlagsPROGRAM_ARGV_UNREAD),
		ExeTruncated:  has(r.Flags, bpfProgramFlagsPROGRAM_EXE_CUT),
		Source:        event.SourceKernel,
	}
	if !p.ArgvUnread {
		p.Argv, _ = procfs.SplitArgv(filled(r.Argv[:], r.ArgvLen))
	}
	if r.ExeLen > 0 {
		p.Exe = path(filled(r.Exe[:], r.ExeLen))
	}
	return event.Event{BootNS: r.BootNs, Body: p}
}

func cgroupEvent(r *bpfCgroupRecord) event.Event {
	c := &event.Cgroup{ID: event.CgroupID(r.Id), Path: "/", Truncated: r.Cut != 0}
	if r.Len > 0 {
		c.Path = path(filled(r.Path[:], r.Len))
	}
	if names := bytes.Count(filled(r.Path[:], r.Delegated), []byte{0}); names > 0 {
		c.Delegated = event.Delegation{Names: uint32(names), UID: r.DelegatedUid}
	}
	return event.Event{BootNS: r.BootNs, Body: c}
}

func forgetEvent(r *bpfForgetRecord) event.Event {
	return event.Event{BootNS: r.BootNs, Body: &event.Forget{
		Process: processID(r.Process), Program: programID(r.Program), Cgroup: event.CgroupID(r.Cgroup),
	}}
}

func createEvent(r *bpfCreateRecord) event.Event {
	return event.Event{BootNS: r.BootNs, Body: &event.NetnsCreate{
		Serial:        r.Serial,
		Creator:       processID(r.Creator),
		TID:           r.Tid,
		Comm:          text(r.Comm[:]),
		UID:           r.Uid,
		Cgroup:        event.CgroupID(r.Cgroup),
		Call:          call(bpfCreateCall(r.Call)),
		Inum:          r.Inum,
		Cookie:        r.Cookie,
		ParentInum:    r.ParentInum,
		Errno:         r.Error,
		DurationNS:    r.DurationNs,
		EntryMissed:   has(r.Flags, bpfCreateFlagsCREATE_ENTRY_MISSED),
		Init:          inits(r),
		AncestorsLost: r.AncestorsLost,
	}}
}

func call(c bpfCreateCall) event.Call {
	switch c {
	case bpfCreateCallCALL_UNSHARE:
		return event.CallUnshare
	case bpfCreateCallCALL_CLONE:
		return event.CallClone
	default:
		return event.CallUnknown
	}
}

// inits lists the subsystems that were timed, in the order in which they ran.
func inits(r *bpfCreateRecord) []event.Init {
	var list []event.Init
	if has(r.Flags, bpfCreateFlagsCREATE_CONNTRACK) {
		list = append(list, event.Init{
			Op: timed(r, event.ProbeConntrack, bpfCreateFlagsCREATE_CONNTRACK_OPS), Subsystem: "nf_conntrack",
			DurationNS: r.ConntrackNs,
		})
	}
	if has(r.Flags, bpfCreateFlagsCREATE_IPVS) {
		ipvs := event.Init{
			Op: timed(r, event.ProbeIPVS, bpfCreateFlagsCREATE_IPVS_OPS), Subsystem: "ip_vs", DurationNS: r.IpvsNs,
		}
		if has(r.Flags, bpfCreateFlagsCREATE_IPVS_FIGURES) {
			ipvs.IPVS = &event.IPVS{ID: r.IpvsGen, Size: r.IpvsSize}
		}
		list = append(list, ipvs)
	}
	return list
}

// timed is the function that was timed: the subsystem's own, or by the flag the one
// that calls it.
func timed(r *bpfCreateRecord, own event.Probe, byOps bpfCreateFlags) string {
	if has(r.Flags, byOps) {
		return string(event.ProbePernetInit)
	}
	return string(own)
}

// pernetInitEvent takes the name of the function as the kernel gives it: "symbol" or
// "symbol [module]".
func pernetInitEvent(r *bpfPernetInitRecord) event.Event {
	op, _, _ := strings.Cut(text(r.Op[:]), " ")
	return event.Event{BootNS: r.BootNs, Body: &event.PernetInit{
		By:            processID(r.By),
		TID:           r.Tid,
		Comm:          text(r.Comm[:]),
		Subsystem:     text(r.Module[:]),
		Op:            op,
		Namespaces:    r.Namespaces,
		Unfinished:    r.Unfinished,
		DurationNS:    r.DurationNs,
		Errno:         r.Error,
		AncestorsLost: r.AncestorsLost,
	}}
}

func childEvent(r *bpfChildRecord) event.Event {
	return event.Event{BootNS: r.BootNs, Body: &event.NetnsChild{Serial: r.Serial, Child: processID(r.Child)}}
}

func execEvent(r *bpfFollowupRecord) event.Event {
	return event.Event{BootNS: r.BootNs, Body: &event.Exec{Process: processID(r.Process), Serial: r.Serial}}
}

func exitEvent(r *bpfFollowupRecord) event.Event {
	return event.Event{BootNS: r.BootNs, Body: &event.Exit{Process: processID(r.Process)}}
}

func releaseEvent(r *bpfReleaseRecord) event.Event {
	return event.Event{BootNS: r.BootNs, Body: &event.NetnsRelease{
		Serial:    r.Serial,
		Inum:      r.Inum,
		Cookie:    r.Cookie,
		By:        processID(r.By),
		TID:       r.Tid,
		Comm:      text(r.Comm[:]),
		Held:      held(bpfHeld(r.Held)),
		Exiting:   has(r.Flags, bpfReleaseFlagsRELEASE_EXITING),
		Joins:     r.Joins,
		CreatedNS: r.CreatedNs,
	}}
}

func held(h bpfHeld) event.Held {
	switch h {
	case bpfHeldHELD_PROCESS:
		return event.HeldProcess
	case bpfHeldHELD_FILE:
		return event.HeldFile
	case bpfHeldHELD_MOUNT:
		return event.HeldMount
	case bpfHeldHELD_CLONE:
		return event.HeldClone
	default:
		return event.HeldUnknown
	}
}

func freeEvent(r *bpfFreeRecord) event.Event {
	return event.Event{BootNS: r.BootNs, Body: &event.NetnsFree{
		Serial:     r.Serial,
		Inum:       r.Inum,
		Cookie:     r.Cookie,
		WaitNS:     r.WaitNs,
		DurationNS: r.DurationNs,
		CreatedNS:  r.CreatedNs,
		ReleasedNS: r.ReleasedNs,
	}}
}

func joinEvent(r *bpfJoinRecord) event.Event {
	how := event.JoinSetns
	if bpfJoinHow(r.How) == bpfJoinHowJOIN_FORK {
		how = event.JoinFork
	}
	return event.Event{BootNS: r.BootNs, Body: &event.NetnsJoin{
		Serial:    r.Serial,
		Inum:      r.Inum,
		Cookie:    r.Cookie,
		CreatedNS: r.CreatedNs,
		Process:   processID(r.Process),
		TID:       r.Tid,
		Comm:      text(r.Comm[:]),
		How:       how,
		Ordinal:   r.Ordinal,
	}}
}

func leaveEvent(r *bpfLeaveRecord) event.Event {
	return event.Event{BootNS: r.BootNs, Body: &event.NetnsLeave{
		Serial: r.Serial, Process: processID(r.Process), TID: r.Tid, Ending: has(r.Flags, bpfLeaveFlagsLEAVE_ENDING),
	}}
}

func has[F ~uint32](flags uint32, f F) bool { return flags&uint32(f) != 0 }

// decodeKeys reads what the iterator over processes wrote.
func decodeKeys(raw []byte) ([]event.ProcessID, error) {
	const size = int(unsafe.Sizeof(bpfProcessKey{}))
	if len(raw)%size != 0 {
		return nil, fmt.Errorf("%w: list of processes has %d bytes", errRecord, len(raw))
	}
	ids := make([]event.ProcessID, 0, len(raw)/size)
	for ; len(raw) > 0; raw = raw[size:] {
		var k bpfProcessKey
		if _, err := binary.Decode(raw[:size], binary.NativeEndian, &k); err != nil {
			return nil, fmt.Errorf("%w: %w", errRecord, err)
		}
		ids = append(ids, processID(k))
	}
	return ids, nil
}
