package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// maxDamage bounds the damages that are kept one by one.
const maxDamage = 16

// Collector makes a Report of the findings of a run.
type Collector struct {
	report      Report
	groups      *bounded.Store[digest, *group]
	found       uint64 // the number of causes so far
	similar     map[digest]int
	pernetInits map[digest]int // their places in the report
	// alive are the namespaces that exist, gone those that were released.
	alive, gone *bounded.Store[uint64, *life]
	// forgotten counts the namespaces whose end is not followed, without room for them.
	forgotten uint64
	endings   *event.Coverage
	created   uint64
	begun     bool
	costing   costing
	suspects
}

// group is a cause in the making.
type group struct {
	Cause
	key, like      digest
	order          uint64 // its place among those found
	dropped        bool   // there was no room
	moments        recurring
	life, teardown series
	// runBy, containers and occupants become the tallies of the cause.
	runBy, containers, occupants tallying
	spent                        map[string]*series
	costing                      costing
	example                      int // the strength of its evidence
	exampleSize                  uint64
}

// life is a namespace between its creation and its end.
type life struct {
	owner             event.Owner
	created, released uint64
	// group is the cause, once that is known.
	group *group
	// teardown is how long it took to be freed, if freed.
	teardown uint64
	freed    bool
	// counted is set once its length was added to the cause's.
	counted bool
	// noticed counts who moved in by the notices of it, awaited those of them
	// whose fate is not known yet; joins counts all, as the kernel did.
	noticed, awaited, joins uint32
}

// NewCollector returns one that has seen nothing.
func NewCollector() *Collector {
	c := &Collector{
		report:      Report{Gaps: Gaps{Lost: make(map[event.LossKind]uint64)}},
		groups:      bounded.NewStore[digest, *group](causeBudget),
		similar:     make(map[digest]int),
		pernetInits: make(map[digest]int),
		alive:       bounded.NewStore[uint64, *life](aliveBudget),
		gone:        bounded.NewStore[uint64, *life](goneBudget),
		suspects:    newSuspects(),
	}
	c.groups.Drop = func(_ digest, g *group) { c.ungroup(g) }
	c.alive.Drop = func(uint64, *life) { c.forgotten++ }
	return c
}

// ungroup takes back a cause for which there is no room any more.
func (c *Collector) ungroup(g *group) {
	c.report.Ungrouped += g.Count
	if c.similar[g.like]--; c.similar[g.like] == 0 {
		delete(c.similar, g.like)
	}
	*g = group{dropped: true} // lives may still refer to it
}

// life finds a namespace, nil if it is not followed.
func (c *Collector) life(serial uint64) *life {
	if l, ok := c.alive.Get(serial); ok {
		return l
	}
	l, _ := c.gone.Get(serial)
	return l
}

// forget drops a namespace about which nothing more is to be said.
func (c *Collector) forget(serial uint64) {
	c.alive.Delete(serial)
	c.gone.Delete(serial)
}

// RankCosts has the report say what creations are made of.
func (c *Collector) RankCosts() { c.report.Costed = true }

// observe takes the next event of the stream.
func (c *Collector) observe(ev event.Event) {
	r := &c.report
	r.Until = max(r.Until, ev.BootNS)
	if !c.begun {
		c.begun, r.From = true, ev.BootNS
	}
	switch b := ev.Body.(type) {
	case *event.Host:
		if r.Host == nil {
			r.Host = b
		}
		r.ClockOffsetNS = b.ClockOffsetNS
	case *event.Clock:
		r.ClockOffsetNS = b.OffsetNS
	case *event.NetnsCreate:
		c.created++
		if b.Errno == 0 {
			owner := bounded.ShareOfUser(b.UID)
			c.alive.Put(b.Serial, &life{created: ev.BootNS, owner: owner}, owner, lifeSize)
		}
	case *event.NetnsRelease:
		if l := c.life(b.Serial); l != nil && l.released == 0 {
			l.released, l.joins = ev.BootNS, b.Joins
			c.countLife(b.Serial, l)
		}
	case *event.NetnsFree:
		if l := c.life(b.Serial); l != nil && !l.freed {
			l.freed, l.teardown = true, b.DurationNS
			c.countLife(b.Serial, l)
		}
	case *event.NetnsJoin:
		if l := c.life(b.Serial); l != nil {
			l.noticed++
			l.awaited++
		}
	case *event.NetnsJoinCount:
		if l := c.life(b.Serial); l != nil {
			l.joins = b.Joins
		}
	case *event.Loss:
		r.Gaps.Lost[b.Kind] += b.Count
	case *event.Coverage:
		c.coverage(b)
	case *event.Damage:
		c.damage(b)
	case *event.Active:
		c.active(b)
	case *event.End:
		r.Whole, r.Seen = true, b.Seen
	}
}

func (c *Collector) coverage(b *event.Coverage) {
	if b.Probe == event.ProbeRelease {
		c.endings = b
	}
	dead := &c.report.Gaps.Dead
	*dead = slices.DeleteFunc(*dead, func(old event.Coverage) bool { return old.Probe == b.Probe })
	if !b.Live {
		*dead = append(*dead, *b)
	}
}

func (c *Collector) damage(b *event.Damage) {
	g := &c.report.Gaps
	g.Damages++
	g.DamagedBlocks += b.Blocks
	g.DamagedBytes += b.Bytes
	if len(g.Damage) < maxDamage {
		g.Damage = append(g.Damage, *b)
	}
}

// add takes a creation with its causes. Those that were not selected only count
// against the suspects.
func (c *Collector) add(created *finding.Created) {
	k := created.Attribution
	c.involve(k)
	r := &c.report
	if !created.Selected {
		r.FilteredOut++
		c.forget(k.Netns.Serial)
		return
	}
	r.Selected++
	if k.Netns.Errno != 0 {
		r.Failed++
	}
	if k.Cut() {
		r.Gaps.Cut++
	}
	measured := r.Costed && k.Netns.Cost != nil && !k.Netns.EntryMissed
	if measured {
		c.costing.add(&k.Netns)
	}
	pressed := c.groups.Bytes() > causeBudget/2
	g := c.group(k, pressed)
	if g.dropped {
		r.Ungrouped++
		c.forget(k.Netns.Serial)
		return
	}
	g.add(k, pressed)
	if measured {
		g.costing.add(&k.Netns)
	}
	if pressed {
		g.compact()
	}
	c.groups.Resize(g.key, g.size())
	if g.dropped {
		c.forget(k.Netns.Serial)
		return
	}
	if l := c.life(k.Netns.Serial); l != nil {
		l.group = g
		c.countLife(k.Netns.Serial, l)
	}
}

// countLife counts a life that is over with its cause, once both are known.
func (c *Collector) countLife(serial uint64, l *life) {
	if l.group == nil {
		return
	}
	if l.group.dropped {
		c.forget(serial)
		return
	}
	if l.released != 0 && !l.counted {
		l.counted = true
		l.group.life.add(l.released - min(l.created, l.released))
	}
	if l.freed && l.awaited == 0 {
		if l.teardown != 0 {
			l.group.teardown.add(l.teardown)
		}
		l.group.Unreported += l.unreported()
		c.forget(serial)
	} else if l.counted {
		// only its teardown and its joins are still to come: it goes first
		c.alive.Delete(serial)
		c.gone.Put(serial, l, l.owner, lifeSize)
	}
}

// unreported is how many moved in without a notice.
func (l *life) unreported() uint64 { return uint64(l.joins - min(l.joins, l.noticed)) }

// joined takes a process that moved into a namespace whose creation was selected.
func (c *Collector) joined(j *finding.Joined) {
	l := c.life(j.Netns.Serial)
	if l == nil {
		return
	}
	l.awaited -= min(l.awaited, 1)
	switch p := &j.Process; {
	case l.group == nil || l.group.dropped:
	case !j.Occupant():
		l.group.Visits++
	case p.Exec != nil:
		l.group.occupants.add(occupant(p.Exec, j))
	default:
		l.group.occupants.add(occupant(p, j))
	}
	if g := l.group; g != nil && !g.dropped {
		c.groups.Resize(g.key, g.size())
	}
	c.countLife(j.Netns.Serial, l)
}

// occupant is the command line of a process that moved in, or its name where
// that tells more.
func occupant(p *lineage.Process, j *finding.Joined) []string {
	if len(p.Argv) == 0 || p.ArgvInherited {
		return []string{p.Comm}
	}
	return command(p, j.Ancestry, &j.Placement)
}

// group finds the cause that an attribution belongs to. If there is little room a new
// one is cut.
func (c *Collector) group(k *finding.Attribution, pressed bool) *group {
	cause, key, like := identify(k)
	if g, known := c.groups.Get(key); known {
		return g
	}
	if brief, isCut := lineage.Brief(cause.Command); pressed && isCut {
		cause.Command, cause.CommandTruncated = brief, true
	}
	c.found++
	g := &group{Cause: cause, key: key, like: like, order: c.found, spent: make(map[string]*series), example: -1}
	c.similar[like]++
	c.groups.Put(key, g, share(k), g.size())
	return g
}

// digest stands for what makes a cause, which can be of any length.
type digest [sha256.Size]byte

// digestOf is the digest of lists of texts. No two lists have the same.
func digestOf(lists ...[]string) (d digest) {
	h := sha256.New()
	var length [8]byte
	number := func(n int) {
		binary.LittleEndian.PutUint64(length[:], uint64(n))
		h.Write(length[:])
	}
	for _, list := range lists {
		number(len(list))
		for _, text := range list {
			number(len(text))
			_, _ = io.WriteString(h, text) // a hash never fails
		}
	}
	h.Sum(d[:0])
	return d
}

// identify reads out of an attribution what makes its root cause: where it began and
// with which command, in which unit the namespace was made, by which setting
// and on which way. like is the same without the command's arguments.
func identify(k *finding.Attribution) (cause Cause, key, like digest) {
	o := &k.Origin
	cause = Cause{
		Trigger: o.Trigger, Origin: unitRef(&o.Placement), Creator: unitRef(&k.Placement), Settings: decisive(k),
		Errors: make(map[uint32]uint64), Evidence: make(map[evidence.Evidence]uint64),
	}
	p, ancestry, place := o.Process, o.Ancestry, &o.Placement
	var own []string
	switch {
	case o.Trigger == finding.TriggerUnknown:
		cause.Why = o.Why.Renamed(k.Placement.Unit, cause.Creator.Unit)
		// what is known is who created it, and what that became
		p, ancestry, place = &k.Process, k.Ancestry, &k.Placement
		if p.Exec != nil {
			p = p.Exec
		}
	case o.Trigger != finding.TriggerCommand:
		p = nil // a socket's peer is somebody else each time
	}
	if p != nil {
		cause.Command, cause.CommandTruncated = command(p, ancestry, place), p.ArgvTruncated
		cause.UID, cause.HasUID = p.UID, !p.Unresolved
		if len(p.Argv) == 0 || p.ArgvInherited {
			cause.Comm = p.Comm
		}
		own = append(own, cause.Comm, fmt.Sprint(p.UID))
	}
	why := &cause.Why
	ways := []string{string(cause.Trigger), string(why.Code), why.Unit, why.BusName, why.Text, runtimeOf(place), runtimeOf(&k.Placement)}
	for i := range k.Links {
		l := &k.Links[i]
		if l.Kind != finding.KindBecause {
			continue
		}
		activation, _ := l.Activation()
		if cause.Activated == "" {
			cause.Activated = activation.BusName
		}
		ways = append(ways, activation.BusName, fmt.Sprintf("%#v", linkRef(l, &k.Placement)))
	}
	for _, s := range cause.Settings {
		ways = append(ways, s.Name, s.Value, s.File, fmt.Sprint(s.Line))
	}
	places := []string{fmt.Sprintf("%#v", cause.Origin), fmt.Sprintf("%#v", cause.Creator)}
	program := cause.Command[:min(1, len(cause.Command))]
	return cause, digestOf(cause.Command, own, ways, places), digestOf(program, own, ways, places)
}

// decisive are the unit's settings that made the namespace. A unit may have such
// settings, and yet its program have made this one by itself.
func decisive(k *finding.Attribution) []event.UnitSetting {
	made := slices.ContainsFunc(k.Links, func(l finding.Link) bool {
		_, ok := l.Cause.(finding.Setting)
		return ok
	})
	if !made {
		return nil
	}
	return k.Settings
}

func runtimeOf(p *cgroup.Placement) string {
	if p.Container == nil {
		return ""
	}
	c := *p.Container
	c.ID = "" // one cause may make many
	if isID(c.Within) {
		c.Within = "*"
	}
	return c.ContainerName()
}

// actor is the process that a creation goes back to.
func actor(k *finding.Attribution) event.ProcessID {
	if k.Origin.Process != nil {
		return k.Origin.Process.ID
	}
	return k.Process.ID
}

func (g *group) add(k *finding.Attribution, pressed bool) {
	if g.Count == 0 {
		g.First = k.BootNS
	}
	g.Count++
	g.First, g.Last = min(g.First, k.BootNS), max(g.Last, k.BootNS)
	if k.Netns.Errno != 0 {
		g.Failed++
		if _, known := g.Errors[k.Netns.Errno]; known || len(g.Errors) < maxErrors {
			g.Errors[k.Netns.Errno]++
		}
	}
	g.Evidence[k.Origin.Evidence]++
	g.moments.add(moment{k.BootNS, actor(k)})
	if strength := k.Origin.Evidence.Strength(); g.Example == nil || strength > g.example {
		if pressed {
			k = k.Brief()
		}
		g.example, g.Example, g.exampleSize = strength, k, k.Size()
	}
	for i := range k.Links {
		if how := k.Links[i].Restart(); how != nil && (g.Restarted == nil || how.Ended != nil) {
			g.Restarted = how
		}
	}
	if !k.Netns.EntryMissed {
		g.spend(Whole, k.Netns.DurationNS)
	}
	for i := range k.Netns.Init {
		g.spend(k.Netns.Init[i].Subsystem, k.Netns.Init[i].DurationNS)
	}
	if p := parent(k); p != nil {
		g.runBy.add(p)
	}
	for _, place := range []*cgroup.Placement{&k.Origin.Placement, &k.Placement} {
		if place.Container != nil {
			g.containers.add([]string{place.Container.ContainerName()})
			break
		}
	}
}

// parent is the command line that the process at the origin was started from,
// nil where that tells nothing: the machine's first process.
func parent(k *finding.Attribution) []string {
	o := &k.Origin
	if o.Trigger != finding.TriggerCommand || o.Process == nil || len(o.Ancestry) == 0 || o.Ancestry[0].ID.PID == 1 {
		return nil
	}
	p := &o.Ancestry[0]
	if len(p.Argv) == 0 {
		return []string{p.Comm}
	}
	return command(p, o.Ancestry[1:], &o.Placement)
}

func (g *group) spend(what string, ns uint64) {
	s := g.spent[what]
	if s == nil && len(g.spent) == maxSpent {
		return
	}
	if s == nil {
		s = &series{}
		g.spent[what] = s
	}
	s.add(ns)
}

// Report returns what the stream so far tells.
func (c *Collector) Report() *Report {
	r := c.report
	if !r.Whole {
		r.Seen = c.created
	}
	r.Endings = c.endingsSeen()
	c.alive.All(countAlive)
	c.gone.All(countAlive)
	for _, g := range c.sorted() {
		r.Causes = append(r.Causes, c.finish(g, &r))
	}
	r.Costs = c.costing.costs()
	r.Suspects = c.judge(&r)
	return &r
}

// countAlive counts what is said of a namespace at the end.
func countAlive(_ uint64, l *life) {
	if l.group == nil || l.group.dropped {
		return
	}
	l.group.Unreported += l.unreported()
	if l.released != 0 || l.freed {
		return
	}
	if l.group.Alive == 0 || l.created < l.group.OldestAlive {
		l.group.OldestAlive = l.created
	}
	l.group.Alive++
}

// sorted returns the causes, the most frequent first.
func (c *Collector) sorted() []*group {
	var list []*group
	c.groups.All(func(_ digest, g *group) { list = append(list, g) })
	slices.SortFunc(list, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.First, b.First), cmp.Compare(a.order, b.order))
	})
	return list
}

func (c *Collector) finish(g *group, r *Report) Cause {
	out := g.Cause
	out.Similar = c.similar[g.like] - 1
	out.RunBy, out.Containers, out.Occupants = g.runBy.tally(), g.containers.tally(), g.occupants.tally()
	out.Recurrence = g.moments.recurrence()
	out.Life, out.Teardown = g.life.quantiles(), g.teardown.quantiles()
	if !r.Endings.Seen {
		out.Alive, out.OldestAlive = 0, 0
	}
	for _, what := range spentOrder(g.spent) {
		s := g.spent[what]
		out.Spent = append(out.Spent, Spent{What: what, Sum: s.sum, Quantiles: s.quantiles()})
	}
	out.Costs = g.costing.costs()
	out.Remedies = remedies(&out, r)
	return out
}

// spentOrder puts the whole before its parts.
func spentOrder(spent map[string]*series) []string {
	var names []string
	for name := range spent {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		whole := func(s string) int {
			if s == Whole {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(whole(a), whole(b)), cmp.Compare(a, b))
	})
	return names
}

func (c *Collector) endingsSeen() Endings {
	e := Endings{Lost: c.forgotten}
	switch {
	case c.endings == nil:
		e.Why = Reason{Code: EndsNotWatched}
	case !c.endings.Live:
		e.Why = Reason{Text: c.endings.Why}
	default:
		e.Seen = true
	}
	for kind, count := range c.report.Gaps.Lost {
		if kind.Hides(event.HiddenEnds) {
			e.Lost += count
		}
	}
	return e
}

// processes calls f for every process that an attribution names.
func processes(k *finding.Attribution, f func(*lineage.Process)) {
	each := func(list []lineage.Process) {
		for i := range list {
			f(&list[i])
		}
	}
	f(&k.Process)
	if k.Child != nil {
		f(k.Child)
	}
	each(k.Ancestry)
	if k.Origin.Process != nil {
		f(k.Origin.Process)
	}
	each(k.Origin.Ancestry)
	for i := range k.Links {
		if k.Links[i].Process != nil {
			f(k.Links[i].Process)
		}
		each(k.Links[i].Ancestry)
	}
}
