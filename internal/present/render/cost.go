package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
)

// maxLineCosts and maxTreeCosts are how many subsystems text shows of a
// creation.
const (
	maxLineCosts = 5
	maxTreeCosts = 10
)

// costField writes what a creation is made of, where that was measured.
func costField(e *encoder, n *event.NetnsCreate) {
	c := n.Cost
	if c == nil {
		return
	}
	e.key("cost")
	e.open('{')
	if c.LockUnknown {
		e.null("lock_wait_ns")
	} else {
		e.uint("lock_wait_ns", c.LockWaitNS)
	}
	e.key("ops")
	e.open('[')
	for i := range c.Ops {
		e.open('{')
		opFields(e, &c.Ops[i])
		e.uint("duration_ns", c.Ops[i].DurationNS)
		e.close('}')
	}
	e.close(']')
	if c.Unlisted > 0 {
		e.uint("unlisted", uint64(c.Unlisted))
		e.uint("unlisted_ns", c.UnlistedNS)
	}
	e.uint("other_ns", c.OtherNS(n.DurationNS))
	e.close('}')
}

// opFields name an op; null for what isn't known.
func opFields(e *encoder, o *event.CostOp) {
	text := func(name, s string) {
		if s == "" {
			e.null(name)
		} else {
			e.str(name, s)
		}
	}
	text("op", o.Op)
	e.flag("no_init", o.NoInit)
	text("subsystem", o.Subsystem)
	text("module", o.Module)
}

// opText is an op by name, and how it belongs to a subsystem.
func opText(o *event.CostOp) string {
	out := "unknown"
	if o.Op != "" {
		out = fitEscaped(o.Op, maxName)
	}
	if o.Module != "" {
		out += " [" + fitEscaped(o.Module, maxName) + "]"
	}
	if o.NoInit {
		out += " (only an id)"
	}
	return out
}

// dearest are the ops of a creation with the most expensive first.
func dearest(c *event.Cost) []event.CostOp {
	list := slices.Clone(c.Ops)
	slices.SortStableFunc(list, func(a, b event.CostOp) int { return cmp.Compare(b.DurationNS, a.DurationNS) })
	return list
}

// restText is what is not shown one by one: further ops, and what is none.
func restText(n *event.NetnsCreate, shown int, list []event.CostOp) string {
	c := n.Cost
	ns := c.OpsNS()
	for i := range list[:shown] {
		ns -= min(ns, list[i].DurationNS)
	}
	var parts []string
	if more := uint64(len(list)-shown) + uint64(c.Unlisted); more > 0 {
		parts = append(parts, fmt.Sprintf("%d more %s", more, durationText(ns)))
	}
	if !c.LockUnknown {
		parts = append(parts, "waiting for the lock "+durationText(c.LockWaitNS))
	}
	parts = append(parts, "other "+durationText(c.OtherNS(n.DurationNS)))
	return strings.Join(parts, ", ")
}

// costLine is what a creation is made of, below its line.
func (p *textPrinter) costLine(n *event.NetnsCreate) string {
	list := dearest(n.Cost)
	shown := min(maxLineCosts, len(list))
	var parts []string
	for i := range list[:shown] {
		parts = append(parts, opText(&list[i])+" "+durationText(list[i].DurationNS))
	}
	parts = append(parts, restText(n, shown, list))
	text := p.hanging(strings.Repeat(" ", timeWidth)+"cost  "+strings.Join(parts, ", "), timeWidth+len("cost  "))
	var b strings.Builder
	for row := range strings.Lines(text) {
		b.WriteString(p.paint.faint(strings.TrimSuffix(row, "\n")) + "\n")
	}
	return b.String()
}

// cost adds what the creation is made of.
func (b *block) cost(n *event.NetnsCreate) {
	list := dearest(n.Cost)
	shown := min(maxTreeCosts, len(list))
	title := "cost"
	for i := range list[:shown] {
		b.row(title, fmt.Sprintf("%-9s %s", durationText(list[i].DurationNS), opText(&list[i])), evidence.Kernel)
		title = ""
	}
	b.row(title, restText(n, shown, list), evidence.Kernel)
}
