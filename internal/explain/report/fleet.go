package report

import (
	"cmp"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
)

// Fleet makes one report of several recordings, of one machine or of many.
type Fleet struct {
	all   *Collector
	hosts []Host
	spans map[string][]span
	parts int
}

// span is a time between two moments.
type span struct{ from, until uint64 }

// NewFleet returns a Fleet whose report is made as that of a Collector with the same
// settings.
func NewFleet(like *Collector) *Fleet {
	f := &Fleet{all: NewCollector(), spans: make(map[string][]span)}
	f.all.by = like.by
	f.all.pictured = like.pictured
	f.all.report.Costed = like.report.Costed
	f.all.report.Whole = true // until a part is not
	return f
}

// Add takes in what a collector has of one recording, whose file is of that name. The
// collector is used up.
func (f *Fleet) Add(c *Collector, file string) {
	r := c.Report()
	to := &f.all.report
	shift := uint64(r.ClockOffsetNS)
	id, name := machine(r.Host, file)
	host := f.host(id, name)
	f.parts++
	host.Recordings++
	from, until := r.From+shift, r.Until+shift
	if host.From == 0 || from < host.From {
		host.From = from
	}
	host.Until = max(host.Until, until)
	f.spans[id] = append(f.spans[id], span{from, until})
	host.Selected += r.Selected
	host.Failed += r.Failed
	host.FilteredOut += r.FilteredOut
	host.Ungrouped += r.Ungrouped
	host.Lost += r.Gaps.LostTotal()
	host.Complete = host.Complete && r.Complete()
	for i := range r.Causes {
		host.Alive += r.Causes[i].Alive
	}
	f.take(to, r)
	for _, g := range c.sorted() {
		g.shift(shift)
		g.hosts.addTimes([]string{cmp.Or(name, id)}, g.Count)
		f.all.adopt(g)
	}
	f.all.costing.merge(&c.costing)
}

// machine is what stands for a machine, with its name.
func machine(h *event.Host, file string) (id, name string) {
	if h == nil {
		return file, file
	}
	return cmp.Or(h.MachineID, h.Hostname, h.BootID, file), cmp.Or(h.Hostname, file)
}

func (f *Fleet) host(id, name string) *Host {
	i := slices.IndexFunc(f.hosts, func(h Host) bool { return h.ID == id })
	if i < 0 {
		i = len(f.hosts)
		f.hosts = append(f.hosts, Host{ID: id, Name: name, Complete: true})
	}
	return &f.hosts[i]
}

// take adds the figures of one recording.
func (f *Fleet) take(to, r *Report) {
	if f.parts == 1 {
		to.Host, to.Endings.Seen = r.Host, true
	}
	if to.Host != nil && (r.Host == nil || to.Host.MachineID != r.Host.MachineID) {
		to.Host = nil
	}
	to.Whole = to.Whole && r.Whole
	to.Seen += r.Seen
	to.Selected += r.Selected
	to.Failed += r.Failed
	to.FilteredOut += r.FilteredOut
	to.Ungrouped += r.Ungrouped
	to.Uncertain = max(to.Uncertain, r.Uncertain)
	if !r.Endings.Seen {
		to.Endings.Seen, to.Endings.Why = false, r.Endings.Why
	}
	to.Endings.Lost += r.Endings.Lost
	g := &to.Gaps
	for kind, n := range r.Gaps.Lost {
		g.Lost[kind] += n
	}
	for i := range r.Gaps.Dead {
		dead := r.Gaps.Dead[i]
		if !slices.ContainsFunc(g.Dead, func(d event.Coverage) bool { return d.Probe == dead.Probe && d.Why == dead.Why }) && len(g.Dead) < maxDead {
			g.Dead = append(g.Dead, dead)
		}
	}
	g.Damage = append(g.Damage, r.Gaps.Damage[:min(len(r.Gaps.Damage), maxDamage-len(g.Damage))]...)
	g.Damages += r.Gaps.Damages
	g.DamagedBlocks += r.Gaps.DamagedBlocks
	g.DamagedBytes += r.Gaps.DamagedBytes
	g.Cut += r.Gaps.Cut
	g.BusCut += r.Gaps.BusCut
	to.PernetInits = append(to.PernetInits, r.PernetInits[:min(len(r.PernetInits), maxPernetInits-len(to.PernetInits))]...)
	to.PernetInitsUngrouped += r.PernetInitsUngrouped
}

// maxDead bounds the probes of all recordings that were not live.
const maxDead = 64

// shift moves all times of a cause.
func (g *group) shift(by uint64) {
	g.First += by
	g.Last += by
	if g.Alive > 0 {
		g.OldestAlive += by
	}
	g.moments.shift(by)
	g.lives.shifted += by
}

// adopt takes in a cause of another collector.
func (c *Collector) adopt(g *group) {
	if g.Merged {
		c.adoptMerged(g)
		return
	}
	known, ok := c.groups.Get(g.key)
	if ok {
		c.merged(known, func() { known.fold(g) })
		c.groups.Resize(known.key, known.size())
		return
	}
	c.found++
	g.order = c.found
	c.similar[g.like]++
	c.joinFamily(g)
	c.makeRoom(g)
	c.groups.Put(g.key, g, g.owner, g.size())
	c.livesSize += g.lives.size()
	c.trimLives()
}

// adoptMerged takes in a cause that stands for many.
func (c *Collector) adoptMerged(g *group) {
	f := c.families[g.shape]
	if f == nil {
		f = &family{}
		c.families[g.shape] = f
	}
	if f.merged == nil {
		c.found++
		g.order = c.found
		f.merged = g
		c.similar[g.like]++
		c.groups.Put(g.key, g, g.owner, g.size())
		c.livesSize += g.lives.size()
		c.trimLives()
		return
	}
	for i := range f.merged.arguments {
		f.merged.arguments[i].merge(&g.arguments[i])
	}
	c.merged(f.merged, func() { f.merged.fold(g) })
	c.groups.Resize(f.merged.key, f.merged.size())
}

// alive adds namespaces that were alive at the end.
func (g *group) alive(n, oldest uint64) {
	if n == 0 {
		return
	}
	if g.Alive == 0 || oldest < g.OldestAlive {
		g.OldestAlive = oldest
	}
	g.Alive += n
}

// Report returns what all recordings tell.
func (f *Fleet) Report() *Report {
	to := &f.all.report
	var all []span
	for i := range f.hosts {
		h := &f.hosts[i]
		h.Observed = union(f.spans[h.ID])
		all = append(all, f.spans[h.ID]...)
		if i == 0 || h.From < to.From {
			to.From = h.From
		}
		to.Until = max(to.Until, h.Until)
	}
	r := *to
	f.all.condense()
	f.all.conclude(&r)
	r.Observed = union(all)
	r.Suspects = Suspects{Why: Reason{Code: SeveralRecordings}}
	slices.SortStableFunc(f.hosts, func(a, b Host) int {
		return cmp.Or(cmp.Compare(b.Selected, a.Selected), cmp.Compare(a.Name, b.Name))
	})
	r.Hosts = f.hosts
	return &r
}

// union is how long spans are that may overlap, in nanoseconds.
func union(list []span) uint64 {
	slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var n, end uint64
	for _, s := range list {
		from := max(s.from, end)
		if s.until > from {
			n += s.until - from
		}
		end = max(end, s.until)
	}
	return n
}
