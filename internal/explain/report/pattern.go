package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/bounded"
)

const (
	// maxAlike is how many causes that differ in their arguments alone are followed
	// apart. Beyond it those that are the least frequent become one, with a pattern.
	maxAlike = 32
	// fewAlike is how many of them a report shows apart.
	fewAlike = 8
	// ownPart is which part of them a cause must have to stay apart: a 8th.
	ownPart = 8
)

// Pattern is what texts have in common: how they begin and end.
type Pattern struct {
	// Prefix and Suffix are what all begin and end with. If Varies is not set all are
	// Prefix.
	Prefix, Suffix string
	Varies         bool
	// Some is set if there was a text at all.
	Some bool
}

// String has "*" for what varies.
func (p *Pattern) String() string {
	if !p.Varies {
		return p.Prefix
	}
	return p.Prefix + "*" + p.Suffix
}

func (p *Pattern) add(text string) {
	switch {
	case !p.Some:
		p.Some, p.Prefix = true, text
	case !p.Varies && p.Prefix == text:
	case !p.Varies:
		p.Prefix, p.Suffix, p.Varies = alike(p.Prefix, text, p.Prefix, text)
	default:
		p.Prefix, p.Suffix, p.Varies = alike(p.Prefix, text, p.Suffix, text)
	}
}

func (p *Pattern) merge(other *Pattern) {
	switch {
	case !other.Some:
	case !other.Varies:
		p.add(other.Prefix)
	case !p.Some:
		*p = *other
	default:
		end := p.Suffix
		if !p.Varies {
			end = p.Prefix
		}
		p.Prefix, p.Suffix, p.Varies = alike(p.Prefix, other.Prefix, end, other.Suffix)
	}
}

// separators part the words of a name.
const separators = "-_./:=,@+ "

// alike is how two texts begin and end alike, by whole words.
func alike(a, b, endA, endB string) (prefix, suffix string, varies bool) {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	prefix = strings.TrimRight(a[:n], "0123456789")
	if i := strings.LastIndexAny(prefix, separators); i >= 0 {
		prefix = prefix[:i+1]
	}
	n = 0
	for n < len(endA) && n < len(endB) && endA[len(endA)-1-n] == endB[len(endB)-1-n] {
		n++
	}
	suffix = endA[len(endA)-n:]
	if i := strings.IndexAny(suffix, separators); i >= 0 {
		suffix = suffix[i:]
	} else {
		suffix = ""
	}
	// a text is not its own beginning and end at once
	if shortest := min(len(a), len(b), len(endA), len(endB)); len(prefix)+len(suffix) > shortest {
		suffix = ""
	}
	return prefix, suffix, true
}

// family are the causes that differ in the arguments of their command alone.
type family struct {
	members []*group
	merged  *group
}

// count is how many creations they have.
func (f *family) count() uint64 {
	var n uint64
	for _, g := range f.members {
		n += g.Count
	}
	if f.merged != nil {
		n += f.merged.Count
	}
	return n
}

// joinFamily adds a new cause to those that are like it, and merges some of those if they
// are many.
func (c *Collector) joinFamily(g *group) {
	if len(g.Command) < 2 {
		return
	}
	f := c.families[g.shape]
	if f == nil {
		f = &family{}
		c.families[g.shape] = f
	}
	if len(f.members) >= maxAlike {
		slices.SortStableFunc(f.members, func(a, b *group) int { return cmp.Compare(b.Count, a.Count) })
		rare := slices.Clone(f.members[maxAlike/2:])
		for _, m := range rare {
			c.absorb(f, m)
		}
	}
	f.members = append(f.members, g)
}

// manyAlike is how many command lines make it certain that an argument varies.
const manyAlike = 256

// variant is the cause that stands for all that are like a command, if they are so many
// that another one needs no cause of its own. It is nil otherwise.
func (c *Collector) variant(shape digest, argv []string) *group {
	f := c.families[shape]
	if f == nil || f.merged == nil || len(f.merged.different.least) < manyAlike {
		return nil
	}
	m := f.merged
	for i := range m.arguments {
		m.arguments[i].add(argv[i])
	}
	m.variants.add(argv)
	m.different.add(hash(argv...))
	return m
}

// leaveFamily takes a cause out that is dropped or was merged.
func (c *Collector) leaveFamily(g *group) {
	f := c.families[g.shape]
	if f == nil {
		return
	}
	if f.merged == g {
		f.merged = nil
	}
	f.members = slices.DeleteFunc(f.members, func(m *group) bool { return m == g })
	if len(f.members) == 0 && f.merged == nil {
		delete(c.families, g.shape)
	}
}

// mergedKey is the key of the cause that stands for all of a shape.
func mergedKey(shape digest) digest { return digestOf([]string{"merged", string(shape[:])}) }

// absorb makes a cause a part of the one that stands for all that are like it.
func (c *Collector) absorb(f *family, g *group) {
	if f.merged == nil {
		m := newGroup(g.head())
		m.key, m.like, m.shape, m.order, m.owner = mergedKey(g.shape), g.like, g.shape, g.order, g.owner
		m.Merged = true
		m.arguments = make([]Pattern, len(g.Command))
		f.merged = m
		c.similar[m.like]++
		c.groups.Put(m.key, m, m.owner, m.size())
		if m.dropped {
			return // there is no room at all
		}
	}
	m := f.merged
	c.groups.Delete(g.key)
	c.unlike(g)
	c.leaveFamily(g)
	c.livesSize -= g.lives.size()
	c.merged(m, func() { m.take(g) })
	if c.groups.Bytes() > causeBudget/c.share/2 {
		m.compact()
	}
	c.groups.Resize(m.key, m.size())
}

// head is what names a cause, without all that it did.
func (c *Cause) head() Cause {
	return Cause{
		Trigger: c.Trigger, Origin: c.Origin, Command: c.Command, CommandTruncated: c.CommandTruncated, Comm: c.Comm, UID: c.UID, HasUID: c.HasUID,
		Why: c.Why, Guest: c.Guest, Creator: c.Creator, Settings: c.Settings, Activated: c.Activated, Whom: c.Whom, Grouped: c.Grouped,
	}
}

// rename gives a cause the name of another one, and leaves what it did.
func (c *Cause) rename(to *Cause) {
	c.Trigger, c.Origin, c.Guest, c.Why = to.Trigger, to.Origin, to.Guest, to.Why
	c.Command, c.CommandTruncated, c.Comm, c.UID, c.HasUID = to.Command, to.CommandTruncated, to.Comm, to.UID, to.HasUID
	c.Creator, c.Settings, c.Activated, c.Whom, c.Grouped = to.Creator, to.Settings, to.Activated, to.Whom, to.Grouped
}

// condense merges, for a report, the causes that are like many others.
func (c *Collector) condense() {
	for _, f := range c.sortedFamilies() {
		if f.merged == nil && len(f.members) <= fewAlike {
			continue
		}
		all := f.count()
		rare := slices.DeleteFunc(slices.Clone(f.members), func(g *group) bool { return g.Count*ownPart > all })
		for _, g := range rare {
			c.absorb(f, g)
		}
	}
}

// sortedFamilies are the families in the order in which their causes were found.
func (c *Collector) sortedFamilies() []*family {
	list := make([]*family, 0, len(c.families))
	for _, f := range c.families {
		list = append(list, f)
	}
	first := func(f *family) uint64 {
		if f.merged != nil {
			return f.merged.order
		}
		return f.members[0].order
	}
	slices.SortFunc(list, func(a, b *family) int { return cmp.Compare(first(a), first(b)) })
	return list
}

// unlike takes a cause out of the counts of those that are alike.
func (c *Collector) unlike(g *group) {
	if c.similar[g.like]--; c.similar[g.like] == 0 {
		delete(c.similar, g.like)
	}
}

// merged has a cause become larger by what another one has.
func (c *Collector) merged(to *group, merge func()) {
	before := to.lives.size()
	merge()
	c.livesSize += to.lives.size() - before
	c.trimLives()
}

// fold adds all that is known of another cause to this one. Lives that refer to the
// other are led here.
func (g *group) fold(other *group) {
	if g.Count == 0 || other.First < g.First {
		g.First = other.First
	}
	g.Count += other.Count
	g.before += other.before
	g.Last = max(g.Last, other.Last)
	g.Failed += other.Failed
	for n, count := range other.Errors {
		if _, known := g.Errors[n]; known || len(g.Errors) < maxErrors {
			g.Errors[n] += count
		}
	}
	for e, count := range other.Evidence {
		g.Evidence[e] += count
	}
	if g.Example == nil || other.example > g.example {
		g.Example, g.example, g.exampleSize = other.Example, other.example, other.exampleSize
	}
	if g.Restarted == nil {
		g.Restarted = other.Restarted
	}
	if n := other.Attempt; n != nil && (g.Attempt == nil || *n > *g.Attempt) {
		g.Attempt = n
	}
	g.alive(other.Alive, other.OldestAlive)
	g.Visits += other.Visits
	g.Unreported += other.Unreported
	g.moments.merge(&other.moments)
	g.life.merge(&other.life)
	g.lives.merge(&other.lives)
	g.teardown.merge(&other.teardown)
	for what, s := range other.spent {
		g.spending(what).merge(s)
	}
	g.costing.merge(&other.costing)
	for _, t := range []struct{ to, from *tallying }{
		{&g.runBy, &other.runBy},
		{&g.beneficiaries, &other.beneficiaries},
		{&g.containers, &other.containers},
		{&g.occupants, &other.occupants},
		{&g.variants, &other.variants},
		{&g.hosts, &other.hosts},
	} {
		t.to.merge(t.from)
	}
	g.pods.merge(&other.pods)
	g.different.merge(&other.different)
	if other.watched != nil {
		if g.watched == nil {
			g.watched = &watched{}
		}
		g.watched.merge(other.watched)
	}
	other.place.leave(g.place)
	*other = group{}
}

// patternSize is what the patterns of a cause take.
func (g *group) patternSize() uint64 {
	size := g.variants.size + g.hosts.size + g.different.size() + g.pods.size()
	for i := range g.arguments {
		size += bounded.Text([]string{g.arguments[i].Prefix, g.arguments[i].Suffix})
	}
	return size
}
