package render

import (
	"fmt"
	"strings"
)

// plainText lays a report out for a terminal.
type plainText struct{ paint palette }

func (t plainText) document(d *document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.paint.strong(d.title.plain()))
	for _, gap := range d.gaps {
		if d.complete {
			fmt.Fprintf(&b, "  %s\n", gap.plain())
			continue
		}
		fmt.Fprintf(&b, "  ! %s\n", t.paint.bad(gap.plain()))
	}
	if d.costs != nil {
		fmt.Fprintf(&b, "\n%s\n", t.paint.strong(d.costs.title.plain()))
		for _, p := range d.costs.items {
			fmt.Fprintf(&b, "  %s\n", p.plain())
		}
	}
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
		fmt.Fprintf(&b, "%s.\n", p.plain())
	}
	for _, p := range d.units {
		fmt.Fprintf(&b, "  %s\n", p.plain())
	}
	return b.String()
}

func (t plainText) section(b *strings.Builder, s *section) {
	fmt.Fprintf(b, "\n%s\n", t.paint.strong(fmt.Sprintf("%d. %s", s.number, s.title.plain())))
	for _, r := range s.rows {
		fmt.Fprintf(b, "  %-*s%s\n", titleWidth, r.title, r.text.plain())
	}
	b.WriteString("  for example\n")
	for line := range strings.Lines(strings.TrimRight(s.example, "\n") + "\n") {
		b.WriteString("    " + t.paint.faint(strings.TrimRight(line, "\n")) + "\n")
	}
	if len(s.remedies) > 0 {
		b.WriteString("  what ends it\n")
	}
	for i := range s.remedies {
		t.action(b, &s.remedies[i])
	}
}

func (t plainText) action(b *strings.Builder, a *action) {
	fmt.Fprintf(b, "  - %s.\n", a.do.plain())
	if a.file != "" {
		fmt.Fprintf(b, "      write %s:\n", a.file)
		for line := range strings.Lines(a.contents) {
			fmt.Fprintf(b, "        %s\n", escape(strings.TrimSuffix(line, "\n")))
		}
	}
	for _, c := range a.commands {
		fmt.Fprintf(b, "      $ %s\n", c)
	}
	if len(a.cost) > 0 {
		fmt.Fprintf(b, "      costs: %s\n", a.cost.plain())
	}
}
