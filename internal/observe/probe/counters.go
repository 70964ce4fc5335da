package probe

import (
	"encoding/binary"
	"fmt"
	"sync"
	"unsafe"

	"github.com/nsblame/nsblame/internal/event"
)

// lossKinds maps the BPF counters to what they count, in the order of reporting.
var lossKinds = []struct {
	counter bpfCounter
	kind    event.LossKind
}{
	{bpfCounterCOUNT_LOST_CREATE, event.LossCreation},
	{bpfCounterCOUNT_LOST_FOLLOWUP, event.LossFollowUp},
	{bpfCounterCOUNT_LOST_PROCESS, event.LossProcess},
	{bpfCounterCOUNT_TABLE_FULL, event.LossTable},
	{bpfCounterCOUNT_PROGRAM_FULL, event.LossProgram},
	{bpfCounterCOUNT_CGROUP_FULL, event.LossCgroup},
	{bpfCounterCOUNT_INFLIGHT_FULL, event.LossInflight},
	{bpfCounterCOUNT_RETURN_MISSED, event.LossReturn},
	{bpfCounterCOUNT_INIT_RETURN_MISSED, event.LossInitReturn},
	{bpfCounterCOUNT_LOST_BUS, event.LossBus},
	{bpfCounterCOUNT_LOST_OTHER_BUS, event.LossOtherBus},
	{bpfCounterCOUNT_LOST_ENGINE, event.LossEngine},
	{bpfCounterCOUNT_LOST_CONNECT, event.LossConnect},
	{bpfCounterCOUNT_BUS_UNREAD, event.LossBusUnread},
	{bpfCounterCOUNT_LOST_ENDING, event.LossEnding},
	{bpfCounterCOUNT_LIFE_FULL, event.LossLife},
	{bpfCounterCOUNT_LOST_COST, event.LossCost},
	{bpfCounterCOUNT_LOST_JOIN, event.LossJoin},
	{bpfCounterCOUNT_LOST_INIT, event.LossInit},
	{bpfCounterCOUNT_LOADS_FULL, event.LossLoad},
	{bpfCounterCOUNT_LOST_FORGET, event.LossForget},
}

// lossDeltas turns counters that only grow into losses since the last look.
type lossDeltas struct {
	reported map[event.LossKind]uint64
	// places has what was reported of each owner, by his place in the table of owners.
	places map[uint32]placeLosses
}

// placeLosses is what was reported of the owner who had a place then.
type placeLosses struct {
	owner bpfOwner
	lost  [bpfCounterCOUNTERS_ROOM]uint64
}

func (l *lossDeltas) since(kind event.LossKind, total uint64) *event.Loss {
	count := l.grown(kind, total)
	if count == 0 {
		return nil
	}
	l.add(kind, count)
	return &event.Loss{Kind: kind, Count: count}
}

// grown is what has not been reported yet. Of an owner's losses, more may have been
// reported than were in the sum at that time.
func (l *lossDeltas) grown(kind event.LossKind, total uint64) uint64 {
	return total - min(total, l.reported[kind])
}

func (l *lossDeltas) add(kind event.LossKind, count uint64) {
	if l.reported == nil {
		l.reported = make(map[event.LossKind]uint64)
	}
	l.reported[kind] += count
}

// ofPlace returns how many more of a kind an owner has lost since this was last asked.
func (l *lossDeltas) ofPlace(place uint32, share *bpfShare, counter bpfCounter) uint64 {
	known := l.places[place]
	if known.owner != share.Owner { // the place went to another owner
		known = placeLosses{owner: share.Owner}
	}
	count := share.Lost[counter] - min(share.Lost[counter], known.lost[counter])
	if count == 0 {
		return 0
	}
	if l.places == nil {
		l.places = make(map[uint32]placeLosses)
	}
	known.lost[counter] += count
	l.places[place] = known
	return count
}

// countersSize is what the counters of a CPU take.
const countersSize = int(bpfCounterCOUNTERS_ROOM) * 8

// tally holds the sums of all counters over all CPUs.
type tally [bpfCounterCOUNTERS_ROOM]uint64

// tally reads the counters, in memory that is shared with the kernel.
func (coll *collection) tally() (tally, error) {
	var sums tally
	memory, err := coll.maps[bpfMapCounters].Memory()
	if err != nil {
		return sums, fmt.Errorf("read the BPF counters: %w", err)
	}
	var ofCPU [countersSize]byte
	for offset := 0; offset+countersSize <= int(memory.Size()); offset += countersSize {
		if _, err := memory.ReadAt(ofCPU[:], int64(offset)); err != nil {
			return sums, fmt.Errorf("read the BPF counters: %w", err)
		}
		for i := range sums {
			sums[i] += binary.NativeEndian.Uint64(ofCPU[8*i:])
		}
	}
	return sums, nil
}

// skips are how often the kernel left out a run of a probe.
type skips struct {
	// bus counts those of the probe on the buses, other all others, and free those
	// among them of the probe on the free of a process.
	bus, other, free uint64
}

// skipped counts the runs that the kernel left out because the program already ran on
// that CPU (kernel/bpf/trampoline.c, __bpf_prog_enter). It may have been preempted
// there, or a kprobe hit within another. Kernels before 5.12 do not count the former,
// those before 6.7 not the latter.
//
// To ask about each program takes some time. The count for the buses matters for the
// next creation, the others matter at the end. So unless all is set, only the buses
// are asked about, and the others are as they were.
func (coll *collection) skipped(all bool) (skips, error) {
	coll.mu.Lock()
	left := coll.left
	coll.mu.Unlock()
	now := skips{bus: left.bus, other: coll.skips.other, free: coll.skips.free}
	if all {
		now.other = left.other
	}
	for name, p := range coll.programs {
		if !all && !onBus(name) {
			continue
		}
		stats, err := p.Stats()
		if err != nil {
			return now, fmt.Errorf("read the statistics of a probe: %w", err)
		}
		now.add(name, stats.RecursionMisses)
		if name == bpfProgProcessFree {
			now.free = stats.RecursionMisses
		}
	}
	coll.skips = now
	return now, nil
}

// onBus reports whether a program is one of the probes on the buses.
func onBus(program string) bool { return busPrograms()[program] }

// busPrograms is made once, since it is looked at after each look into the rings.
var busPrograms = sync.OnceValue(func() map[string]bool {
	names := make(map[string]bool)
	for _, g := range groups {
		if !g.bus {
			continue
		}
		for _, g := range append([]group{g}, g.or...) {
			for _, name := range g.programs() {
				names[name] = true
			}
		}
	}
	return names
})

func (s *skips) add(program string, n uint64) {
	if onBus(program) {
		s.bus += n
	} else {
		s.other += n
	}
}

// losses returns what was lost since the last call, by owner where that is known.
func (coll *collection) losses(l *lossDeltas) ([]*event.Loss, error) {
	var list []*event.Loss
	sums, err := coll.tally() // first: what owners have lost is counted before it is in there
	if err != nil {
		return nil, err
	}
	var shares []bpfShare
	for _, k := range lossKinds {
		if l.grown(k.kind, sums[k.counter]) == 0 {
			continue
		}
		if shares == nil {
			if shares, err = coll.shares(); err != nil {
				return nil, err
			}
		}
		list = append(list, l.ofOwners(k.kind, k.counter, shares)...)
		if loss := l.since(k.kind, sums[k.counter]); loss != nil {
			list = append(list, loss)
		}
	}
	return list, nil
}

// ofOwners returns the losses of a kind whose owners are known.
func (l *lossDeltas) ofOwners(kind event.LossKind, counter bpfCounter, shares []bpfShare) []*event.Loss {
	var list []*event.Loss
	for place := range shares {
		count := l.ofPlace(uint32(place), &shares[place], counter)
		if count > 0 {
			list = append(list, &event.Loss{Kind: kind, Count: count, Owner: owner(shares[place].Owner)})
			l.add(kind, count)
		}
	}
	return list
}

// shares reads the table of owners, in memory that is shared with the kernel.
func (coll *collection) shares() ([]bpfShare, error) {
	shares := make([]bpfShare, bpfPlacePLACES)
	if err := coll.variables[bpfVarShares].Get(bytesOf(shares)); err != nil {
		return nil, fmt.Errorf("read the table of owners: %w", err)
	}
	shares[bpfPlacePLACE_ROOT].Owner = bpfOwner{PidNs: machinePIDNamespace}
	return shares, nil
}

// bytesOf are the bytes of shares, which have no padding.
func bytesOf(shares []bpfShare) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&shares[0])), len(shares)*int(unsafe.Sizeof(shares[0])))
}

// machinePIDNamespace is the inode number of the machine's pid namespace
// (include/linux/proc_ns.h, PROC_PID_INIT_INO).
const machinePIDNamespace = 0xEFFFFFFC
