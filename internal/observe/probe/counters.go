package probe

import (
	"encoding/binary"
	"fmt"
	"slices"

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
	{bpfCounterCOUNT_LOST_BUS, event.LossBus},
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
}

func (l *lossDeltas) since(kind event.LossKind, total uint64) *event.Loss {
	if l.reported == nil {
		l.reported = make(map[event.LossKind]uint64)
	}
	count := total - l.reported[kind]
	if count == 0 {
		return nil
	}
	l.reported[kind] = total
	return &event.Loss{Kind: kind, Count: count}
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
	// bus counts those of the probe on the buses, other all others.
	bus, other uint64
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
	now := skips{bus: left.bus, other: coll.skips.other}
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
	}
	coll.skips = now
	return now, nil
}

func onBus(program string) bool {
	return slices.ContainsFunc(groups, func(g group) bool {
		return g.bus && slices.ContainsFunc(append([]group{g}, g.or...), func(g group) bool { return g.has(program) })
	})
}

func (s *skips) add(program string, n uint64) {
	if onBus(program) {
		s.bus += n
	} else {
		s.other += n
	}
}

// losses returns what was lost since the last call.
func (coll *collection) losses(l *lossDeltas) ([]*event.Loss, error) {
	var list []*event.Loss
	sums, err := coll.tally()
	if err != nil {
		return nil, err
	}
	for _, k := range lossKinds {
		if loss := l.since(k.kind, sums[k.counter]); loss != nil {
			list = append(list, loss)
		}
	}
	return list, nil
}
