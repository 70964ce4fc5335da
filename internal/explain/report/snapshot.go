package report

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Rest is what a snapshot leaves out: the causes that are the least frequent.
type Rest struct {
	Causes    int
	Creations uint64
}

// Regroups are what the causes of a running collector can be grouped by afterwards: what
// all creations of one cause have in common.
var Regroups = []By{ByCause, ByWorkload, ByUnit, ByOrigin, ByCommand}

// Snapshot returns what the stream so far tells, and leaves the collector as it is: the
// stream may go on. Nothing of the report changes when it does. At most limit causes are
// in it. If by is one of Regroups, causes are grouped by it.
//
// All causes are gone through, and those that are shown are described anew.
func (c *Collector) Snapshot(by By, limit int) *Report {
	r := c.report
	r.Gaps = r.Gaps.clone()
	r.PernetInits = slices.Clone(r.PernetInits)
	r.Running = !r.Whole
	c.clip(&r)
	r.Observed = r.Until - min(r.From, r.Until)
	if !r.Whole {
		r.Seen = c.created
	}
	r.Endings = c.endingsSeen()
	groups := c.apart()
	r.By = c.by
	if by != c.by && c.by == ByCause {
		r.By = by
		groups = regroup(by, groups)
	}
	similar := make(map[digest]int)
	for _, g := range groups {
		similar[g.like]++
		r.Uncertain = max(r.Uncertain, g.before)
	}
	for _, floor := range c.floors {
		r.Uncertain = max(r.Uncertain, floor)
	}
	for i, g := range groups {
		if i >= limit {
			r.Rest.Causes++
			r.Rest.Creations += g.Count
			continue
		}
		g.moments = g.moments.clone()
		r.Causes = append(r.Causes, finish(g, &r, similar[g.like]-1))
		r.Causes[i].Number = i + 1
	}
	r.Costs = c.costing.costs()
	r.Suspects = c.judge(&r)
	return &r
}

func (g *Gaps) clone() Gaps {
	out := *g
	out.Lost, out.Dead, out.Damage = maps.Clone(g.Lost), slices.Clone(g.Dead), slices.Clone(g.Damage)
	return out
}

// open is how many namespaces of a cause exist.
type open struct{ alive, oldest, unreported uint64 }

// open counts the namespaces that exist by their cause.
func (c *Collector) open() map[*group]open {
	of := make(map[*group]open)
	count := func(_ uint64, l *life) {
		g := l.group()
		if g == nil {
			return
		}
		o := of[g]
		o.unreported += l.unreported()
		if l.released == 0 && !l.freed {
			if o.alive == 0 || l.created < o.oldest {
				o.oldest = l.created
			}
			o.alive++
		}
		of[g] = o
	}
	c.alive.All(count)
	c.gone.All(count)
	return of
}

// apart returns the causes as a report has them, the most frequent first, in place of
// those that still grow. What they have in common with these is only read.
func (c *Collector) apart() []*group {
	of := c.open()
	copies := make(map[*group]*group)
	c.groups.All(func(_ digest, g *group) {
		o := of[g]
		twin := g.shallow()
		twin.Unreported += o.unreported
		twin.alive(o.alive, o.oldest)
		copies[g] = twin
	})
	c.stillOpenIn(copies)
	c.rejoin(copies)
	var list []*group
	for _, f := range c.sortedFamilies() {
		list = append(list, f.condensed(copies)...)
	}
	for _, g := range copies {
		list = append(list, g)
	}
	return byCount(list)
}

// shallow is a cause that shares with this one only what finish and fold just read.
func (g *group) shallow() *group {
	twin := *g
	twin.place = &place{group: &twin}
	twin.Errors, twin.Evidence = maps.Clone(g.Errors), maps.Clone(g.Evidence)
	return &twin
}

func (r *recurring) clone() recurring {
	out := *r
	out.unordered = slices.Clone(r.unordered)
	out.single, out.between = r.single.clone(), r.between.clone()
	return out
}

func (s *series) clone() series {
	out := *s
	out.values = slices.Clone(s.values)
	if s.sketch != nil {
		out.sketch = s.sketch.Copy()
	}
	return out
}

// condensed takes the copies of a family's causes, and returns one for those that a report
// merges.
func (f *family) condensed(copies map[*group]*group) []*group {
	if f.merged == nil && len(f.members) <= fewAlike {
		return nil
	}
	var rare []*group
	all := f.count()
	for _, g := range f.members {
		if g.Count*ownPart <= all {
			rare = append(rare, copies[g])
			delete(copies, g)
		}
	}
	if f.merged == nil && len(rare) == 0 {
		return nil
	}
	like := f.merged
	if like == nil {
		like = rare[0]
	}
	m := newGroup(like.head())
	m.key, m.like, m.shape, m.order, m.owner = mergedKey(like.shape), like.like, like.shape, like.order, like.owner
	m.Merged, m.arguments = true, make([]Pattern, len(like.Command))
	if f.merged != nil {
		for i := range m.arguments {
			m.arguments[i].merge(&f.merged.arguments[i])
		}
		m.fold(copies[f.merged])
		delete(copies, f.merged)
	}
	for _, g := range rare {
		m.take(g)
	}
	return []*group{m}
}

// take makes another cause a part of this one, which stands for all that are like it.
func (g *group) take(other *group) {
	for i := range g.arguments {
		g.arguments[i].add(other.Command[i])
	}
	g.variants.addTimes(other.Command, other.Count)
	g.different.add(hash(other.Command...))
	g.fold(other)
}

// regroup groups causes by what all creations of each have in common. They are used up.
func regroup(by By, causes []*group) []*group {
	found := make(map[digest]*group)
	var list []*group
	for _, g := range causes {
		key, head := by.ofCause(g)
		to := found[key]
		if to == nil {
			to = newGroup(head)
			to.key, to.like, to.order, to.owner = key, key, g.order, g.owner
			to.Merged = by == ByCommand && g.Merged
			found[key] = to
			list = append(list, to)
		}
		if to.Merged && to.Count == 0 {
			to.arguments = slices.Clone(g.arguments)
		}
		to.fold(g)
	}
	return byCount(list)
}

// ofCause is what the creations of a cause have in common, see identify.
func (by By) ofCause(g *group) (digest, Cause) {
	out := Cause{Trigger: g.Trigger, Grouped: Grouped{By: by}}
	to := &out.Grouped
	var own []string
	switch by {
	case ByOrigin:
		if g.Trigger != finding.TriggerUnknown {
			to.Unit = g.Origin
		}
	case ByUnit:
		to.Unit = g.Creator
	case ByWorkload:
		to.Namespace, to.Name = g.Whom.PodNamespace, g.Whom.Pod
		if to.Name != "" {
			to.Kind = "Pod"
		}
		if w := g.Whom.Workload; w != nil {
			to.Kind, to.Name = w.Kind, w.Name
		}
	case ByCommand:
		out.Command, out.CommandTruncated, out.Comm = g.Command, g.CommandTruncated, g.Comm
		out.UID, out.HasUID = g.UID, g.HasUID
		own = append(own, g.Comm, strconv.FormatUint(uint64(g.UID), 10), strconv.FormatBool(g.Trigger == finding.TriggerUnknown), string(g.shapeIfMerged()))
	}
	common := []string{string(by), to.Unit.text(), to.Namespace, to.Kind, to.Name}
	return digestOf(common, own, out.Command), out
}

// shapeIfMerged tells causes that stand for many from each other.
func (g *group) shapeIfMerged() []byte {
	if !g.Merged {
		return nil
	}
	return g.shape[:]
}

func byCount(list []*group) []*group {
	slices.SortFunc(list, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.First, b.First), cmp.Compare(a.order, b.order))
	})
	return list
}

// id stands for a cause as long as a collector runs.
func (d *digest) id() uint64 { return binary.LittleEndian.Uint64(d[:]) }
