package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"

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
	report   Report
	groups   *bounded.Store[digest, *group]
	found    uint64 // the number of causes so far
	similar  map[digest]int
	families map[digest]*family
	// floors bound how often a cause of an owner's may have come before it was counted.
	floors      map[event.Owner]uint64
	by          By
	window      finding.Window
	pernetInits map[digest]int // their places in the report
	// alive are the namespaces that exist, gone those that were released.
	alive, gone *bounded.Store[uint64, *life]
	// plugins are the CNI plugins that ran last.
	plugins *bounded.Store[event.ProcessID, bool]
	// forgotten counts the namespaces whose end is not followed, without room for them.
	forgotten uint64
	endings   *event.Coverage
	created   uint64
	begun     bool
	costing   costing
	// watches is set if what causes did lately is kept.
	watches bool
	// share is of how many collectors that share the budgets this is one.
	share uint64
	// pictured is set if lives are kept, livesSize is what they take.
	pictured  bool
	livesSize uint64
	aside     aside
	digests   digests
	suspects
}

// group is a cause in the making.
type group struct {
	Cause
	// key is that of the cause, like that of it without the arguments of its command,
	// shape that without their values.
	key, like, shape digest
	owner            event.Owner
	order            uint64 // its place among those found
	dropped          bool   // there was no room
	place            *place
	before           uint64 // bounds what came before it was counted
	moments          recurring
	life, teardown   series
	lives            Lives
	// runBy, beneficiaries, containers and occupants become the tallies of the cause.
	runBy, beneficiaries, containers, occupants, variants, hosts tallying
	// pods are for whom it was done; different and arguments are the command lines of
	// a merged cause.
	pods        names
	different   distinct
	arguments   []Pattern
	spent       map[string]*series
	costing     costing
	example     int // the strength of its evidence
	exampleSize uint64
	watched     *watched // nil unless the collector watches
	waiting     *waiting // nil unless it is one creation that was set aside
}

// place leads to a cause, and is all that is left of one that was merged or dropped: a
// life that refers to it must not keep what a cause takes.
type place struct {
	group *group // nil if there is none any more
	into  *place // that of the cause that it became a part of
}

// end is the place of the cause that this one has become a part of, or itself.
func (p *place) end() *place {
	for p.into != nil {
		p = p.into
	}
	return p
}

// leave has what led to a cause lead elsewhere, or nowhere if into is nil.
func (p *place) leave(into *place) { p.group, p.into = nil, into }

// life is a namespace between its creation and its end.
type life struct {
	owner             event.Owner
	created, released uint64
	// place leads to the cause, once that is known.
	place *place
	// teardown is how long it took to be freed, if freed.
	teardown uint64
	freed    bool
	// counted is set once its length was added to the cause's.
	counted bool
	// noticed counts who moved in by the notices of it, awaited those of them
	// whose fate is not known yet; joins counts all, as the kernel did.
	noticed, awaited, joins uint32
	// logID is the number in the line of older kernels, if logged.
	logID  int32
	logged bool
}

// NewCollector returns one that has seen nothing.
func NewCollector() *Collector { return newShare(1) }

// NewPart returns one that takes one of so many equal parts of what the budgets allow.
func NewPart(of uint64) *Collector { return newShare(of) }

// newShare returns one of so many that share what the budgets allow.
func newShare(of uint64) *Collector {
	c := &Collector{
		share:       of,
		report:      Report{Gaps: Gaps{Lost: make(map[event.LossKind]uint64)}},
		groups:      bounded.NewStore[digest, *group](causeBudget / of).Hashing(digest.hash),
		similar:     make(map[digest]int),
		families:    make(map[digest]*family),
		floors:      make(map[event.Owner]uint64),
		pernetInits: make(map[digest]int),
		aside:       aside{of: make(map[uint64]*group)},
		alive:       bounded.NewStore[uint64, *life](aliveBudget / of),
		gone:        bounded.NewStore[uint64, *life](goneBudget / of),
		plugins:     bounded.NewStore[event.ProcessID, bool](pluginBudget / of),
		suspects:    newSuspects(unitBudget / of),
	}
	c.groups.Drop = func(_ digest, g *group) { c.ungroup(g) }
	c.alive.Drop = func(uint64, *life) { c.forgotten++ }
	return c
}

// ungroup takes back a cause for which there is no room any more.
func (c *Collector) ungroup(g *group) {
	c.report.Ungrouped += g.Count
	if g.waiting != nil {
		c.aside.leave(g)
	} else {
		c.unlike(g)
		c.leaveFamily(g)
	}
	c.raise(g.owner, g.before+g.Count)
	c.livesSize -= g.lives.size()
	g.place.leave(nil)
	*g = group{dropped: true}
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
	// a damaged beginning has no time
	if _, damaged := ev.Body.(*event.Damage); !c.begun && !(damaged && ev.BootNS == 0) {
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
	case *event.CNI:
		if b.Command != "" {
			c.plugins.Put(b.Process, true, event.Owner{}, pluginSize)
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
	if b.Probe == event.ProbeEngines {
		c.suspects.heardEngines = b.Live
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
	if !created.Selected || !c.inWindow(k.BootNS) {
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
	pressed := c.groups.Bytes() > causeBudget/c.share/2
	g := c.group(k, pressed)
	if g.dropped {
		r.Ungrouped++
		c.forget(k.Netns.Serial)
		return
	}
	g.add(k, pressed)
	if c.watches {
		g.watch(k)
	}
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
	l := c.life(k.Netns.Serial)
	c.tried(g, k, l)
	if l != nil {
		l.place = g.place
		c.countLife(k.Netns.Serial, l)
	}
}

// countLife counts a life that is over with its cause, once both are known.
func (c *Collector) countLife(serial uint64, l *life) {
	if l.place == nil {
		return
	}
	g := l.group()
	if g == nil {
		c.forget(serial)
		return
	}
	if l.released != 0 && !l.counted {
		l.counted = true
		lived := l.released - min(l.created, l.released)
		g.life.add(lived)
		if g.watched != nil {
			g.watched.ended(serial, lived)
		}
		c.live(g, Life{Created: l.created, Ended: l.released, LogID: l.logID, Logged: l.logged})
	}
	if l.freed && l.awaited == 0 {
		if l.teardown != 0 {
			g.teardown.add(l.teardown)
		}
		g.Unreported += l.unreported()
		c.forget(serial)
	} else if l.counted {
		// only its teardown and its joins are still to come: it goes first
		c.alive.Delete(serial)
		c.gone.Put(serial, l, l.owner, lifeSize)
	}
}

// group is the cause, nil if it is not known or there was no room for it.
func (l *life) group() *group {
	if l.place == nil {
		return nil
	}
	l.place = l.place.end()
	return l.place.group
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
	g := l.group()
	switch p := &j.Process; {
	case g == nil:
	case !j.Occupant() || c.isPlugin(p.ID):
		g.Visits++
	case p.Exec != nil:
		g.occupants.add(occupant(p.Exec, j))
	default:
		g.occupants.add(occupant(p, j))
	}
	if g != nil {
		c.groups.Resize(g.key, g.size())
	}
	c.countLife(j.Netns.Serial, l)
}

// isPlugin reports whether a process is a CNI plugin: it sets the namespace up and
// leaves, however long that takes.
func (c *Collector) isPlugin(id event.ProcessID) bool {
	_, is := c.plugins.Get(id)
	return is
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
	if !pressed && mayBecomeKnown(k) {
		return c.setAside(k)
	}
	cause, parts := c.identify(k)
	key := c.digests.of(&parts)
	if g, known := c.groups.Get(key); known {
		return g
	}
	like := parts.like()
	if brief, isCut := lineage.Brief(cause.Command); pressed && isCut {
		cause.Command, cause.CommandTruncated = brief, true
	}
	shape := shapeOf(like, cause.Command)
	if m := c.variant(shape, cause.Command); m != nil {
		return m
	}
	c.found++
	g := newGroup(cause)
	g.key, g.like, g.shape, g.order, g.owner = key, like, shape, c.found, share(k)
	g.before = c.floor(g.owner)
	c.similar[like]++
	c.joinFamily(g)
	c.makeRoom(g)
	c.groups.Put(key, g, g.owner, g.size())
	return g
}

// identify says what the cause of a creation is, by what this collector groups them.
func (c *Collector) identify(k *finding.Attribution) (cause Cause, of parts) {
	cause, of = identify(k)
	if c.by != ByCause {
		return c.by.identify(k, &cause)
	}
	return cause, of
}

func newGroup(cause Cause) *group {
	cause.Errors, cause.Evidence = make(map[uint32]uint64), make(map[evidence.Evidence]uint64)
	g := &group{Cause: cause, spent: make(map[string]*series), example: -1}
	g.place = &place{group: g}
	return g
}

// maxFloors bounds the owners whose floors are kept apart.
const maxFloors = 1 << 10

// raise notes that a cause of an owner's was dropped that may have come so often.
func (c *Collector) raise(owner event.Owner, count uint64) {
	if _, known := c.floors[owner]; !known && len(c.floors) >= maxFloors {
		owner = event.Owner{}
	}
	c.floors[owner] = max(c.floors[owner], count)
}

// floor bounds how often a cause of an owner's that seems new may have come before.
func (c *Collector) floor(owner event.Owner) uint64 {
	return max(c.floors[owner], c.floors[event.Owner{}])
}

// makeRoom drops those causes that are the least frequent, if a new one finds no room:
// a quarter of those of the owner who has the most. What comes often stays ("Space-Saving",
// see tallying), and a cause that comes anew may have come as often as the dropped ones.
func (c *Collector) makeRoom(g *group) {
	if c.groups.Bytes()+g.size() < causeBudget/c.share*7/8 {
		return
	}
	bytes, of := make(map[event.Owner]uint64), make(map[event.Owner][]*group)
	c.groups.All(func(_ digest, g *group) {
		bytes[g.owner] += g.size()
		of[g.owner] = append(of[g.owner], g)
	})
	var most event.Owner
	for owner, n := range bytes {
		if n > bytes[most] || n == bytes[most] && owner.Compare(most) < 0 {
			most = owner
		}
	}
	list := of[most]
	if len(list) < minDropped {
		return // a few large ones: the store drops what it must
	}
	slices.SortFunc(list, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.Count+a.before, b.Count+b.before), cmp.Compare(a.order, b.order))
	})
	for _, rare := range list[:len(list)/4] {
		c.groups.Delete(rare.key)
		c.ungroup(rare)
	}
}

// digest stands for what makes a cause, which can be of any length.
type digest [sha256.Size]byte

func (d digest) hash() uint64 {
	return bounded.Hash(binary.LittleEndian.Uint64(d[:8]), binary.LittleEndian.Uint64(d[8:16]))
}

// digestOf is the digest of lists of texts. No two lists have the same.
func digestOf(lists ...[]string) digest {
	var room [maxDigested]byte
	return sha256.Sum256(appendLists(room[:0], lists))
}

// maxDigested is how long most lists of texts are at most, as bytes.
const maxDigested = 1 << 10

// appendLists appends lists of texts as bytes that no other lists have.
func appendLists(b []byte, lists [][]string) []byte {
	size := 0
	for _, list := range lists {
		size += 8
		for _, text := range list {
			size += 8 + len(text)
		}
	}
	b = slices.Grow(b, size)
	for _, list := range lists {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(list)))
		for _, text := range list {
			b = append(binary.LittleEndian.AppendUint64(b, uint64(len(text))), text...)
		}
	}
	return b
}

// digests are those of the latest causes. Most creations are of a few of them.
type digests struct {
	list [8]struct {
		text []byte
		of   digest
	}
	next int
}

// of is the digest of all parts of a cause.
func (d *digests) of(p *parts) digest {
	var room [maxDigested]byte
	text := appendLists(room[:0], p.lists)
	for i := range d.list {
		if known := &d.list[i]; bytes.Equal(known.text, text) {
			return known.of
		}
	}
	sum := digest(sha256.Sum256(text))
	if len(text) <= maxDigested {
		known := &d.list[d.next]
		known.text, known.of = append(known.text[:0], text...), sum
		d.next = (d.next + 1) % len(d.list)
	}
	return sum
}

// parts are the lists of texts that make a cause. One of them is its command line.
type parts struct {
	lists   [][]string
	command int
}

// key is the digest of all.
func (p *parts) key() digest { return digestOf(p.lists...) }

// like is the digest of all but the arguments of the command.
func (p *parts) like() digest {
	lists, command := slices.Clone(p.lists), p.lists[p.command]
	lists[p.command] = command[:min(1, len(command))]
	return digestOf(lists...)
}

// maxWays is about how many texts say on which way a cause makes namespaces.
const maxWays = 24

// identify reads out of an attribution what makes its root cause: where it began and
// with which command, in which unit the namespace was made, by which setting
// and on which way.
func identify(k *finding.Attribution) (cause Cause, of parts) {
	o := &k.Origin
	cause = Cause{
		Trigger: o.Trigger, Origin: unitRef(&o.Placement), Creator: unitRef(&k.Placement), Settings: decisive(k),
		Guest: guestName(&o.Placement), Whom: whom(k),
	}
	p, ancestry, place := o.Process, o.Ancestry, &o.Placement
	var own []string
	switch {
	case o.Trigger == finding.TriggerUnknown:
		cause.Why = o.Why.Renamed(k.Placement.Unit, cause.Creator.Unit)
		cause.Why.Container = "" // one cause may make many
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
		cause.Command = ownID(cause.Command, k.For)
		cause.UID, cause.HasUID = p.UID, !p.Unresolved
		if len(p.Argv) == 0 || p.ArgvInherited {
			cause.Comm = p.Comm
		}
		if o.Trigger == finding.TriggerUnknown && k.For != nil {
			// a runtime's machinery: its arguments are this container's alone
			cause.Command, cause.CommandTruncated, cause.Comm = machinery(p), false, ""
		}
		own = append(own, cause.Comm, strconv.FormatUint(uint64(p.UID), 10))
	}
	why := &cause.Why
	room := make([]string, 0, maxWays+2)
	places := append(room, cause.Origin.text(), cause.Creator.text())
	ways := append(places[len(places):], string(cause.Trigger), string(why.Code), why.Unit, why.BusName, why.Text, runtimeOf(place), runtimeOf(&k.Placement))
	ways = append(ways, cause.Guest, guestOf(o), guestName(&k.Placement))
	to := cause.Whom.key()
	ways = append(ways, to[:]...)
	for i := range k.Links {
		l := &k.Links[i]
		if l.Kind != finding.KindBecause {
			continue
		}
		activation, _ := l.Activation()
		if cause.Activated == "" {
			cause.Activated = activation.BusName
		}
		ways = append(ways, activation.BusName, linkRef(l, &k.Placement).text())
	}
	for _, s := range cause.Settings {
		ways = append(ways, s.Name, s.Value, s.File, strconv.FormatUint(uint64(s.Line), 10))
	}
	return cause, parts{lists: [][]string{cause.Command, own, ways, places}}
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
	g.serves(k)
	for _, place := range []*cgroup.Placement{&k.Origin.Placement, &k.Placement} {
		if place.Container != nil {
			g.containers.add([]string{place.Container.ContainerName()})
			break
		}
	}
}

// serves counts for whom a namespace was made.
func (g *group) serves(k *finding.Attribution) {
	if to := beneficiary(k.For); to != nil {
		g.beneficiaries.add(to)
		if to[0] == podKind {
			g.pods.add(to[1])
		}
	}
	if k.For != nil && k.For.Pod != nil {
		if n := k.For.Pod.Attempt; n != nil && (g.Attempt == nil || *n > *g.Attempt) {
			g.Attempt = n
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

func (g *group) spend(what string, ns uint64) { g.spending(what).add(ns) }

// spending is the series of a part of the creations. If there are too many it is one that
// nobody keeps.
func (g *group) spending(what string) *series {
	s := g.spent[what]
	if s == nil {
		s = &series{}
		if len(g.spent) < maxSpent {
			g.spent[what] = s
		}
	}
	return s
}

// Report returns what the stream so far tells.
func (c *Collector) Report() *Report {
	c.settleAll()
	c.condense()
	c.stillOpen()
	r := c.report
	c.clip(&r)
	r.Observed = r.Until - min(r.From, r.Until)
	if !r.Whole {
		r.Seen = c.created
	}
	r.Endings = c.endingsSeen()
	c.alive.All(countAlive)
	c.gone.All(countAlive)
	c.conclude(&r)
	r.Suspects = c.judge(&r)
	return &r
}

// conclude adds the causes.
func (c *Collector) conclude(r *Report) {
	r.By = c.by
	for i, g := range c.sorted() {
		r.Causes = append(r.Causes, finish(g, r, c.similar[g.like]-1))
		r.Causes[i].Number = i + 1
		r.Uncertain = max(r.Uncertain, g.before)
	}
	for _, floor := range c.floors {
		r.Uncertain = max(r.Uncertain, floor)
	}
	r.Costs = c.costing.costs()
}

// countAlive counts what is said of a namespace at the end.
func countAlive(_ uint64, l *life) {
	g := l.group()
	if g == nil {
		return
	}
	g.Unreported += l.unreported()
	if l.released != 0 || l.freed {
		return
	}
	if g.Alive == 0 || l.created < g.OldestAlive {
		g.OldestAlive = l.created
	}
	g.Alive++
}

// sorted returns the causes, the most frequent first.
func (c *Collector) sorted() []*group {
	var list []*group
	c.groups.All(func(_ digest, g *group) { list = append(list, g) })
	return byCount(list)
}

// finish describes a cause to which there are so many similar ones.
func finish(g *group, r *Report, similar int) Cause {
	out := g.Cause
	out.ID, out.Similar = g.key.id(), similar
	out.RunBy, out.Containers, out.Occupants = g.runBy.tally(), g.containers.tally(), g.occupants.tally()
	out.For, out.Pods = g.beneficiaries.tally(), g.pods.names()
	out.Before, out.Hosts = g.before, g.hosts.tally()
	if out.Merged {
		out.Variants, out.Different = g.variants.tally(), g.different.count()
		out.Command = nil
		for i := range g.arguments {
			out.Command = append(out.Command, g.arguments[i].String())
		}
	}
	out.Recurrence = g.moments.recurrence()
	if g.lives.n > 0 {
		out.Lives, out.Intervals = &g.lives, g.moments.intervals().histogram()
	}
	out.Life, out.Teardown = g.life.quantiles(), g.teardown.quantiles()
	if !r.Endings.Seen {
		out.Alive, out.OldestAlive = 0, 0
	}
	for _, what := range spentOrder(g.spent) {
		s := g.spent[what]
		out.Spent = append(out.Spent, Spent{What: what, Sum: s.sum, Quantiles: s.quantiles()})
	}
	out.Costs = g.costing.costs()
	out.Retried = retried(&out, r)
	if g.watched != nil {
		out.Recent = g.watched.recent(r.Until)
	}
	if out.Grouped.By == ByCause {
		out.Remedies = remedies(&out, r)
	}
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
