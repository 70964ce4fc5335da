package report

import (
	"cmp"
	"slices"
)

// Order is what causes are sorted by.
type Order string

// The orders. All begin with the greatest, or with what was last.
const (
	OrderCount  Order = "count"
	OrderOpen   Order = "open"
	OrderFailed Order = "failed"
	OrderLived  Order = "lived"
	OrderCost   Order = "cost"
	OrderFirst  Order = "first"
	OrderLast   Order = "last"
)

// Orders are all of them.
var Orders = []Order{OrderCount, OrderOpen, OrderFailed, OrderLived, OrderCost, OrderFirst, OrderLast}

// Sort puts the causes in an order. Their numbers stay.
func (r *Report) Sort(by Order) {
	value := func(c *Cause) uint64 {
		switch by {
		case OrderOpen:
			return c.Alive
		case OrderFailed:
			return c.Failed
		case OrderLived:
			return c.Life.Median
		case OrderCost:
			return c.spent()
		case OrderFirst:
			return ^c.First
		case OrderLast:
			return c.Last
		case OrderCount:
		}
		return c.Count
	}
	slices.SortStableFunc(r.Causes, func(a, b Cause) int { return cmp.Compare(value(&b), value(&a)) })
}

// spent is the time that the creations of a cause took.
func (c *Cause) spent() uint64 {
	for i := range c.Spent {
		if c.Spent[i].What == Whole {
			return c.Spent[i].Sum
		}
	}
	return 0
}

// Cut keeps the first causes alone, and returns how many were left out, with their
// creations.
func (r *Report) Cut(top int) (causes int, creations uint64) {
	for i := top; i < len(r.Causes); i++ {
		causes++
		creations += r.Causes[i].Count
	}
	r.Causes = r.Causes[:min(top, len(r.Causes))]
	return causes, creations
}

// Keep keeps the cause of a number alone, and reports whether there is one.
func (r *Report) Keep(number int) bool {
	r.Causes = slices.DeleteFunc(r.Causes, func(c Cause) bool { return c.Number != number })
	return len(r.Causes) == 1
}
