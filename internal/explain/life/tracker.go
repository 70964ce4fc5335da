// Package life tells who moves into a network namespace and when it ends, and
// which creation that is about.
//
// It is a pure function of the stream of events. An end may come before its
// creation is shown, for that waits for an exec and for what a manager has to
// say; then the end waits, too.
package life

import (
	"maps"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// maxLives bounds the namespaces that are followed at once, and the releases
// that wait for the end of their teardown. The kernel half follows half as
// many.
const maxLives = 1 << 17

// maxHeld bounds the ends of a namespace that wait for its creation: there is
// one release, and one end of the teardown.
const maxHeld = 2

// Book holds the namespaces that are there, by their creations.
type Book struct {
	tree  *lineage.Tree
	lives map[uint64]*life
	// releases of namespaces whose creation is not known wait for the end of
	// the teardown.
	releases map[releaseKey]*finding.Release
	// over counts the lives of which nothing more should come.
	over int
	// sees and frees are set where the probes of releases and of the ends of
	// teardowns are live.
	sees, frees bool
	forgotten   uint64
	// execWait is how long it is awaited what becomes of who moves in.
	execWait uint64
	pending  []pendingJoin
	joins    []*finding.Joined
	// untold counts those who moved in and were only counted, in namespaces
	// that are gone.
	untold uint64
	// droppedJoins counts the joins that are not told, for there were too many at
	// once.
	droppedJoins uint64
}

// releaseKey tells releases apart: inums are reused, but not at once.
type releaseKey struct {
	inum uint32
	at   uint64
}

// life is a namespace from its creation to its end.
type life struct {
	fate    fate
	created *finding.Attribution
	release *finding.Release
	held    []finding.Ended
	// heldJoins wait as the ends do.
	heldJoins []*finding.Joined
	// told counts the joins that were told one by one, of total.
	told, total uint32
}

// fate says whether a creation is shown.
type fate int

const (
	undecided fate = iota
	shown
	hidden
)

// New returns a Book that looks processes up in a tree.
func New(tree *lineage.Tree) *Book {
	return &Book{tree: tree, lives: make(map[uint64]*life), releases: make(map[releaseKey]*finding.Release)}
}

// Observe takes the next event of the stream, after the tree has. If that is
// the end of a namespace whose creation was shown, or is not known, it returns
// that end.
//
// Who moved in is told by Joins.
func (b *Book) Observe(ev event.Event) *finding.Ended {
	b.follow(ev)
	switch body := ev.Body.(type) {
	case *event.Host:
		b.execWait = body.ExecWaitNS
	case *event.Coverage:
		b.sees = b.sees || body.Live && body.Probe == event.ProbeRelease
		b.frees = b.frees || body.Live && body.Probe.SeesTeardown()
	case *event.NetnsCreate:
		b.begin(body)
	case *event.NetnsRelease:
		return b.release(ev.BootNS, body)
	case *event.NetnsFree:
		return b.free(ev.BootNS, body)
	case *event.NetnsJoin:
		b.join(ev.BootNS, body)
	case *event.NetnsJoinCount:
		if l := b.lives[body.Serial]; l != nil {
			l.total = body.Joins
		}
	}
	return nil
}

func (b *Book) begin(n *event.NetnsCreate) {
	if n.Errno != 0 {
		return
	}
	if len(b.lives) >= maxLives && b.over > 0 {
		maps.DeleteFunc(b.lives, func(_ uint64, l *life) bool {
			over := l.release != nil && l.fate != undecided
			if over {
				b.untold += l.untold()
			}
			return over
		})
		b.over = 0
	}
	if len(b.lives) >= maxLives {
		b.forgotten++
		return
	}
	b.lives[n.Serial] = &life{}
}

func (b *Book) release(at uint64, n *event.NetnsRelease) *finding.Ended {
	r := &finding.Release{BootNS: at, Netns: *n}
	if !n.By.IsZero() {
		p, ancestry, why := b.tree.Lineage(n.By)
		p.TID, p.Comm = n.TID, n.Comm
		r.By, r.Ancestry, r.AncestryWhy = &p, ancestry, why
	}
	if l := b.lives[n.Serial]; l != nil {
		l.release, l.total = r, n.Joins
	} else {
		b.await(releaseKey{n.Inum, at}, r)
	}
	return b.tell(n.Serial, finding.Ended{BootNS: at, Release: r, Final: !b.frees})
}

// await keeps a release for the end of the teardown.
func (b *Book) await(key releaseKey, r *finding.Release) {
	switch {
	case !b.frees:
	case len(b.releases) >= maxLives:
		b.forgotten++
	default:
		b.releases[key] = r
	}
}

func (b *Book) free(at uint64, n *event.NetnsFree) *finding.Ended {
	e := finding.Ended{BootNS: at, Free: n}
	if l := b.lives[n.Serial]; l != nil {
		e.Release = l.release
	} else {
		key := releaseKey{n.Inum, n.ReleasedNS}
		e.Release = b.releases[key]
		delete(b.releases, key)
	}
	return b.tell(n.Serial, e)
}

// tell notes an end and returns it, unless it must wait or is not shown.
func (b *Book) tell(serial uint64, e finding.Ended) *finding.Ended {
	l := b.lives[serial]
	if l == nil {
		return &e
	}
	if l.fate == undecided && len(l.held) >= maxHeld {
		b.forgotten++ // a recording may claim anything
		return nil
	}
	if l.fate == undecided {
		l.held = append(l.held, e)
		return nil
	}
	if e.Free != nil {
		b.untold += l.untold()
		delete(b.lives, serial)
	} else if e.Final {
		b.over++
	}
	if l.fate == hidden {
		return nil
	}
	e.Created = l.created
	return &e
}

// Decide says whether a creation is shown, and returns the ends that waited
// for that, in their order. Who moved in and waited for it is told by Joins, and
// did so before.
func (b *Book) Decide(c *finding.Attribution, show bool) []finding.Ended {
	serial := c.Netns.Serial
	l := b.lives[serial]
	if l == nil || l.fate != undecided || c.Netns.Errno != 0 {
		return nil
	}
	l.fate = hidden
	if show {
		l.fate, l.created = shown, brief(c)
		for _, j := range l.heldJoins {
			j.Created = l.created
			b.joins = append(b.joins, j)
		}
	}
	l.heldJoins = nil
	var ready []finding.Ended
	held := l.held
	l.held = nil
	for _, e := range held {
		if told := b.tell(serial, e); told != nil && show {
			ready = append(ready, *told)
		}
	}
	return ready
}

// brief is what is kept of a creation for as long as the namespace is there.
func brief(c *finding.Attribution) *finding.Attribution {
	return &finding.Attribution{
		Creation: &lineage.Creation{
			BootNS: c.BootNS, Netns: c.Netns, Process: c.Process, Child: c.Child,
			Ancestry: slices.Clone(c.Ancestry[:min(1, len(c.Ancestry))]),
		},
		Placement: c.Placement,
	}
}

// Counts returns the figures as of now.
func (b *Book) Counts() finding.Counts {
	c := finding.Counts{Known: b.sees, Forgotten: b.forgotten, Untold: b.untold, DroppedJoins: b.droppedJoins}
	for _, l := range b.lives {
		c.Untold += l.untold()
	}
	if !b.sees {
		return c
	}
	for _, l := range b.lives {
		switch {
		case l.fate != shown:
		case l.release != nil && b.frees:
			c.Releasing++
		case l.release != nil:
		default:
			c.Alive++
		}
	}
	return c
}
