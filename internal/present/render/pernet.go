package render

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

func (p *jsonPrinter) pernetInit(l *finding.PernetInit) error {
	e := p.begin("pernet_init")
	p.time(l.BootNS)
	n := &l.Init
	e.str("subsystem", n.Subsystem)
	if n.Op == "" {
		e.null("op")
	} else {
		e.str("op", n.Op)
	}
	e.uint("namespaces", uint64(n.Namespaces))
	e.uint("unfinished", uint64(n.Unfinished))
	e.uint("duration_ns", n.DurationNS)
	if n.Errno == 0 {
		e.null("error")
	} else {
		e.str("error", errnoName(n.Errno))
	}
	c := l.Attribution
	e.key("process")
	processObject(e, &c.Process)
	ancestryFields(e, c)
	placeFields(e, c)
	chainField(e, c, finding.KindLoader)
	originField(e, &c.Origin)
	return p.end()
}

// pernetInit prints what loading a module did, as created does.
func (p *textPrinter) pernetInit(l *finding.PernetInit) error {
	if p.opt.Tree {
		return write(p.w, p.loadTree(l))
	}
	return write(p.w, p.loadLine(l))
}

// loadText is what was done to which namespaces.
func (p *textPrinter) loadText(n *event.PernetInit) string {
	out := fmt.Sprintf("module %s initialised %s namespace%s in %s",
		p.paint.strong(fitEscaped(n.Subsystem, maxName)), p.paint.strong(fmt.Sprint(n.Namespaces)),
		plural(uint64(n.Namespaces)), durationText(n.DurationNS))
	if n.Op != "" {
		out += " (" + fitEscaped(n.Op, maxName) + ")"
	}
	if n.Unfinished > 0 {
		out += fmt.Sprintf(", the end of %d not seen", n.Unfinished)
	}
	if n.Errno != 0 {
		out += ", " + p.paint.bad("failed: "+failure(n.Errno))
	}
	return out
}

func (p *textPrinter) loadLine(l *finding.PernetInit) string {
	c := l.Attribution
	if p.opt.width() > 0 {
		return p.fitted(l.BootNS, cell{ansi.Strip(p.loadText(&l.Init)), p.paint.strong}, p.cells(c)...)
	}
	var b strings.Builder
	b.WriteString(p.timeOf(l.BootNS) + "  " + p.loadText(&l.Init) + "  ")
	b.WriteString(p.paint.place(placeText(&c.Placement)) + "  ")
	b.WriteString(creatorText(c, p.opt.limit(maxLineCommand)))
	for _, a := range ancestorTexts(c.Ancestry, c.AncestryTruncated, c.AncestryWhy, p.opt.limit(maxLineAncestor)) {
		b.WriteString(p.paint.faint("  < " + a))
	}
	if text := originText(c, p.opt.limit(maxLineCommand)); text != "" {
		b.WriteString("  " + p.paint.strong(text))
	}
	b.WriteByte('\n')
	return b.String()
}

func (p *textPrinter) loadTree(l *finding.PernetInit) string {
	c := l.Attribution
	b := p.block()
	b.text.WriteString(p.hanging(p.timeOf(l.BootNS)+"  "+p.loadText(&l.Init), timeWidth))
	b.row("by", label(&c.Process, parentIn(c.Ancestry, -1), b.limit())+" "+detail(&c.Process), evidence.Kernel)
	b.causes(c)
	b.text.WriteByte('\n')
	return b.text.String()
}

// coverageText says from when on a probe was live, or was not any more.
func (p *textPrinter) coverageText(c *finding.Covered) string {
	return p.note(c.BootNS, coverageText(c), unpainted)
}

func coverageText(c *finding.Covered) string {
	text := "probe " + fitEscaped(string(c.Probe), maxName)
	switch {
	case c.Subsystem == "" && c.Live:
		return text + " hears all again"
	case c.Subsystem == "":
		return text + " does not hear all: " + fitEscaped(c.Why, maxTreeCommand)
	case c.Live:
		return text + " of module " + fitEscaped(c.Subsystem, maxName) + " is live (" + fitEscaped(c.AttachMethod, maxName) + ")"
	}
	return text + " is not live any more: " + fitEscaped(c.Why, maxTreeCommand)
}
