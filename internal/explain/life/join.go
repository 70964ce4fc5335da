package life

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/blame"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

const (
	// maxPending bounds the joins of which it is awaited what becomes of them.
	maxPending = 1 << 12
	// maxHeldJoins bounds the joins of a namespace that wait for its creation;
	// the kernel half tells fewer.
	maxHeldJoins = 1 << 7
)

// Then is what a thread did that came into a namespace.
type Then string

// What a thread can do.
const (
	// ThenNothing: neither of the others in the time for which that is awaited:
	// it is in the namespace as what it was before.
	ThenNothing Then = ""
	// ThenExec: it called exec, so that a program runs in the namespace.
	ThenExec Then = "exec"
	// ThenLeft: it left for another namespace.
	ThenLeft Then = "left"
	// ThenEnded: it ended.
	ThenEnded Then = "ended"
)

// Join is a process that came into a namespace.
type Join struct {
	// BootNS is when it did, nanoseconds since boot.
	BootNS uint64
	// Created is the creation, as in End.
	Created *blame.Case
	// Netns is the observation itself.
	Netns event.NetnsJoin
	// Process is the process, as it was then; its Exec is the one after the exec
	// with ThenExec. Ancestry are its ancestors, nearest first; AncestryWhy says
	// why they don't reach the root, if they don't.
	Process     lineage.Process
	Ancestry    []lineage.Process
	AncestryWhy string
	// Placement is where it belongs by its cgroup, after the exec.
	Placement cgroup.Placement
	// Then is what it did next, ThenNS when, 0 with ThenNothing.
	Then   Then
	ThenNS uint64
}

// Age is how old the namespace was, from the beginning of its creation, in
// nanoseconds. It is not known where that was not seen.
func (j *Join) Age() (ns uint64, known bool) {
	if j.Netns.CreatedNS == 0 || j.BootNS < j.Netns.CreatedNS {
		return 0, false
	}
	return j.BootNS - j.Netns.CreatedNS, true
}

// Occupant reports whether somebody moved in, rather than came for a visit:
// left again, or ended in there without a program of its own.
func (j *Join) Occupant() bool { return j.Then == ThenExec || j.Then == ThenNothing }

// pendingJoin waits for what becomes of it.
type pendingJoin struct {
	*Join
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
	j := &Join{BootNS: at, Netns: *n, Process: p, Ancestry: ancestry, AncestryWhy: why}
	b.pending = append(b.pending, pendingJoin{j, at + b.execWait})
}

// settle notes what became of a join, and tells it, unless it must wait or is
// not shown.
func (b *Book) settle(j *Join, then Then, at uint64) {
	j.Then, j.ThenNS = then, at
	now := &j.Process
	if then == ThenExec {
		after, _, _ := b.tree.Lineage(j.Process.ID)
		j.Process.Exec, now = &after, &after
	}
	j.Placement = blame.Place(now)
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
func (b *Book) settleIf(at uint64, become func(pendingJoin) (Then, bool)) {
	if len(b.pending) == 0 {
		return
	}
	b.pending = slices.DeleteFunc(b.pending, func(p pendingJoin) bool {
		then, known := become(p)
		if !known {
			return false
		}
		if then == ThenNothing {
			at = 0
		}
		b.settle(p.Join, then, at)
		return true
	})
}

// follow settles the joins about which an event decides.
func (b *Book) follow(ev event.Event) {
	b.settleIf(ev.BootNS, func(p pendingJoin) (Then, bool) { return ThenNothing, ev.BootNS >= p.deadline })
	b.settleIf(ev.BootNS, func(p pendingJoin) (Then, bool) { return p.after(ev.Body) })
}

// after tells what an event says of a join.
func (p pendingJoin) after(body event.Body) (Then, bool) {
	n := &p.Netns
	switch body := body.(type) {
	case *event.NetnsLeave:
		if body.Ending {
			return ThenEnded, body.Serial == n.Serial && body.TID == n.TID
		}
		return ThenLeft, body.Serial == n.Serial && body.TID == n.TID
	case *event.Exec:
		if body.Serial != n.Serial {
			return ThenLeft, body.Process == n.Process
		}
		return ThenExec, body.Process == n.Process
	case *event.Exit:
		return ThenEnded, body.Process == n.Process
	case *event.NetnsCreate:
		// by unshare the thread itself goes on to another one
		return ThenLeft, body.Call == event.CallUnshare && body.Errno == 0 && body.TID == n.TID && body.Creator == n.Process
	case *event.NetnsRelease:
		return ThenNothing, body.Serial == n.Serial
	case *event.Damage, *event.End:
		return ThenNothing, true
	}
	return ThenNothing, false
}

// Joins returns the joins that are to be told since the last call, in the order
// in which it was decided what became of them.
func (b *Book) Joins() []*Join {
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
	b.settleIf(0, func(pendingJoin) (Then, bool) { return ThenNothing, true })
}

// untold is how many joins of a namespace were counted but not told.
func (l *life) untold() uint64 {
	if l.fate != shown || l.total < l.told {
		return 0
	}
	return uint64(l.total - l.told)
}
