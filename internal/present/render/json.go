package render

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/present/answer"
)

type jsonPrinter struct {
	w     io.Writer
	clock clock
	enc   encoder
}

// NewJSON returns a consumer that writes each finding as one line of JSON to w,
// the summary included. It is for one goroutine.
func NewJSON(w io.Writer) finding.Consumer { return &jsonPrinter{w: w} }

// Consume writes a finding.
func (p *jsonPrinter) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		p.clock.observe(f.Event)
	case *finding.Created:
		if f.Selected {
			return p.created(f.Attribution)
		}
	case *finding.Joined:
		return p.joined(f)
	case *finding.Ended:
		return p.ended(f)
	case *finding.PernetInit:
		if f.Selected {
			return p.pernetInit(f)
		}
	case *finding.Lost:
		return p.lost(f)
	case *finding.Covered:
		return p.covered(f)
	case *finding.Damaged:
		return p.damaged(f)
	case *finding.Summary:
		return p.summary(f)
	}
	return nil
}

func (p *jsonPrinter) created(c *finding.Attribution) error {
	p.begin("netns_create")
	p.creation(c)
	return p.end()
}

// creation writes the fields of a creation.
func (p *jsonPrinter) creation(c *finding.Attribution) {
	e := &p.enc
	p.time(c.BootNS)
	e.flag("entry_missed", c.Netns.EntryMissed)
	netnsFields(e, &c.Netns)
	e.key("init")
	e.open('[')
	for i := range c.Netns.Init {
		initObject(e, &c.Netns.Init[i])
	}
	e.close(']')
	costField(e, &c.Netns)
	e.key("process")
	processObject(e, &c.Process)
	if c.Child == nil {
		e.null("child")
	} else {
		e.key("child")
		processObject(e, c.Child)
	}
	ancestryFields(e, c)
	placeFields(e, c)
	chainField(e, c, finding.KindCreator)
	originField(e, &c.Origin)
}

// placeFields writes where the creator belongs.
func placeFields(e *encoder, c *finding.Attribution) {
	unitField(e, &c.Placement, c.Process.Cgroup, c.Settings)
	containerField(e, "container", c.Placement.Container)
	if c.Placement.Outer != nil {
		containerField(e, "outer_container", c.Placement.Outer)
	}
	if c.Placement.Monitor != nil {
		containerField(e, "monitor_of", c.Placement.Monitor)
	}
}

// chainField writes the chain: what is known from the kernel, of which the first
// link is of the kind given, and then the links of the attribution.
func chainField(e *encoder, c *finding.Attribution, first finding.Kind) {
	e.key("chain")
	e.open('[')
	kernelLink(e, first, creatorText(c, maxTreeCommand))
	if c.Placement.Unit != "" {
		kernelLink(e, finding.KindUnit, c.Placement.Unit)
	}
	for i := range c.Links {
		linkObject(e, &c.Links[i])
	}
	e.close(']')
}

// kernelLink writes a link that every chain has.
func kernelLink(e *encoder, kind finding.Kind, text string) {
	e.open('{')
	e.str("link", kindText(kind))
	e.str("evidence", string(evidence.Kernel))
	e.str("text", text)
	e.str("code", string(kind))
	e.close('}')
}

func linkObject(e *encoder, l *finding.Link) {
	e.open('{')
	e.str("link", kindText(l.Kind))
	e.str("evidence", string(l.Evidence))
	if l.Process == nil {
		e.str("text", causeText(l.Cause))
	} else {
		e.str("text", linkText(l))
	}
	e.str("code", string(l.Code()))
	if l.Unit != "" {
		e.str("unit", l.Unit)
	}
	if l.Process != nil {
		e.key("process")
		processObject(e, l.Process)
		processList(e, "ancestry", l.Ancestry)
	}
	e.close('}')
}

// whyField writes a reason in words and as a code, where there is one.
func whyField(e *encoder, r finding.Reason) {
	if r.IsZero() {
		return
	}
	e.str("why", reasonText(r))
	if r.Code != "" {
		e.str("why_code", string(r.Code))
	}
}

func originField(e *encoder, o *finding.Origin) {
	e.key("origin")
	e.open('{')
	if o.Process == nil {
		e.null("process")
	} else {
		e.key("process")
		processObject(e, o.Process)
	}
	processList(e, "ancestry", o.Ancestry)
	if o.AncestryWhy != "" {
		ancestryCut(e, o.AncestryWhy)
	}
	cgroup := ""
	if o.Process != nil {
		cgroup = o.Process.Cgroup
	}
	unitField(e, &o.Placement, cgroup, nil)
	containerField(e, "container", o.Placement.Container)
	e.str("trigger", string(o.Trigger))
	e.str("evidence", string(o.Evidence))
	whyField(e, o.Why)
	e.close('}')
}

func (p *jsonPrinter) lost(l *finding.Lost) error {
	e := p.begin("loss")
	p.time(l.BootNS)
	e.str("kind", string(l.Kind))
	e.uint("count", l.Count)
	return p.end()
}

func (p *jsonPrinter) covered(c *finding.Covered) error {
	e := p.begin("coverage")
	p.time(c.BootNS)
	e.str("probe", string(c.Probe))
	if c.Subsystem != "" {
		e.str("subsystem", c.Subsystem)
	}
	e.flag("changed", c.Changed)
	e.bool("live", c.Live)
	e.str("attach_method", c.AttachMethod)
	e.str("why", c.Why)
	return p.end()
}

func (p *jsonPrinter) damaged(d *finding.Damaged) error {
	e := p.begin("damage")
	p.time(d.BootNS)
	e.uint("offset", d.Offset)
	e.uint("bytes", d.Bytes)
	e.uint("blocks", d.Blocks)
	e.bool("truncated", d.Truncated)
	e.str("why", d.Why)
	return p.end()
}

func (p *jsonPrinter) summary(s *finding.Summary) error {
	e := p.begin("summary")
	e.uint("seen", s.Seen)
	e.uint("printed", s.Printed)
	if s.Life.Known {
		e.uint("alive", s.Life.Alive)
		e.uint("releasing", s.Life.Releasing)
	} else {
		e.null("alive")
		e.null("releasing")
	}
	e.uint("lost", s.LostTotal())
	e.uint("cut", s.Cut)
	e.uint("bus_cut", s.BusCut)
	if n := s.Life.Unreported; n > 0 {
		e.uint("joins_unreported", n)
	}
	if s.Damages > 0 {
		e.uint("damages", s.Damages)
		e.uint("damaged_blocks", s.DamagedBlocks)
		e.uint("damaged_bytes", s.DamagedBytes)
	}
	if s.Redacted != "" {
		e.str("redacted", s.Redacted)
	}
	e.key("lost_by_kind")
	e.open('{')
	for _, kind := range slices.Sorted(maps.Keys(s.Lost)) {
		// A kind comes out of a recording and may be anything.
		e.comma()
		e.text(string(kind))
		e.b = append(e.b, ':')
		e.b = fmt.Append(e.b, s.Lost[kind])
	}
	e.close('}')
	return p.end()
}

// begin starts a line of the given type.
func (p *jsonPrinter) begin(kind string) *encoder {
	e := &p.enc
	e.b = e.b[:0]
	e.open('{')
	e.uint("schema", answer.Schema)
	e.key("type")
	e.text(kind)
	return e
}

// end closes the line and writes it.
func (p *jsonPrinter) end() error {
	p.enc.b = append(p.enc.b, '}', '\n')
	if _, err := p.w.Write(p.enc.b); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

// time writes both times; that of the day is null until a Host event tells it.
func (p *jsonPrinter) time(bootNS uint64) {
	e := &p.enc
	if t, ok := p.clock.wall(bootNS); ok {
		e.key("time")
		e.b = append(t.AppendFormat(append(e.b, '"'), answer.TimeLayout), '"')
	} else {
		e.null("time")
	}
	e.uint("boot_ns", bootNS)
}

func netnsFields(e *encoder, n *event.NetnsCreate) {
	e.key("netns")
	e.open('{')
	e.uint("inum", uint64(n.Inum))
	e.uint("cookie", n.Cookie)
	e.uint("parent_inum", uint64(n.ParentInum))
	e.close('}')
	e.str("call", string(n.Call))
	if n.Errno == 0 {
		e.null("error")
	} else {
		e.str("error", errnoName(n.Errno))
	}
	e.uint("duration_ns", n.DurationNS)
}

func initObject(e *encoder, i *event.Init) {
	e.open('{')
	e.str("op", i.Op)
	e.str("subsystem", i.Subsystem)
	e.uint("duration_ns", i.DurationNS)
	if i.IPVS != nil {
		e.key("ipvs")
		e.open('{')
		e.int("id", int64(i.IPVS.ID))
		e.uint("size", uint64(i.IPVS.Size))
		e.close('}')
	}
	e.close('}')
}

// processObject writes a PROCESS of the contract. Marks of what isn't whole
// are absent unless set, but for argv_truncated.
func processObject(e *encoder, p *lineage.Process) {
	e.open('{')
	e.uint("pid", uint64(p.ID.PID))
	e.uint("tid", uint64(p.TID))
	e.uint("start_ns", p.ID.StartNS)
	e.str("comm", p.Comm)
	e.strings("argv", p.Argv)
	e.bool("argv_truncated", p.ArgvTruncated)
	e.flag("argv_unread", p.ArgvUnread)
	e.flag("argv_inherited", p.ArgvInherited)
	e.str("exe", p.Exe)
	e.flag("exe_truncated", p.ExeTruncated)
	e.uint("uid", uint64(p.UID))
	if p.CgroupUnknown {
		e.null("cgroup")
	} else {
		e.str("cgroup", p.Cgroup)
	}
	e.flag("cgroup_truncated", p.CgroupTruncated)
	e.flag("preexisting", p.Preexisting)
	e.flag("unresolved", p.Unresolved)
	e.bool("exited", p.Exited)
	if p.Exited {
		s := exitStatus(p.ExitCode)
		e.uint("exit_code", uint64(s.code))
		e.uint("exit_signal", uint64(s.signal))
		e.uint("exit_ns", p.ExitNS)
	}
	if p.Exec != nil {
		e.key("exec")
		processObject(e, p.Exec)
	}
	e.close('}')
}

func ancestryFields(e *encoder, c *finding.Attribution) {
	processList(e, "ancestry", c.Ancestry)
	if c.AncestryTruncated {
		ancestryCut(e, c.AncestryWhy)
	}
	if n := c.Netns.AncestorsLost; n > 0 {
		e.uint("ancestors_lost", uint64(n))
	}
}

func processList(e *encoder, name string, list []lineage.Process) {
	e.key(name)
	e.open('[')
	for i := range list {
		processObject(e, &list[i])
	}
	e.close(']')
}

func unitField(e *encoder, u *cgroup.Placement, path string, settings []event.UnitSetting) {
	if u.Unit == "" {
		e.null("unit")
		return
	}
	e.key("unit")
	e.open('{')
	e.str("name", u.Unit)
	e.str("slice", u.Slice)
	e.str("manager", string(u.Manager))
	e.str("cgroup", path)
	if u.SystemUnit != u.Unit {
		e.str("system_unit", u.SystemUnit)
	}
	if u.Session != "" {
		e.str("session", u.Session)
	}
	if u.HasOwner {
		e.uint("owner_uid", uint64(u.OwnerUID))
	}
	e.key("settings")
	e.open('[')
	for i := range settings {
		settingObject(e, &settings[i])
	}
	e.close(']')
	e.close('}')
}

func settingObject(e *encoder, s *event.UnitSetting) {
	e.open('{')
	e.str("name", s.Name)
	e.str("value", s.Value)
	if s.File == "" {
		e.null("file")
		e.null("line")
	} else {
		e.str("file", s.File)
		e.uint("line", uint64(s.Line))
	}
	e.str("evidence", string(s.Source))
	e.close('}')
}

func containerField(e *encoder, name string, c *cgroup.Container) {
	if c == nil {
		e.null(name)
		return
	}
	e.key(name)
	e.open('{')
	e.str("id", c.ID)
	e.str("runtime", c.Runtime)
	if c.Pod != "" {
		e.str("pod", c.Pod)
	}
	e.close('}')
}

// status is a decoded wait status.
type status struct{ code, signal uint32 }

// exitStatus decodes task_struct.exit_code.
func exitStatus(raw uint32) status {
	return status{code: raw >> 8 & 0xff, signal: raw & 0x7f}
}
