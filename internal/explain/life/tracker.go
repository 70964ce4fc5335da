// Package life finds who joins a network namespace and when it ends, and relates
// both to the creation.
//
// It is a pure function of the stream of events. A creation is reported late: it
// waits for an exec and for the answer of a manager. Joins and ends of the
// namespace wait for it.
package life

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// maxWaitingEnds bounds the ends of a namespace that wait for its creation: a
// release, and the end of the teardown.
const maxWaitingEnds = 2

// Tracker follows namespaces from their creation to their end.
type Tracker struct {
	tree *lineage.Tree
	// alive are the namespaces by the serial of their creation, gone those that
	// were released and whose creation is decided about.
	alive, gone *bounded.Store[uint64, *life]
	// releases of namespaces whose creation is not known wait for the end of
	// the teardown.
	releases *bounded.Store[releaseKey, *finding.Release]
	// seesRelease and seesFree are set if the probes of releases and of the ends
	// of teardowns are live.
	seesRelease, seesFree bool
	forgotten             uint64
	// execWait is how long a join waits for what its process does next.
	execWait uint64
	pending  *bounded.Waiting[joinKey, *finding.Joined]
	// order is the number of joins so far.
	order uint64
	// joins are those of which the fate is known, told those that were returned before.
	joins, told []*finding.Joined
	// unreported counts the joins that were only counted, of namespaces that are
	// gone.
	unreported uint64
	// droppedJoins counts the joins that are not reported, because there were too
	// many at once.
	droppedJoins uint64
}

// releaseKey identifies a release: inums are reused, but not at once.
type releaseKey struct {
	inum uint32
	at   uint64
}

func (k releaseKey) hash() uint64 { return bounded.Hash(k.at, uint64(k.inum)) }

// life is a namespace from its creation to its end.
type life struct {
	owner   event.Owner
	fate    fate
	created *finding.Attribution
	release *finding.Release
	// waitingEnds and waitingJoins wait until the fate is decided.
	waitingEnds  []finding.Ended
	waitingJoins []*finding.Joined
	// reported counts the joins that were reported one by one, of total.
	reported, total uint32
}

// fate says whether a creation is shown.
type fate int

const (
	undecided fate = iota
	shown
	hidden
)

// New returns a Tracker that looks processes up in a tree.
func New(tree *lineage.Tree) *Tracker {
	t := &Tracker{
		tree:     tree,
		alive:    bounded.NewStore[uint64, *life](aliveBudget),
		gone:     bounded.NewStore[uint64, *life](releasedBudget),
		releases: bounded.NewStore[releaseKey, *finding.Release](releaseBudget).Hashing(releaseKey.hash),
		pending:  bounded.NewWaiting[joinKey, *finding.Joined](pendingBudget).Hashing(joinKey.hash),
	}
	t.alive.Drop = func(_ uint64, l *life) {
		t.forgotten++
		t.unreported += l.unreported()
	}
	t.gone.Drop = func(_ uint64, l *life) {
		if t.seesFree { // otherwise nothing more would have come
			t.forgotten++
		}
		t.unreported += l.unreported()
	}
	t.releases.Drop = func(releaseKey, *finding.Release) { t.forgotten++ }
	return t
}

// life finds a namespace, nil if it is not followed.
func (t *Tracker) life(serial uint64) *life {
	if l, ok := t.alive.Get(serial); ok {
		return l
	}
	l, _ := t.gone.Get(serial)
	return l
}

// settle puts a life where it belongs by now. One that was released goes first.
func (t *Tracker) settle(serial uint64, l *life) {
	if l.release == nil || l.fate == undecided {
		t.alive.Resize(serial, l.size())
		return
	}
	t.alive.Delete(serial)
	t.gone.Put(serial, l, l.owner, l.size())
}

// Observe takes the next event of the stream, after the tree has. It returns the
// end of a namespace, unless that waits for its creation or is hidden. Joins
// returns the joins.
func (t *Tracker) Observe(ev event.Event) *finding.Ended {
	t.follow(ev)
	switch body := ev.Body.(type) {
	case *event.Host:
		t.execWait = body.ExecWaitNS
	case *event.Coverage:
		t.seesRelease = t.seesRelease || body.Live && body.Probe == event.ProbeRelease
		t.seesFree = t.seesFree || body.Live && body.Probe.SeesTeardown()
	case *event.NetnsCreate:
		t.begin(body)
	case *event.NetnsRelease:
		return t.release(ev.BootNS, body)
	case *event.NetnsFree:
		return t.free(ev.BootNS, body)
	case *event.NetnsJoin:
		t.join(ev.BootNS, body)
	case *event.NetnsJoinCount:
		if l := t.life(body.Serial); l != nil {
			l.total = body.Joins
		}
	}
	return nil
}

func (t *Tracker) begin(n *event.NetnsCreate) {
	if n.Errno != 0 {
		return
	}
	l := &life{owner: shareOf(n)}
	t.alive.Put(n.Serial, l, l.owner, l.size())
}

func (t *Tracker) release(at uint64, n *event.NetnsRelease) *finding.Ended {
	r := &finding.Release{BootNS: at, Netns: *n}
	if !n.By.IsZero() {
		p, ancestry, why := t.tree.Lineage(n.By)
		p.TID, p.Comm = n.TID, n.Comm
		r.By, r.Ancestry, r.AncestryWhy = &p, ancestry, why
	}
	if l := t.life(n.Serial); l != nil {
		l.release, l.total = r, n.Joins
		t.settle(n.Serial, l)
	} else {
		t.awaitFree(releaseKey{n.Inum, at}, r)
	}
	return t.shownEnd(n.Serial, finding.Ended{BootNS: at, Release: r, Final: !t.seesFree})
}

// awaitFree keeps a release for the end of the teardown.
func (t *Tracker) awaitFree(key releaseKey, r *finding.Release) {
	if !t.seesFree {
		return
	}
	owner := event.Owner{}
	if r.By != nil {
		owner = bounded.ShareOfUser(r.By.UID)
	}
	t.releases.Put(key, r, owner, sizeOfRelease(r))
}

func (t *Tracker) free(at uint64, n *event.NetnsFree) *finding.Ended {
	e := finding.Ended{BootNS: at, Free: n}
	if l := t.life(n.Serial); l != nil {
		e.Release = l.release
	} else {
		key := releaseKey{n.Inum, n.ReleasedNS}
		e.Release, _ = t.releases.Get(key)
		t.releases.Delete(key)
	}
	return t.shownEnd(n.Serial, e)
}

// shownEnd notes an end and returns it, nil if it must wait or is hidden.
func (t *Tracker) shownEnd(serial uint64, e finding.Ended) *finding.Ended {
	if !t.end(serial, &e) {
		return nil
	}
	shown := e // most ends are not, so e itself is not allocated
	return &shown
}

// end notes an end, and reports whether it is to be shown now.
func (t *Tracker) end(serial uint64, e *finding.Ended) bool {
	l := t.life(serial)
	if l == nil {
		return true
	}
	if l.fate == undecided && len(l.waitingEnds) >= maxWaitingEnds {
		t.forgotten++ // a recording may claim anything
		return false
	}
	if l.fate == undecided {
		if l.waitingEnds == nil {
			l.waitingEnds = make([]finding.Ended, 0, maxWaitingEnds)
		}
		l.waitingEnds = append(l.waitingEnds, *e)
		t.settle(serial, l)
		return false
	}
	if e.Free != nil {
		t.unreported += l.unreported()
		t.alive.Delete(serial)
		t.gone.Delete(serial)
	}
	if l.fate == hidden {
		return false
	}
	e.Created = l.created
	return true
}

// Decide takes a creation, which is shown if it is selected. It returns the ends
// that waited for it, in their order. The joins that waited came before; Joins
// returns them.
func (t *Tracker) Decide(c *finding.Created) []finding.Ended {
	serial := c.Netns.Serial
	l := t.life(serial)
	if l == nil || l.fate != undecided || c.Netns.Errno != 0 {
		return nil
	}
	l.fate = hidden
	if c.Selected {
		l.fate, l.created = shown, t.brief(c.Attribution)
		for _, j := range l.waitingJoins {
			j.Created = l.created
			t.joins = append(t.joins, j)
		}
	}
	waiting := l.waitingEnds
	l.waitingEnds, l.waitingJoins = nil, nil
	t.settle(serial, l)
	var ready []finding.Ended
	for _, e := range waiting {
		if t.end(serial, &e) && c.Selected {
			if ready == nil {
				ready = make([]finding.Ended, 0, len(waiting))
			}
			ready = append(ready, e)
		}
	}
	return ready
}

// brief returns what is kept of a creation while its namespace exists. Once half of
// the room is used up, long argument lists are cut.
func (t *Tracker) brief(c *finding.Attribution) *finding.Attribution {
	kept := &finding.Attribution{Creation: c.Creation, Placement: c.Placement}
	if len(c.Ancestry) > 1 || c.AncestryTruncated || c.AncestryWhy != "" || c.ExecPending || c.ExecMissed() {
		kept.Creation = &lineage.Creation{BootNS: c.BootNS, Netns: c.Netns, Process: c.Process, Child: c.Child, Ancestry: c.Ancestry}
	}
	if len(c.Ancestry) > 1 {
		kept.Ancestry = slices.Clone(c.Ancestry[:1])
	}
	if t.alive.Bytes() > aliveBudget/2 {
		return kept.Brief()
	}
	return kept
}

// Forgotten counts the namespaces that are not followed, without room for them.
func (t *Tracker) Forgotten() uint64 { return t.forgotten }

// DroppedJoins counts the joins that are not reported, without room for them.
func (t *Tracker) DroppedJoins() uint64 { return t.droppedJoins }

// Counts returns the figures as of now.
func (t *Tracker) Counts() finding.Counts {
	c := finding.Counts{Known: t.seesRelease, Forgotten: t.forgotten, Unreported: t.unreported, DroppedJoins: t.droppedJoins}
	count := func(_ uint64, l *life) {
		c.Unreported += l.unreported()
		switch {
		case l.fate != shown || !t.seesRelease:
		case l.release != nil && t.seesFree:
			c.Releasing++
		case l.release != nil:
		default:
			c.Alive++
		}
	}
	t.alive.All(count)
	t.gone.All(count)
	return c
}
