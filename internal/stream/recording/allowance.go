package recording

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/blame"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// DefaultMemory is how many bytes a recording may make a Reader, and what follows it,
// remember.
const DefaultMemory = 512 << 20

// Bounds of what no machine has more of. A recording by another hand than ours may
// claim anything, and what follows keeps an account for each of these.
const (
	maxProbes = 1 << 10
	maxKinds  = 1 << 8
	// entrySize is what the account of one definition costs in itself.
	entrySize = 64
)

// allowance keeps account of what a recording has defined and not forgotten.
type allowance struct {
	used      uint64
	processes sizes[event.ProcessID]
	programs  sizes[event.ProgramID]
	cgroups   sizes[event.CgroupID]
	units     sizes[event.Question]
	// probes and kinds are those that the stream has named.
	probes map[event.Probe]bool
	kinds  map[event.LossKind]bool
}

func newAllowance() allowance {
	return allowance{
		processes: newSizes[event.ProcessID](), programs: newSizes[event.ProgramID](),
		cgroups: newSizes[event.CgroupID](), units: newSizes[event.Question](),
		probes: make(map[event.Probe]bool), kinds: make(map[event.LossKind]bool),
	}
}

// take charges an event, and says why it can't be accepted: empty if it can.
func (a *allowance) take(body event.Body, limit uint64) event.DamageCode {
	if a.impossible(body) {
		return event.DamageImpossible
	}
	switch b := body.(type) {
	case *event.Program:
		a.used += a.programs.define(b.ID, lineage.ProgramSize(b))
	case *event.Process:
		a.used += a.processes.define(b.ID, lineage.ProcessSize(b))
	case *event.Cgroup:
		a.used += a.cgroups.define(b.ID, lineage.CgroupSize(b))
	case *event.Unit:
		a.used += a.units.define(b.Question, blame.UnitSize(b))
	case *event.Forget:
		a.used -= a.processes.forget(b.Process) + a.programs.forget(b.Program) + a.cgroups.forget(b.Cgroup)
	}
	if a.used > limit {
		a.used = 0
		a.processes.Clear()
		a.programs.Clear()
		a.cgroups.Clear()
		a.units.Clear()
		return event.DamageTooMuch
	}
	return ""
}

// sizes are those of definitions.
type sizes[K comparable] struct{ *bounded.Index[K, uint64] }

func newSizes[K comparable]() sizes[K] { return sizes[K]{bounded.NewIndex[K, uint64]()} }

// define notes a definition, and returns how much more memory is used by it.
func (s sizes[K]) define(id K, size uint64) uint64 {
	size += entrySize
	return size - s.Swap(id, size)
}

// forget returns how much less is used without a definition.
func (s sizes[K]) forget(id K) uint64 { return s.Take(id) }

// impossible reports whether no machine can have seen that.
func (a *allowance) impossible(body event.Body) bool {
	switch b := body.(type) {
	case *event.Process:
		return b.ID == b.Parent && !b.ID.IsZero()
	case *event.Coverage:
		a.probes[b.Probe] = true
		return len(a.probes) > maxProbes
	case *event.Loss:
		a.kinds[b.Kind] = true
		return len(a.kinds) > maxKinds
	}
	return false
}
