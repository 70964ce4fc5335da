package engine

import (
	"maps"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
)

// budgeted is what the budgets of the explainers can cost.
var budgeted = [...]event.LossKind{event.LossLineage, event.LossWaiting, event.LossRequest, event.LossLife, event.LossJoin}

// forgone is what each of them has cost, all in all.
type forgone [len(budgeted)]uint64

// budgets returns what each has cost by now. It is a function of the stream, so a replay
// says the same.
func (r *run) budgets() forgone {
	return forgone{
		r.tree.Dropped(),
		r.tree.Hurried() + r.blamer.Crowded(),
		r.blamer.Forgotten(),
		r.tracker.Forgotten(),
		r.tracker.DroppedJoins(),
	}
}

// overBudget says what was forgone: at first, whenever that has doubled, and at the
// end. To say each would be a flood in itself.
func (r *run) overBudget() error {
	now := r.budgets()
	if now == r.judged {
		return nil
	}
	r.judged = now
	for i, kind := range budgeted {
		before := r.forgone[kind]
		if now[i] == before || now[i] < 2*before {
			continue
		}
		if err := r.forgo(kind, now[i]-before); err != nil {
			return err
		}
	}
	return nil
}

// forgo has so many more count as lost. Requests are charged to whoever made them.
func (r *run) forgo(kind event.LossKind, count uint64) error {
	if count == 0 {
		return nil
	}
	r.forgone[kind] += count
	if kind != event.LossRequest {
		return r.lose(&event.Loss{Kind: kind, Count: count})
	}
	by := r.blamer.ForgottenOf()
	for _, owner := range slices.SortedFunc(maps.Keys(by), event.Owner.Compare) {
		more := by[owner] - r.forgoneOf[owner]
		r.forgoneOf[owner] = by[owner]
		if more == 0 {
			continue
		}
		if err := r.lose(&event.Loss{Kind: kind, Count: more, Owner: owner}); err != nil {
			return err
		}
	}
	return nil
}

// lose has something count as lost.
func (r *run) lose(loss *event.Loss) error {
	r.observed.Event.Body = loss
	if err := r.emit(&r.observed); err != nil {
		return err
	}
	return r.account(r.observed.Event)
}
