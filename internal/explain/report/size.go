package report

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// The budgets of a Collector, in bytes.
const (
	causeBudget = 8 << 20
	aliveBudget = 2 << 20
	goneBudget  = 1 << 20
	livesBudget = 1 << 20
	// unitBudget is for each of four lists of units.
	unitBudget = 384 << 10
	initBudget = maxPernetInits * 2 << 10
	// pluginBudget is for the CNI plugins that ran last.
	pluginBudget = 64 << 10
)

// Budgets returns the bounds of a Collector.
func Budgets() []bounded.Budget {
	return []bounded.Budget{
		{Name: "report: causes", Bytes: causeBudget},
		{Name: "report: namespaces that exist", Bytes: aliveBudget},
		{Name: "report: namespaces that were released", Bytes: goneBudget},
		{Name: "report: lives, for a page", Bytes: livesBudget},
		{Name: "report: plugins of networks", Bytes: pluginBudget},
		{Name: "report: units", Bytes: 4 * unitBudget},
		{Name: "report: modules that were loaded", Bytes: initBudget},
	}
}

// FirstsBudgets are what Firsts may take at most, which trace has beside a recording.
func FirstsBudgets() []bounded.Budget {
	return []bounded.Budget{{Name: "trace: causes of which it was said what ends them", Bytes: maxTold * toldSize}}
}

// The sizes of what has no strings, in bytes.
const (
	groupSize   = 2976
	lifeSize    = 104
	toldSize    = 96 // a digest in a map and in a list
	pluginSize  = 8
	unitRefSize = 64
	momentSize  = 24
	seriesSize  = 96
	sketchSize  = 8 << 10
	counterSize = 64
)

// Bounds of what one cause tells apart, of which a kernel has fewer.
const (
	maxErrors = 64
	maxSpent  = 64
)

// minDropped is from how many causes on the least frequent ones make room for a new one.
const minDropped = 64

// keptMoments is how many moments a cause keeps to put them in order, once there is
// little room.
const keptMoments = 256

func (s *series) size() uint64 {
	size := seriesSize + 8*uint64(cap(s.values))
	if s.sketch != nil {
		size += sketchSize
	}
	return size
}

// compact keeps of many values only how they are spread.
func (s *series) compact() {
	if s.sketch == nil && len(s.values) > keptMoments {
		s.summarise()
	}
}

func (c *costing) each(f func(*series)) {
	f(&c.lock)
	for _, s := range c.ops {
		f(s)
	}
}

// each calls f for every series of a cause.
func (g *group) each(f func(*series)) {
	f(&g.life)
	f(&g.teardown)
	f(&g.moments.single)
	f(&g.moments.between)
	for _, s := range g.spent {
		f(s)
	}
	g.costing.each(f)
}

// size is what a cause takes by now.
func (g *group) size() uint64 {
	size := groupSize + g.exampleSize + bounded.Text(g.Command) + bounded.Text([]string{g.Why.Text, g.Why.Unit, g.Guest}) +
		momentSize*uint64(cap(g.moments.unordered)) + g.runBy.size + g.beneficiaries.size + g.containers.size + g.occupants.size + g.Whom.size() + g.patternSize()
	g.each(func(s *series) { size += s.size() })
	if g.watched != nil {
		size += g.watched.size()
	}
	return size
}

// compact makes a cause small, at the price of some exactness.
func (g *group) compact() {
	if n := len(g.moments.unordered); n > 2*keptMoments {
		g.moments.take(n - keptMoments)
		g.moments.unordered = append([]moment(nil), g.moments.unordered...)
	}
	g.each((*series).compact)
}

// share is whose share a cause is charged to: that of who made the namespace.
func share(k *finding.Attribution) event.Owner { return bounded.ShareOfUser(k.Netns.UID) }

// share is whose share a unit is charged to.
func (u *UnitRef) share() event.Owner { return bounded.ShareOfUser(u.OwnerUID) }

func (u *UnitRef) size() uint64 { return unitRefSize + uint64(len(u.Unit)) }
