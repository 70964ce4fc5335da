package life

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

const (
	// maxPending bounds the joins that wait for what their process does next.
	maxPending = 1 << 12
	// maxWaitingJoins bounds the joins of a namespace that wait for its creation.
	// The kernel part reports fewer.
	maxWaitingJoins = 1 << 7
)

// pendingJoin waits for what its process does next.
type pendingJoin struct {
	*finding.Joined
	deadline uint64
}

// join takes a join.
func (t *Tracker) join(at uint64, n *event.NetnsJoin) {
	p, ancestry, why := t.tree.Lineage(n.Process)
	p.TID, p.Comm = n.TID, n.Comm
	if l := t.lives[n.Serial]; l != nil {
		l.reported++
	}
	if len(t.pending) >= maxPending {
		t.droppedJoins++
		return
	}
	j := &finding.Joined{BootNS: at, Netns: *n, Process: p, Ancestry: ancestry, AncestryWhy: why}
	t.pending = append(t.pending, pendingJoin{j, at + t.execWait})
}

// resolve completes a join with what its process did next. The join is reported,
// unless it must wait for its creation or is hidden.
func (t *Tracker) resolve(j *finding.Joined, then finding.Then, at uint64) {
	j.Then, j.ThenNS = then, at
	now := &j.Process
	if then == finding.ThenExec {
		after, _, _ := t.tree.Lineage(j.Process.ID)
		j.Process.Exec, now = &after, &after
	}
	j.Placement = finding.Place(now)
	l := t.lives[j.Netns.Serial]
	switch {
	case l == nil:
		t.joins = append(t.joins, j)
	case l.fate == undecided && len(l.waitingJoins) >= maxWaitingJoins:
		t.droppedJoins++ // a recording may claim anything
	case l.fate == undecided:
		l.waitingJoins = append(l.waitingJoins, j)
	case l.fate == shown:
		j.Created = l.created
		t.joins = append(t.joins, j)
	}
}

// resolveIf resolves the pending joins for which next knows what their process
// did next.
func (t *Tracker) resolveIf(at uint64, next func(pendingJoin) (finding.Then, bool)) {
	if len(t.pending) == 0 {
		return
	}
	t.pending = slices.DeleteFunc(t.pending, func(p pendingJoin) bool {
		then, known := next(p)
		if !known {
			return false
		}
		if then == finding.ThenNothing {
			at = 0
		}
		t.resolve(p.Joined, then, at)
		return true
	})
}

// follow resolves the joins about which an event decides.
func (t *Tracker) follow(ev event.Event) {
	t.resolveIf(ev.BootNS, func(p pendingJoin) (finding.Then, bool) { return finding.ThenNothing, ev.BootNS >= p.deadline })
	t.resolveIf(ev.BootNS, func(p pendingJoin) (finding.Then, bool) { return p.after(ev.Body) })
}

// after returns what an event says of a join.
func (p pendingJoin) after(body event.Body) (finding.Then, bool) {
	n := &p.Netns
	switch body := body.(type) {
	case *event.NetnsLeave:
		if body.Ending {
			return finding.ThenEnded, body.Serial == n.Serial && body.TID == n.TID
		}
		return finding.ThenLeft, body.Serial == n.Serial && body.TID == n.TID
	case *event.Exec:
		if body.Serial != n.Serial {
			return finding.ThenLeft, body.Process == n.Process
		}
		return finding.ThenExec, body.Process == n.Process
	case *event.Exit:
		return finding.ThenEnded, body.Process == n.Process
	case *event.NetnsCreate:
		// by unshare the thread itself goes on to another one
		return finding.ThenLeft, body.Call == event.CallUnshare && body.Errno == 0 && body.TID == n.TID && body.Creator == n.Process
	case *event.NetnsRelease:
		return finding.ThenNothing, body.Serial == n.Serial
	case *event.Damage, *event.End:
		return finding.ThenNothing, true
	}
	return finding.ThenNothing, false
}

// Joins returns the joins that were resolved since the last call, in the order in
// which they were.
func (t *Tracker) Joins() []*finding.Joined {
	list := t.joins
	t.joins = nil
	return list
}

// Deadline returns when the first pending join is resolved whatever happens, in
// nanoseconds since boot; 0 if none is pending.
func (t *Tracker) Deadline() uint64 {
	var first uint64
	for _, p := range t.pending {
		if first == 0 || p.deadline < first {
			first = p.deadline
		}
	}
	return first
}

// Flush resolves the joins that are still pending. It is for a stream that breaks
// off without an End.
func (t *Tracker) Flush() {
	t.resolveIf(0, func(pendingJoin) (finding.Then, bool) { return finding.ThenNothing, true })
}

// unreported is how many joins of a namespace were only counted.
func (l *life) unreported() uint64 {
	if l.fate != shown || l.total < l.reported {
		return 0
	}
	return uint64(l.total - l.reported)
}
