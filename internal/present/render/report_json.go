package render

import (
	"io"
	"maps"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// ReportJSON writes a report as one JSON object on a line.
func ReportJSON(w io.Writer, r *report.Report) error {
	p := &jsonPrinter{w: w, clock: reportClock(r)}
	e := p.begin("report")
	p.moment("begin", r.From)
	p.moment("end", r.Until)
	e.bool("whole", r.Whole)
	hostField(e, r)
	e.uint("seen", r.Seen)
	e.uint("selected", r.Selected)
	e.uint("failed", r.Failed)
	e.uint("filtered_out", r.FilteredOut)
	e.uint("ungrouped", r.Ungrouped)
	gapsField(e, &r.Gaps)
	e.key("endings")
	e.open('{')
	e.bool("seen", r.Endings.Seen)
	e.str("why", r.Endings.Why)
	e.uint("lost", r.Endings.Lost)
	e.close('}')
	if r.Costed {
		costsField(e, r.Costs)
	}
	e.key("causes")
	e.open('[')
	for i := range r.Causes {
		p.cause(&r.Causes[i], r)
	}
	e.close(']')
	loadsField(e, r)
	suspectsField(e, &r.Suspects)
	return p.end()
}

// moment writes a time twice: NAME as the time of day, NAME_boot_ns.
func (p *jsonPrinter) moment(name string, bootNS uint64) {
	e := &p.enc
	if t, ok := p.clock.wall(bootNS); ok {
		e.key(name)
		e.b = append(t.AppendFormat(append(e.b, '"'), timeLayout), '"')
	} else {
		e.null(name)
	}
	e.uint(name+"_boot_ns", bootNS)
}

func hostField(e *encoder, r *report.Report) {
	if r.Host == nil {
		e.null("host")
		return
	}
	e.key("host")
	e.open('{')
	e.str("nsblame", r.Host.Version)
	e.str("kernel", r.Host.Kernel)
	e.str("arch", r.Host.Arch)
	e.str("boot_id", r.Host.BootID)
	e.close('}')
}

// counts writes numbers by name. The names come out of a stream, and may be
// anything.
func counts[K ~string](e *encoder, name string, list map[K]uint64) {
	e.key(name)
	e.open('{')
	for _, k := range slices.Sorted(maps.Keys(list)) {
		e.comma()
		e.text(string(k))
		e.b = append(e.b, ':')
		e.number(list[k])
	}
	e.close('}')
}

func gapsField(e *encoder, g *report.Gaps) {
	e.key("gaps")
	e.open('{')
	e.uint("lost", g.LostTotal())
	counts(e, "lost_by_kind", g.Lost)
	e.key("not_live")
	e.open('[')
	for i := range g.Dead {
		e.open('{')
		e.str("probe", g.Dead[i].Probe)
		e.str("why", g.Dead[i].Why)
		e.close('}')
	}
	e.close(']')
	e.key("damage")
	e.open('{')
	e.uint("parts", g.Damages)
	e.uint("blocks", g.DamagedBlocks)
	e.uint("bytes", g.DamagedBytes)
	e.key("first")
	e.open('[')
	for i := range g.Damage {
		d := &g.Damage[i]
		e.open('{')
		e.uint("offset", d.Offset)
		e.uint("bytes", d.Bytes)
		e.uint("blocks", d.Blocks)
		e.bool("truncated", d.Truncated)
		e.str("why", d.Why)
		e.close('}')
	}
	e.close(']')
	e.close('}')
	e.uint("cut", g.Cut)
	e.uint("bus_cut", g.BusCut)
	e.close('}')
}

func (p *jsonPrinter) cause(c *report.Cause, r *report.Report) {
	e := &p.enc
	e.open('{')
	e.str("trigger", string(c.Trigger))
	partyField(e, "origin", &c.Origin)
	commandField(e, c)
	whyField(e, c.Why)
	partyField(e, "unit", &c.Creator)
	e.key("settings")
	e.open('[')
	for i := range c.Settings {
		settingObject(e, &c.Settings[i])
	}
	e.close(']')
	if c.Activated == "" {
		e.null("activated")
	} else {
		e.str("activated", c.Activated)
	}
	tallyField(e, "run_by", &c.RunBy)
	tallyField(e, "containers", &c.Containers)
	occupantsField(e, c)
	e.uint("similar", uint64(c.Similar))
	e.uint("count", c.Count)
	e.uint("failed", c.Failed)
	errs := make(map[string]uint64)
	for n, count := range c.Errors {
		errs[errnoName(n)] += count
	}
	counts(e, "errors", errs)
	p.moment("first", c.First)
	p.moment("last", c.Last)
	e.bool("periodic", c.Rhythm.Periodic)
	e.uint("bursts", c.Rhythm.Bursts)
	spreadField(e, "interval", &c.Rhythm.Interval)
	spreadField(e, "lifetime", &c.Life)
	spreadField(e, "teardown", &c.Teardown)
	if r.Endings.Seen {
		e.uint("alive", c.Alive)
	} else {
		e.null("alive")
	}
	if c.Alive > 0 {
		p.moment("oldest_alive", c.OldestAlive)
	}
	e.key("spent")
	e.open('[')
	for i := range c.Spent {
		e.open('{')
		e.str("what", c.Spent[i].What)
		e.uint("sum_ns", c.Spent[i].Sum)
		spreadFields(e, &c.Spent[i].Spread)
		e.close('}')
	}
	e.close(']')
	if r.Costed {
		costsField(e, c.Costs)
	}
	counts(e, "evidence", c.Evidence)
	e.key("example")
	e.open('{')
	p.creation(c.Example)
	e.close('}')
	e.key("remedies")
	e.open('[')
	for i := range c.Remedies {
		remedyObject(e, &c.Remedies[i])
	}
	e.close(']')
	e.close('}')
}

func commandField(e *encoder, c *report.Cause) {
	if len(c.Command) == 0 && c.Comm == "" {
		e.null("command")
	} else {
		e.key("command")
		e.open('{')
		e.strings("argv", c.Command)
		e.bool("argv_truncated", c.CommandTruncated)
		if c.Comm != "" {
			e.str("comm", c.Comm)
		}
		if c.HasUID {
			e.uint("uid", uint64(c.UID))
		}
		e.close('}')
	}
}

// loadsField writes what loading modules did to namespaces.
func loadsField(e *encoder, r *report.Report) {
	e.key("loads")
	e.open('[')
	for i := range r.Loads {
		l := &r.Loads[i]
		e.open('{')
		e.str("subsystem", l.Subsystem)
		e.str("trigger", string(l.Cause.Trigger))
		partyField(e, "origin", &l.Cause.Origin)
		commandField(e, l.Cause)
		whyField(e, l.Cause.Why)
		partyField(e, "unit", &l.Cause.Creator)
		e.uint("count", l.Count)
		e.uint("failed", l.Failed)
		e.uint("namespaces", l.Namespaces)
		e.uint("sum_ns", l.Sum)
		e.close('}')
	}
	e.close(']')
	e.uint("loads_ungrouped", r.LoadsUngrouped)
}

func partyField(e *encoder, name string, p *report.Party) {
	if p.Unit == "" {
		e.null(name)
		return
	}
	e.key(name)
	e.open('{')
	partyFields(e, p)
	e.close('}')
}

func partyFields(e *encoder, p *report.Party) {
	e.str("name", p.Unit)
	e.bool("pattern", p.Pattern)
	e.str("manager", string(p.Manager))
	if p.Manager == event.ManagerUser && p.HasOwner {
		e.uint("owner_uid", uint64(p.OwnerUID))
	}
}

func tallyField(e *encoder, name string, t *report.Tally) {
	e.key(name)
	e.open('{')
	tallyFields(e, t)
	e.close('}')
}

// occupantsField is null where nobody was seen to move in.
func occupantsField(e *encoder, c *report.Cause) {
	if len(c.Occupants.Values) == 0 && c.Untold == 0 && c.Visits == 0 {
		e.null("occupants")
		return
	}
	e.key("occupants")
	e.open('{')
	tallyFields(e, &c.Occupants)
	e.uint("untold", c.Untold)
	e.uint("visits", c.Visits)
	e.close('}')
}

func tallyFields(e *encoder, t *report.Tally) {
	e.key("values")
	e.open('[')
	for i := range t.Values {
		e.open('{')
		e.strings("value", t.Values[i].Value)
		e.uint("count", t.Values[i].Count)
		e.close('}')
	}
	e.close(']')
	e.uint("others", t.Others)
}

// spreadField writes a spread, null without a value.
func spreadField(e *encoder, name string, s *report.Spread) {
	if s.N == 0 {
		e.null(name)
		return
	}
	e.key(name)
	e.open('{')
	spreadFields(e, s)
	e.close('}')
}

func spreadFields(e *encoder, s *report.Spread) {
	e.uint("n", s.N)
	e.uint("median_ns", s.Median)
	e.uint("q1_ns", s.Q1)
	e.uint("q3_ns", s.Q3)
	e.uint("min_ns", s.Min)
	e.uint("max_ns", s.Max)
	if s.Unused > 0 {
		e.uint("unused", s.Unused)
	}
}

func remedyObject(e *encoder, m *report.Remedy) {
	e.open('{')
	e.str("kind", string(m.Kind))
	e.str("do", m.Do)
	e.key("commands")
	e.open('[')
	for _, argv := range m.Commands {
		e.open('{')
		e.strings("argv", argv)
		e.close('}')
	}
	e.close(']')
	if m.File == nil {
		e.null("file")
	} else {
		e.key("file")
		e.open('{')
		e.str("path", m.File.Path)
		e.str("contents", m.File.Contents)
		e.close('}')
	}
	e.str("cost", m.Cost)
	e.close('}')
}

func suspectsField(e *encoder, s *report.Suspects) {
	e.key("suspects")
	e.open('{')
	e.bool("known", s.Known)
	e.str("why", s.Why)
	e.bool("cleared", s.Known && s.Cleared)
	e.strings("doubts", s.Doubts)
	e.uint("unknown_origins", s.Unknown)
	e.key("units")
	e.open('[')
	for i := range s.Units {
		e.open('{')
		partyFields(e, &s.Units[i].Party)
		e.uint("processes", uint64(s.Units[i].Processes))
		e.close('}')
	}
	e.close(']')
	e.uint("others", uint64(s.Others))
	e.close('}')
}
