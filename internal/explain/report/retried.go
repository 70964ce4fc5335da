package report

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// retried reports whether a cause is one pod that gets a sandbox again and again, of which
// none came to hold a container. Nobody moved in then, and nothing hides who moved in.
func retried(c *Cause, r *Report) bool {
	if c.Trigger != finding.TriggerPod || c.Count < 2 || c.Pods.N != 1 || c.Grouped.By != ByCause {
		return false
	}
	if len(c.Occupants.Values) > 0 || c.Occupants.Others > 0 || c.Unreported > 0 || !r.Endings.Seen {
		return false
	}
	if c.Alive > 0 && !stillTried(c, r) {
		return false
	}
	return r.shown(event.HiddenJoins | event.HiddenEnds)
}

// shown reports whether nothing can have hidden any of these.
func (r *Report) shown(these event.Hidden) bool {
	for kind, n := range r.Gaps.Lost {
		if n > 0 && kind.Hides(these) {
			return false
		}
	}
	for i := range r.Gaps.Dead {
		if r.Gaps.Dead[i].Probe.Shows(these) {
			return false
		}
	}
	return (r.Whole || r.Running) && r.Gaps.Damages == 0
}

// stillTried reports whether the one sandbox that exists, while the stream goes on, is no
// older than those became that failed.
func stillTried(c *Cause, r *Report) bool {
	return r.Running && c.Alive == 1 && c.Life.N > 0 && r.Until-min(r.Until, c.OldestAlive) <= c.Life.Max
}
