package report

import (
	"slices"
	"strconv"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// maxAside bounds the creations that are kept apart because more may become known of whom
// they are for. The oldest are counted as they are.
const maxAside = 64

// aside are causes of one creation each, which are among the others but wait for a
// finding.NetnsFor: only then it is known which cause they belong to.
type aside struct {
	of    map[uint64]*group
	order []*group
}

// waiting is what a creation that was set aside would be counted to by now.
type waiting struct {
	*finding.Attribution
	key digest
}

// mayBecomeKnown reports whether a creation may turn out to be for somebody else.
func mayBecomeKnown(k *finding.Attribution) bool {
	return k.For != nil && (!hasBeneficiary(k.For) || k.For.Evidence == evidence.Inferred)
}

// setAside makes a creation a cause of its own, for a while.
func (c *Collector) setAside(k *finding.Attribution) *group {
	if len(c.aside.order) == maxAside {
		c.settle(c.aside.order[0])
	}
	cause, parts := c.identify(k)
	c.found++
	g := newGroup(cause)
	g.waiting = &waiting{k, parts.key()}
	g.key, g.like = asideKey(k.Netns.Serial), parts.like()
	g.shape = shapeOf(g.like, cause.Command)
	g.order, g.owner = c.found, share(k)
	g.before = c.floor(g.owner)
	c.makeRoom(g)
	c.groups.Put(g.key, g, g.owner, g.size())
	if !g.dropped {
		c.aside.of[k.Netns.Serial] = g
		c.aside.order = append(c.aside.order, g)
	}
	return g
}

func asideKey(serial uint64) digest {
	return digestOf([]string{"aside", strconv.FormatUint(serial, 10)})
}

// leave takes out a creation that no longer waits.
func (a *aside) leave(g *group) {
	delete(a.of, g.waiting.Netns.Serial)
	a.order = slices.DeleteFunc(a.order, func(other *group) bool { return other == g })
}

// settle counts a creation that was set aside to its cause.
func (c *Collector) settle(g *group) {
	c.aside.leave(g)
	c.groups.Delete(g.key)
	c.livesSize -= g.lives.size()
	g.key, g.waiting = g.waiting.key, nil
	c.adopt(g)
}

// settleAll does so for all: nothing more becomes known.
func (c *Collector) settleAll() {
	for len(c.aside.order) > 0 {
		c.settle(c.aside.order[0])
	}
}

// becameKnown takes in for whom a namespace was made whose creation was shown without
// that, or with a guess.
func (c *Collector) becameKnown(n *finding.NetnsFor) {
	if n.Created == nil {
		return
	}
	g := c.aside.of[n.Created.Netns.Serial]
	if g == nil {
		return
	}
	known := *g.waiting.Attribution
	known.For = n.For
	cause, parts := c.identify(&known)
	g.rename(&cause)
	g.waiting, g.like = &waiting{&known, parts.key()}, parts.like()
	g.shape = shapeOf(g.like, cause.Command)
	g.Example, g.exampleSize = &known, known.Size()
	g.beneficiaries, g.pods, g.Attempt = tallying{}, names{}, nil
	g.serves(&known)
	if g.watched != nil {
		g.watched.known(known.Netns.Serial, beneficiary(known.For))
	}
	if c.groups.Resize(g.key, g.size()); !g.dropped && !mayBecomeKnown(&known) {
		c.settle(g)
	}
}

// rejoin counts, in copies of causes, what was set aside to the causes that it belongs to
// by now.
func (c *Collector) rejoin(copies map[*group]*group) {
	found := make(map[digest]*group)
	for _, g := range c.aside.order {
		key := g.waiting.key
		to := found[key]
		if to == nil {
			to = newGroup(g.head())
			to.key, to.like, to.shape, to.order, to.owner = key, g.like, g.shape, g.order, g.owner
			found[key] = to
			at := g
			if known, ok := c.groups.Get(key); ok {
				at = known
				to.order, to.owner = known.order, known.owner
				to.fold(copies[known])
			}
			twin := copies[g]
			delete(copies, g)
			copies[at] = to
			to.fold(twin)
			continue
		}
		to.fold(copies[g])
		delete(copies, g)
	}
}
