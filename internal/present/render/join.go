package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

func (p *jsonPrinter) joined(j *finding.Joined) error {
	e := p.begin("netns_join")
	p.time(j.BootNS)
	identityField(e, j.Netns.Inum, j.Netns.Cookie)
	e.str("how", string(j.Netns.How))
	e.uint("ordinal", uint64(j.Netns.Ordinal))
	if ns, known := j.Age(); known {
		e.uint("age_ns", ns)
	} else {
		e.null("age_ns")
	}
	if j.Then == finding.ThenNothing {
		e.null("then")
		e.null("then_after_ns")
	} else {
		e.str("then", string(j.Then))
		e.uint("then_after_ns", j.ThenNS-min(j.ThenNS, j.BootNS))
	}
	e.key("process")
	processObject(e, &j.Process)
	lineageFields(e, j.Ancestry, j.AncestryWhy)
	now := &j.Process
	if now.Exec != nil {
		now = now.Exec
	}
	unitField(e, &j.Placement, now.Cgroup, unitFacts{})
	placedField(e, &j.Placement)
	p.createdRef(j.Created)
	return p.end()
}

// joined prints a line for a process that moved in. Visitors leave or end without an
// exec; they are counted at the end of the namespace.
func (p *textPrinter) joined(j *finding.Joined) error {
	if !p.opt.Life || !j.Occupant() {
		return nil
	}
	if p.opt.width() > 0 {
		return write(p.w, p.fittedJoin(j))
	}
	var b strings.Builder
	b.WriteString(p.timeOf(j.BootNS))
	b.WriteString("  netns " + p.paint.strong(fmt.Sprintf("%-10d", j.Netns.Inum)) + "  ")
	b.WriteString(movedText(j) + "  ")
	b.WriteString(p.paint.place(placeText(&j.Placement)) + "  ")
	b.WriteString(label(&j.Process, parentIn(j.Ancestry, -1), p.opt.limit(maxLineCommand)) + thenText(&j.Process, p.opt.limit(maxLineCommand)))
	for _, a := range ancestorTexts(j.Ancestry, j.AncestryWhy != "", j.AncestryWhy, p.opt.limit(maxLineAncestor)) {
		b.WriteString(p.paint.faint("  < " + a))
	}
	if j.Created == nil {
		b.WriteString("  creation not seen\n")
		return write(p.w, b.String())
	}
	b.WriteString("  " + p.makerText(j.Created) + " in " + p.paint.place(placeText(&j.Created.Placement)) + "\n")
	return write(p.w, b.String())
}

// movedText says when a process came in, and if it is there as what it was
// before.
func movedText(j *finding.Joined) string {
	out := "entered"
	if ns, known := j.Age(); known {
		out += " after " + durationText(ns)
	}
	if j.Then == finding.ThenNothing {
		out += ", no exec since"
	}
	return out
}
