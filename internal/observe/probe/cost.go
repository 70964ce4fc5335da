package probe

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

const (
	// maxMeasured bounds the creations that are measured at once: 6 KB each.
	maxMeasured = 128
	// maxUnclaimed bounds the costs whose creation has not come yet.
	maxUnclaimed = 4096
)

func maxCosts(set settings) uint32 {
	if !set.cost {
		return 1
	}
	return maxMeasured
}

// modulesRemoved counts the modules that were removed since the start.
func (coll *collection) modulesRemoved() (n uint64, err error) {
	return n, coll.variables[bpfVarModulesRemoved].Get(&n)
}

// costKey matches a cost to its creation.
type costKey struct {
	tid  uint32
	call uint64
}

// costs turns the addresses in cost records into names, and keeps a cost until its
// creation comes.
type costs struct {
	unclaimed map[costKey]*event.Cost
	// names has the names of addresses that were met. Those in modules hold since asOf
	// modules were removed.
	names map[uint64]kernel.Symbol
	asOf  uint64
	// removed and symbols ask the kernel.
	removed func() (uint64, error)
	symbols func([]uint64) map[uint64]kernel.Symbol
}

// take keeps a record. Only the ops that are filled are in it.
func (c *costs) take(raw []byte, lockUnknown bool) error {
	var r bpfCostRecord
	head := unsafe.Sizeof(r) - unsafe.Sizeof(r.Op)
	if uintptr(len(raw)) < head {
		return fmt.Errorf("%w: %d bytes for a cost", errRecord, len(raw))
	}
	// a copy: the record may be shorter than the structure
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)), raw)
	if int(r.N) > len(r.Op) || uintptr(len(raw)) < head+uintptr(r.N)*unsafe.Sizeof(r.Op[0]) {
		return fmt.Errorf("%w: %d bytes for %d ops", errRecord, len(raw), r.N)
	}
	if c.unclaimed == nil || len(c.unclaimed) >= maxUnclaimed {
		c.unclaimed = make(map[costKey]*event.Cost)
	}
	c.unclaimed[costKey{r.Tid, r.CallNs}] = c.cost(&r, lockUnknown)
	return nil
}

// of returns the cost of a creation, nil if there is none.
func (c *costs) of(tid uint32, call uint64) *event.Cost {
	key := costKey{tid, call}
	cost := c.unclaimed[key]
	delete(c.unclaimed, key)
	return cost
}

func (c *costs) cost(r *bpfCostRecord, lockUnknown bool) *event.Cost {
	list := r.Op[:r.N]
	c.learn(list, r.ModulesRemoved)
	cost := &event.Cost{
		LockWaitNS: r.LockNs, LockUnknown: lockUnknown,
		Ops: make([]event.CostOp, len(list)), Unlisted: r.Unlisted, UnlistedNS: r.UnlistedNs,
	}
	for i := range list {
		cost.Ops[i] = c.op(&list[i], r.ModulesRemoved)
	}
	return cost
}

// named is the address that names an op: that of its function, or of the structure
// if it has none.
func named(op *bpfCostOp) uint64 {
	if op.Init == 0 {
		return op.Ops
	}
	return op.Init
}

// learn finds the names of addresses that are not known.
func (c *costs) learn(list []bpfCostOp, removed uint64) {
	if c.names == nil || removed > c.asOf {
		c.forgetModules()
		c.asOf = removed
	}
	var unknown []uint64
	for i := range list {
		if _, known := c.names[named(&list[i])]; !known {
			unknown = append(unknown, named(&list[i]))
		}
	}
	if len(unknown) == 0 {
		return
	}
	found := c.symbols(unknown)
	for _, a := range unknown {
		c.names[a] = found[a] // also if it was not found, so that it is not looked for again
	}
	now, err := c.removed()
	if err == nil && now != c.asOf {
		// what was known is from before a removal, what was found may be from after it
		c.forgetModules()
		for _, a := range unknown {
			c.names[a] = found[a]
		}
	}
	c.asOf = now
}

// forgetModules drops names in modules, whose place another module may have, and
// addresses that were not found.
func (c *costs) forgetModules() {
	kept := make(map[uint64]kernel.Symbol)
	for a, s := range c.names {
		if s.Module == "" && s.Name != "" {
			kept[a] = s
		}
	}
	c.names = kept
}

// op names an op. If a module was removed after the record, an address in a module may
// belong to another one by now.
func (c *costs) op(op *bpfCostOp, removed uint64) event.CostOp {
	out := event.CostOp{NoInit: op.Init == 0, DurationNS: op.DurationNs}
	s := c.names[named(op)]
	if s.Name == "" || s.Module != "" && removed != c.asOf {
		return out
	}
	out.Op, out.Module = s.Name, s.Module
	out.Subsystem = subsystem(s)
	return out
}

// initWords are endings of names that say no more than that a namespace is
// initialised.
var initWords = []string{
	"_init", "_net", "_netns", "_pernet", "_ns", "_ops", "_init_net", "_operations", "_per_net", "_namespace",
}

// subsystem is the name by which people know the owner of a symbol: the module, or in
// the kernel itself what is left of the symbol.
func subsystem(s kernel.Symbol) string {
	if s.Module != "" {
		return s.Module
	}
	name, _, _ := strings.Cut(strings.TrimLeft(s.Name, "_"), ".")
	for {
		short := name
		for _, w := range initWords {
			short = strings.TrimSuffix(short, w)
		}
		if short == name || short == "" {
			return name
		}
		name = short
	}
}
