package probe

import (
	"fmt"

	"github.com/nsblame/nsblame/internal/event"
)

// lossKinds maps the kernel half's counters to what they count. The order is
// that in which losses are reported.
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
	{bpfCounterCOUNT_LOST_FORGET, event.LossForget},
}

// ledger turns counters that only grow into losses since the last look.
type ledger struct {
	told map[event.LossKind]uint64
}

func (l *ledger) since(kind event.LossKind, total uint64) *event.Loss {
	if l.told == nil {
		l.told = make(map[event.LossKind]uint64)
	}
	count := total - l.told[kind]
	if count == 0 {
		return nil
	}
	l.told[kind] = total
	return &event.Loss{Kind: kind, Count: count}
}

// count is the sum of a counter over all CPUs.
func (h *half) count(c bpfCounter) (uint64, error) {
	var perCPU []uint64
	if err := h.maps[bpfMapCounters].Lookup(uint32(c), &perCPU); err != nil {
		return 0, fmt.Errorf("read the kernel half's counters: %w", err)
	}
	var sum uint64
	for _, n := range perCPU {
		sum += n
	}
	return sum, nil
}

// skips are how often the kernel left out a run of a probe.
type skips struct {
	// bus counts those of the probe on the buses, other all others.
	bus, other uint64
}

// skipped counts the runs that were left out because the program was already
// running on that CPU (bpf/trampoline.c, __bpf_prog_enter), as it may have been
// when it was preempted there, or for kprobes within another. Kernels before
// 5.12 do not count the former, those before 6.7 not the latter.
func (h *half) skipped() (skips, error) {
	sum := h.left
	for name, p := range h.programs {
		stats, err := p.Stats()
		if err != nil {
			return sum, fmt.Errorf("read the statistics of a probe: %w", err)
		}
		sum.add(name, stats.RecursionMisses)
	}
	return sum, nil
}

func (s *skips) add(program string, n uint64) {
	if program == bpfProgBusSend || program == bpfProgBusSendKprobe {
		s.bus += n
	} else {
		s.other += n
	}
}

// losses returns what was lost since the last call.
func (h *half) losses(l *ledger) ([]*event.Loss, error) {
	var list []*event.Loss
	for _, k := range lossKinds {
		total, err := h.count(k.counter)
		if err != nil {
			return list, err
		}
		if loss := l.since(k.kind, total); loss != nil {
			list = append(list, loss)
		}
	}
	return list, nil
}
