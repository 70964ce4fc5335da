package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

func (p *jsonPrinter) ended(end *finding.Ended) error {
	kind := "netns_release"
	if end.Free != nil {
		kind = "netns_free"
	}
	e := p.begin(kind)
	p.time(end.BootNS)
	identityField(e, end.Inum(), end.Cookie())
	if ns, known := end.Lifetime(); known {
		e.uint("lifetime_ns", ns)
	} else {
		e.null("lifetime_ns")
	}
	if end.Free != nil {
		e.uint("wait_ns", end.Free.WaitNS)
		e.uint("teardown_ns", end.Free.DurationNS)
	} else {
		releaseFields(e, end.Release)
	}
	p.createdRef(end.Created)
	return p.end()
}

func releaseFields(e *encoder, r *finding.Release) {
	if r.Netns.Held == event.HeldUnknown {
		e.null("held")
	} else {
		e.str("held", string(r.Netns.Held))
	}
	e.bool("exiting", r.Netns.Exiting)
	if n := r.Netns.Joins; n > 0 {
		e.uint("joins", uint64(n))
	}
	if r.By == nil {
		e.null("process")
	} else {
		e.key("process")
		processObject(e, r.By)
	}
	lineageFields(e, r.Ancestry, r.AncestryWhy)
}

// identityField names a namespace.
func identityField(e *encoder, inum uint32, cookie uint64) {
	e.key("netns")
	e.open('{')
	e.uint("inum", uint64(inum))
	e.uint("cookie", cookie)
	e.close('}')
}

func lineageFields(e *encoder, ancestry []lineage.Process, why lineage.Cut) {
	processList(e, "ancestry", ancestry)
	if why != "" {
		ancestryCut(e, why)
	}
}

// ancestryCut says why a list of ancestors does not reach the root.
func ancestryCut(e *encoder, why lineage.Cut) {
	e.bool("ancestry_truncated", true)
	e.str("ancestry_why", cutText(why))
	e.str("ancestry_why_code", string(why))
}

// createdRef refers to the creation: boot_ns and the process are the same there.
func (p *jsonPrinter) createdRef(c *finding.Attribution) {
	e := &p.enc
	if c == nil {
		e.null("created")
		return
	}
	e.key("created")
	e.open('{')
	p.time(c.BootNS)
	e.key("process")
	e.open('{')
	e.uint("pid", uint64(c.Process.ID.PID))
	e.uint("start_ns", c.Process.ID.StartNS)
	e.str("comm", c.Process.Comm)
	if c.Process.Exec != nil {
		e.str("exec_comm", c.Process.Exec.Comm)
	}
	e.close('}')
	if c.Placement.Unit == "" {
		e.null("unit")
	} else {
		e.str("unit", c.Placement.Unit)
	}
	if c.Placement.Manager == event.ManagerUser && c.Placement.HasOwner {
		e.uint("owner_uid", uint64(c.Placement.OwnerUID))
	}
	if c.Placement.Container == nil {
		e.null("container")
	} else {
		e.str("container", c.Placement.Container.ID)
		if c.Placement.Container.Claimed {
			e.str("container_evidence", string(evidence.Claimed))
		}
	}
	e.close('}')
}

// ended prints one line for each namespace: once it is gone, or if that will not
// be seen, once it is released.
func (p *textPrinter) ended(e *finding.Ended) error {
	if !p.opt.Life || e.Free == nil && !e.Final {
		return nil
	}
	if p.opt.width() > 0 {
		return write(p.w, p.fittedEnd(e))
	}
	var b strings.Builder
	b.WriteString(p.timeOf(e.BootNS))
	b.WriteString("  netns " + p.paint.strong(fmt.Sprintf("%-10d", e.Inum())) + "  ")
	b.WriteString(goneText(e) + "  ")
	if e.Created != nil {
		b.WriteString(p.paint.place(placeText(&e.Created.Placement)) + "  ")
		b.WriteString(p.makerText(e.Created) + "  ")
	}
	b.WriteString(p.paint.strong(heldText(e.Release, p.opt.limit(maxLineCommand))) + "\n")
	return write(p.w, b.String())
}

// makerText says who made a namespace.
func (p *textPrinter) makerText(c *finding.Attribution) string {
	return "made by " + strings.TrimPrefix(creatorText(c, p.opt.limit(maxLineAncestor)), "by ")
}

// goneText says how long a namespace lived, and how long it took to go.
func goneText(e *finding.Ended) string {
	out := "gone"
	if e.Final {
		out = "released"
	}
	if ns, known := e.Lifetime(); known {
		out += " after " + durationText(ns)
	}
	if e.Free != nil {
		out += " (waited " + durationText(e.Free.WaitNS) + ", teardown " + durationText(e.Free.DurationNS) + ")"
	}
	if e.Created == nil {
		out += ", creation not seen"
	}
	if e.Release != nil && e.Release.Netns.Joins > 0 {
		out += fmt.Sprintf(", joined %s", counted(uint64(e.Release.Netns.Joins), "time"))
	}
	return out
}

// heldText says what held a namespace last, and who let it go.
func heldText(r *finding.Release, limit int) string {
	if r == nil {
		return "release not seen"
	}
	var held, did, ending string
	switch r.Netns.Held {
	case event.HeldProcess:
		held, did, ending = "last in it", "left by", "until it ended: "
	case event.HeldFile:
		held, did, ending = "last held by an open file", "closed by", "closed at the end of "
	case event.HeldMount:
		held, did, ending = "last held by a mount", "unmounted by", "unmounted at the end of "
	case event.HeldNsfs:
		held, did, ending = "last held by a file or a mount", "let go by", "let go at the end of "
	case event.HeldClone:
		held, did, ending = "given up by a clone that failed", "of", "of "
	default:
		held, did, ending = "holder unknown", "let go by", "let go at the end of "
	}
	switch {
	case r.By == nil && r.Netns.Held == event.HeldUnknown:
		return held + ", let go by the kernel"
	case r.By == nil:
		return held + ", " + did + " the kernel"
	case r.Netns.Exiting:
		return held + ", " + ending + label(r.By, parentIn(r.Ancestry, -1), limit)
	}
	return held + ", " + did + " " + label(r.By, parentIn(r.Ancestry, -1), limit)
}

// aliveText is what the summary says of those that have not ended.
func aliveText(c finding.Counts) string {
	if !c.Known {
		return ""
	}
	out := fmt.Sprintf(", %d still alive", c.Alive)
	if c.Releasing > 0 {
		out += fmt.Sprintf(", %d being torn down", c.Releasing)
	}
	return out
}
