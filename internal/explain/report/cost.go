package report

import (
	"cmp"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
)

// maxOps bounds the subsystems that are distinguished; a kernel has some
// hundred.
const maxOps = 1 << 10

// Costs is what creations are made of, by subsystem.
type Costs struct {
	// Measured counts the creations of which that is known, Sum is the time that
	// they took, in nanoseconds.
	Measured, Sum uint64
	// Ops are the subsystems, those first that took the most.
	Ops []OpCost
	// Unlisted is the time of subsystems that were not listed one by one.
	Unlisted uint64
	// Lock is the wait for the lock, LockSum all of it; without a value where it
	// was not seen.
	Lock    Quantiles
	LockSum uint64
	// Other is the time that is none of these.
	Other uint64
}

// OpCost is what one subsystem took.
type OpCost struct {
	// Op names it; its duration means nothing.
	Op event.CostOp
	// Sum is in nanoseconds.
	Sum uint64
	Quantiles
}

// costing collects Costs.
type costing struct {
	Costs
	ops  map[event.CostOp]*series
	lock series
}

// add takes a creation that was measured.
func (c *costing) add(n *event.NetnsCreate) {
	c.Measured++
	c.Sum += n.DurationNS
	c.Unlisted += n.Cost.UnlistedNS
	c.Other += n.Cost.OtherNS(n.DurationNS)
	if !n.Cost.LockUnknown {
		c.lock.add(n.Cost.LockWaitNS)
	}
	for _, op := range n.Cost.Ops {
		ns := op.DurationNS
		op.DurationNS = 0
		s := c.op(op)
		if s == nil {
			c.Unlisted += ns
			continue
		}
		s.add(ns)
	}
}

// op is the series of a subsystem, nil if there are too many.
func (c *costing) op(op event.CostOp) *series {
	if c.ops == nil {
		c.ops = make(map[event.CostOp]*series)
	}
	s := c.ops[op]
	if s == nil && len(c.ops) < maxOps {
		s = &series{}
		c.ops[op] = s
	}
	return s
}

// costs returns what was collected, nil if nothing was.
func (c *costing) costs() *Costs {
	if c.Measured == 0 {
		return nil
	}
	out := c.Costs
	out.Lock, out.LockSum = c.lock.quantiles(), c.lock.sum
	for op, s := range c.ops {
		out.Ops = append(out.Ops, OpCost{Op: op, Sum: s.sum, Quantiles: s.quantiles()})
	}
	slices.SortFunc(out.Ops, func(a, b OpCost) int {
		return cmp.Or(cmp.Compare(b.Sum, a.Sum), cmp.Compare(a.Op.Op, b.Op.Op), cmp.Compare(a.Op.Module, b.Op.Module),
			cmp.Compare(a.Op.Subsystem, b.Op.Subsystem))
	})
	return &out
}
