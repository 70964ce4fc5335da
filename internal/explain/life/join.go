package life

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// maxWaitingJoins bounds the joins of a namespace that wait for its creation.
// The kernel part reports fewer.
const maxWaitingJoins = 1 << 7

// joinKey is something that decides about a join.
type joinKey struct {
	by      decider
	process event.ProcessID
	serial  uint64
	tid     uint32
}

func (k joinKey) hash() uint64 {
	return bounded.Hash(bounded.Hash(bounded.HashOf(k.process), k.serial), uint64(k.tid)<<2|uint64(k.by))
}

// decider is a kind of thing that decides about a join.
type decider int

const (
	// byProcess: what its process does.
	byProcess decider = iota
	// byThread: what the thread of its process does.
	byThread
	// byNamespace: what becomes of the namespace.
	byNamespace
	// byLeave: the thread leaves the namespace.
	byLeave
)

// join takes a join.
func (t *Tracker) join(at uint64, n *event.NetnsJoin) {
	p, ancestry, why := t.tree.Lineage(n.Process)
	p.TID, p.Comm = n.TID, n.Comm
	if l := t.life(n.Serial); l != nil {
		l.reported++
	}
	j := &finding.Joined{BootNS: at, Netns: *n, Process: p, Ancestry: ancestry, AncestryWhy: why}
	t.order++
	dropped := t.pending.Add(j, bounded.Terms[joinKey]{
		Keys: []joinKey{
			{by: byProcess, process: n.Process},
			{by: byThread, process: n.Process, tid: n.TID},
			{by: byNamespace, serial: n.Serial},
			{by: byLeave, serial: n.Serial, tid: n.TID},
		},
		Deadline: at + t.execWait, Order: t.order, Owner: bounded.ShareOfUser(p.UID), Size: sizeOfJoin(j),
	})
	t.droppedJoins += uint64(len(dropped))
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
	l := t.life(j.Netns.Serial)
	switch {
	case l == nil:
		t.joins = append(t.joins, j)
	case l.fate == undecided && len(l.waitingJoins) >= maxWaitingJoins:
		t.droppedJoins++ // a recording may claim anything
	case l.fate == undecided:
		l.waitingJoins = append(l.waitingJoins, j)
		t.settle(j.Netns.Serial, l)
	case l.fate == shown:
		j.Created = l.created
		t.joins = append(t.joins, j)
	}
}

// resolveAll resolves joins with what their processes did.
func (t *Tracker) resolveAll(list []*finding.Joined, then finding.Then, at uint64) {
	if then == finding.ThenNothing {
		at = 0
	}
	for _, j := range list {
		t.resolve(j, then, at)
	}
}

// follow resolves the joins about which an event decides.
func (t *Tracker) follow(ev event.Event) {
	t.resolveAll(t.pending.Expire(ev.BootNS), finding.ThenNothing, 0)
	switch body := ev.Body.(type) {
	case *event.NetnsLeave:
		then := finding.ThenLeft
		if body.Ending {
			then = finding.ThenEnded
		}
		t.resolveAll(t.pending.Take(joinKey{by: byLeave, serial: body.Serial, tid: body.TID}), then, ev.BootNS)
	case *event.Exec:
		for _, j := range t.pending.Take(joinKey{by: byProcess, process: body.Process}) {
			then := finding.ThenExec
			if body.Serial != j.Netns.Serial {
				then = finding.ThenLeft
			}
			t.resolve(j, then, ev.BootNS)
		}
	case *event.Exit:
		t.resolveAll(t.pending.Take(joinKey{by: byProcess, process: body.Process}), finding.ThenEnded, ev.BootNS)
	case *event.NetnsCreate:
		// by unshare the thread itself goes on to another one
		if body.Call == event.CallUnshare && body.Errno == 0 {
			t.resolveAll(t.pending.Take(joinKey{by: byThread, process: body.Creator, tid: body.TID}), finding.ThenLeft, ev.BootNS)
		}
	case *event.NetnsRelease:
		t.resolveAll(t.pending.Take(joinKey{by: byNamespace, serial: body.Serial}), finding.ThenNothing, 0)
	case *event.Damage, *event.End:
		t.Flush()
	}
}

// Joins returns the joins that were resolved since the last call, in the order in
// which they were. The list is good until the next call.
func (t *Tracker) Joins() []*finding.Joined {
	list := t.joins
	clear(t.told)
	t.joins, t.told = t.told[:0], list
	if cap(list) > maxWaitingJoins {
		t.told = nil
	}
	return list
}

// Deadline returns when the first pending join is resolved whatever happens, in
// nanoseconds since boot; 0 if none is pending.
func (t *Tracker) Deadline() uint64 { return t.pending.Deadline() }

// Flush resolves the joins that are still pending. It is for a stream that breaks
// off without an End.
func (t *Tracker) Flush() { t.resolveAll(t.pending.TakeAll(), finding.ThenNothing, 0) }

// unreported is how many joins of a namespace were only counted.
func (l *life) unreported() uint64 {
	if l.fate != shown || l.total < l.reported {
		return 0
	}
	return uint64(l.total - l.reported)
}
