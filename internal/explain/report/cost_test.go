package report

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

// What creations are made of is ranked by all that it took, for all and for each
// cause, if it was asked for.
func TestCosts(t *testing.T) {
	for _, asked := range []bool{true, false} {
		s := newStory()
		if asked {
			s.RankCosts()
		}
		for i := range uint64(3) {
			k := plain(uint32(100+i), cronPath, "job")
			k.Netns.DurationNS = 1000
			k.Netns.Cost = &event.Cost{LockWaitNS: 100 * i, LockUnknown: i == 2, Ops: []event.CostOp{
				{Op: "small_init", Subsystem: "small", DurationNS: 10 + i}, {Op: "big_init", Subsystem: "m", Module: "m", DurationNS: 300},
			}, Unlisted: 1, UnlistedNS: 5}
			s.create(i*second, k)
		}
		s.create(9*second, plain(110, cronPath, "job")) // not measured
		r := s.Report()
		if !asked {
			if r.Costed || r.Costs != nil || r.Causes[0].Costs != nil {
				t.Errorf("not asked for: %+v", r.Costs)
			}
			continue
		}
		want := &Costs{
			Measured: 3, Sum: 3000, Unlisted: 15, LockSum: 100, Other: 3000 - 900 - 33 - 15 - 100,
			Lock: Quantiles{N: 2, Q1: 25, Median: 50, Q3: 75, Max: 100},
			Ops: []OpCost{
				{Op: event.CostOp{Op: "big_init", Subsystem: "m", Module: "m"}, Sum: 900, Quantiles: Quantiles{N: 3, Min: 300, Q1: 300, Median: 300, Q3: 300, Max: 300}},
				{Op: event.CostOp{Op: "small_init", Subsystem: "small"}, Sum: 33, Quantiles: Quantiles{N: 3, Min: 10, Q1: 10, Median: 11, Q3: 11, Max: 12}},
			},
		}
		for _, got := range []*Costs{r.Costs, r.Causes[0].Costs} {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("costs (-want +got):\n%s", diff)
			}
		}
	}
}

// The parts are the whole, however many subsystems a recording claims.
func TestCostsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c costing
		for i := range rapid.IntRange(0, 3).Draw(t, "creations") {
			n := event.NetnsCreate{Cost: &event.Cost{LockWaitNS: rapid.Uint64Range(0, 99).Draw(t, "lock")}}
			n.DurationNS = n.Cost.LockWaitNS + rapid.Uint64Range(0, 99).Draw(t, "other")
			for j := range rapid.IntRange(0, 2*maxOps).Draw(t, "ops") {
				n.Cost.Ops = append(n.Cost.Ops, event.CostOp{Op: fmt.Sprint(i%2, j), DurationNS: uint64(j)})
				n.DurationNS += uint64(j)
			}
			c.add(&n)
		}
		got := c.costs()
		if got == nil {
			return
		}
		sum := got.Unlisted + got.LockSum + got.Other
		for i := range got.Ops {
			sum += got.Ops[i].Sum
		}
		if sum != got.Sum || len(got.Ops) > maxOps {
			t.Fatalf("%d of %d, %d ops", sum, got.Sum, len(got.Ops))
		}
	})
}
