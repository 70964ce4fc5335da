package life

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

const (
	// maxPending bounds the joins of which it is awaited what becomes of them.
	maxPending = 1 << 12
	// maxHeldJoins bounds the joins of a namespace that wait for its creation;
	// the kernel half tells fewer.
	maxHeldJoins = 1 << 7
)

// pendingJoin waits for what becomes of it.
type pendingJoin struct {
	*finding.Joined
	deadline uint64
}

// join takes the notice of a join.
func (b *Book) join(at uint64, n *event.NetnsJoin) {
	p, ancestry, why := b.tree.Lineage(n.Process)
	p.TID, p.Comm = n.TID, n.Comm
	if l := b.lives[n.Serial]; l != nil {
		l.told++
	}
	if len(b.pending) >= maxPending {
		b.droppedJoins++
		return
	}
	j := &finding.Joined{BootNS: at, Netns: *n, Process: p, Ancestry: ancestry, AncestryWhy: why}
	b.pending = append(b.pending, pendingJoin{j, at + b.execWait})
}

// settle notes what became of a join, and tells it, unless it must wait or is
// not shown.
func (b *Book) settle(j *finding.Joined, then finding.Then, at uint64) {
	j.Then, j.ThenNS = then, at
	now := &j.Process
	if then == finding.ThenExec {
		after, _, _ := b.tree.Lineage(j.Process.ID)
		j.Process.Exec, now = &after, &after
	}
	j.Placement = finding.Place(now)
	l := b.lives[j.Netns.Serial]
	switch {
	case l == nil:
		b.joins = append(b.joins, j)
	case l.fate == undecided && len(l.heldJoins) >= maxHeldJoins:
		b.droppedJoins++ // a recording may claim anything
	case l.fate == undecided:
		l.heldJoins = append(l.heldJoins, j)
	case l.fate == shown:
		j.Created = l.created
		b.joins = append(b.joins, j)
	}
}

// settleIf settles those that wait for which become says so.
func (b *Book) settleIf(at uint64, become func(pendingJoin) (finding.Then, bool)) {
	if len(b.pending) == 0 {
		return
	}
	b.pending = slices.DeleteFunc(b.pending, func(p pendingJoin) bool {
		then, known := become(p)
		if !known {
			return false
		}
		if then == finding.ThenNothing {
			at = 0
		}
		b.settle(p.Joined, then, at)
		return true
	})
}

// follow settles the joins about which an event decides.
func (b *Book) follow(ev event.Event) {
	b.settleIf(ev.BootNS, func(p pendingJoin) (finding.Then, bool) { return finding.ThenNothing, ev.BootNS >= p.deadline })
	b.settleIf(ev.BootNS, func(p pendingJoin) (finding.Then, bool) { return p.after(ev.Body) })
}

// after tells what an event says of a join.
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

// Joins returns the joins that are to be told since the last call, in the order
// in which it was decided what became of them.
func (b *Book) Joins() []*finding.Joined {
	list := b.joins
	b.joins = nil
	return list
}

// Deadline returns the time since boot in nanoseconds at which it is decided of
// the first join that waits that nothing becomes of it, 0 if none waits.
func (b *Book) Deadline() uint64 {
	var first uint64
	for _, p := range b.pending {
		if first == 0 || p.deadline < first {
			first = p.deadline
		}
	}
	return first
}

// Flush settles the joins that still wait. It is for a stream that breaks off
// without an End.
func (b *Book) Flush() {
	b.settleIf(0, func(pendingJoin) (finding.Then, bool) { return finding.ThenNothing, true })
}

// untold is how many joins of a namespace were counted but not told.
func (l *life) untold() uint64 {
	if l.fate != shown || l.total < l.told {
		return 0
	}
	return uint64(l.total - l.told)
}
