package render

import (
	"fmt"
	"strings"
)

// plainText lays a report out for a terminal.
type plainText struct {
	paint palette
	width int // 0 where lines have no end
}

// wrap breaks a line that is so far indented already, if lines have an end.
func (t plainText) wrap(text string, indent int) string {
	if t.width == 0 {
		return text
	}
	return wrapped(text, t.width-indent, strings.Repeat(" ", indent))
}

// costs is what creations are made of, where that was asked for.
func (t plainText) costs(d *document) string {
	if d.costs == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", t.paint.strong(d.costs.title.plain()))
	for _, p := range d.costs.items {
		fmt.Fprintf(&b, "  %s\n", t.wrap(p.plain(), 2))
	}
	return b.String()
}

// cause is all that is known of the only cause.
func (t plainText) cause(d *document) string {
	var b strings.Builder
	for i := range d.causes {
		t.detail(&b, &d.causes[i])
	}
	if !d.complete {
		b.WriteByte('\n')
		for _, gap := range d.gaps {
			fmt.Fprintf(&b, "  ! %s\n", t.paint.bad(t.wrap(gap.plain(), 4)))
		}
	}
	return b.String()
}

// document is all that a report has beside the first screen.
func (t plainText) document(d *document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", t.paint.strong(t.wrap(d.title.plain(), 0)))
	if d.complete {
		fmt.Fprintf(&b, "  %s\n", d.gaps[0].plain())
	}
	b.WriteString(t.costs(d))
	for i := range d.causes {
		t.section(&b, &d.causes[i])
	}
	if len(d.loads) > 0 {
		fmt.Fprintf(&b, "\n%s:\n", t.paint.strong(loadsTitle))
	}
	for _, p := range d.loads {
		fmt.Fprintf(&b, "  %s\n", p.plain())
	}
	b.WriteByte('\n')
	for _, p := range d.suspects {
		fmt.Fprintf(&b, "%s\n", t.wrap(p.plain()+".", 0))
	}
	for _, p := range d.units {
		fmt.Fprintf(&b, "  %s\n", p.plain())
	}
	return b.String()
}

func (t plainText) section(b *strings.Builder, s *section) {
	fmt.Fprintf(b, "\n%s\n", t.paint.strong(s.name()))
	for i := range s.rows {
		t.row(b, &s.rows[i])
	}
	t.example(b, s)
	t.actions(b, s)
}

// name is the title of a section with its number.
func (s *section) name() string { return fmt.Sprintf("%d. %s", s.number, s.title.plain()) }

func (t plainText) row(b *strings.Builder, r *row) {
	fmt.Fprintf(b, "  %-*s%s\n", titleWidth, r.title, t.wrap(r.text.plain(), titleWidth+2))
}

// example shows the chain of one creation.
func (t plainText) example(b *strings.Builder, s *section) {
	b.WriteString("  for example\n")
	for line := range strings.Lines(strings.TrimRight(s.example, "\n") + "\n") {
		b.WriteString("    " + t.paint.faint(strings.TrimRight(line, "\n")) + "\n")
	}
}

// actions show what ends a cause.
func (t plainText) actions(b *strings.Builder, s *section) {
	if len(s.remedies) > 0 {
		b.WriteString("  what ends it\n")
	}
	for i := range s.remedies {
		t.action(b, &s.remedies[i])
	}
}

// escapedLines makes each line of a text safe to show.
func escapedLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(escape(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}

func (t plainText) action(b *strings.Builder, a *action) {
	fmt.Fprintf(b, "  - %s.\n", t.wrap(a.do.plain(), 4))
	if a.file != "" {
		fmt.Fprintf(b, "      write %s:\n", a.file)
		for line := range strings.Lines(escapedLines(a.contents)) {
			fmt.Fprintf(b, "        %s", line)
		}
	}
	for _, c := range a.commands {
		fmt.Fprintf(b, "      $ %s\n", c)
	}
	if len(a.cost) > 0 {
		fmt.Fprintf(b, "      costs: %s\n", t.wrap(a.cost.plain(), 13))
	}
}
