package render

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

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
	e.flag("exec_awaited", c.ExecAwaited)
	e.key("process")
	processObject(e, &c.Process)
	if c.Child == nil {
		e.null("child")
	} else {
		e.key("child")
		processObject(e, c.Child)
	}
	if c.For != nil {
		forField(e, c.For)
	}
	ancestryFields(e, c)
	placeFields(e, c)
	chainField(e, c, finding.KindCreator)
	originField(e, &c.Origin)
}

// placeFields writes where the creator belongs.
func placeFields(e *encoder, c *finding.Attribution) {
	unitField(e, &c.Placement, c.Process.Cgroup, unitFacts{c.Settings, c.Unanswered})
	placedField(e, &c.Placement)
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
	ownLink(e, first, evidence.Kernel, creatorText(c, maxTreeCommand))
	if c.Placement.Unit != "" {
		ownLink(e, finding.KindUnit, unitEvidence(&c.Placement), c.Placement.Unit)
	}
	for i := range c.Links {
		linkObject(e, &c.Links[i], c.For)
	}
	e.close(']')
}

// ownLink writes a link that every chain has.
func ownLink(e *encoder, kind finding.Kind, ev evidence.Evidence, text string) {
	e.open('{')
	e.str("link", kindText(kind))
	e.str("evidence", string(ev))
	e.str("text", text)
	e.str("code", string(kind))
	e.close('}')
}

func linkObject(e *encoder, l *finding.Link, to *finding.For) {
	e.open('{')
	e.str("link", kindText(l.Kind))
	e.str("evidence", string(l.Evidence))
	if l.Process == nil {
		e.str("text", causeText(calledByName(l.Cause, to)))
	} else {
		e.str("text", linkText(l, to, maxTreeCommand))
	}
	e.str("code", string(l.Code()))
	if l.Unit != "" {
		e.str("unit", l.Unit)
		if l.Manager == event.ManagerUser {
			e.uint("owner_uid", uint64(l.OwnerUID))
		}
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
	unitField(e, &o.Placement, cgroup, unitFacts{})
	placedField(e, &o.Placement)
	if o.Pod != nil {
		podField(e, o.Pod)
	}
	if o.Container != nil {
		runtimeContainerField(e, "restarted_container", o.Container)
	}
	e.str("trigger", string(o.Trigger))
	e.str("evidence", string(o.Evidence))
	whyField(e, o.Why)
	e.close('}')
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

func ancestryFields(e *encoder, c *finding.Attribution) {
	processList(e, "ancestry", c.Ancestry)
	if c.AncestryTruncated {
		ancestryCut(e, c.AncestryWhy)
	}
	if n := c.Netns.AncestorsLost; n > 0 {
		e.uint("ancestors_lost", uint64(n))
	}
}
