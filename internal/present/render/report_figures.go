package render

import (
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/report"
)

// figured are the rows of a cause that a table of figures has in their place.
var figured = []string{"lived", "spent", "teardown"}

// figuresOf is a table of what of a cause can be measured.
func (t plainText) figuresOf(c *report.Cause) string {
	columns := figureColumns(c, t.paint)
	if len(columns[0].cells) == 0 {
		return ""
	}
	g := &grid{paint: t.paint, indent: "  ", columns: columns}
	return "\n" + g.text()
}

// intervalName says between what the intervals of a cause are.
func intervalName(c *report.Cause) string {
	if c.Recurrence.Bursts < c.Count {
		return "between bursts"
	}
	return "between them"
}

func figureColumns(c *report.Cause, paint palette) []*column {
	what, median := &column{title: "FIGURES"}, &column{title: "MEDIAN", right: true, paint: paint.strong}
	half, least, most, sum := &column{title: "HALF OF THEM"}, &column{title: "LEAST", right: true}, &column{title: "MOST", right: true}, &column{title: "IN ALL", right: true}
	add := func(name string, q *report.Quantiles, total uint64) {
		if q.N == 0 {
			return
		}
		all := ""
		if total > 0 {
			all = brief(total)
		}
		for _, cell := range []struct {
			to   *column
			text string
		}{
			{what, name}, {median, brief(q.Median)}, {half, brief(q.Q1) + " to " + brief(q.Q3)}, {least, brief(q.Min)}, {most, brief(q.Max)}, {sum, all},
		} {
			cell.to.cells = append(cell.to.cells, cell.text)
		}
	}
	add(intervalName(c), &c.Recurrence.Interval, 0)
	add("lived", &c.Life, 0)
	for i := range c.Spent {
		s := &c.Spent[i]
		name := "creating"
		if s.What != report.Whole {
			name = "  of that " + fitEscaped(s.What, maxName)
		}
		add(name, &s.Quantiles, s.Sum)
	}
	add("teardown", &c.Teardown, 0)
	return []*column{what, median, half, least, most, sum}
}

// detail is all that is known of a cause, in parts: what it does, who and why, the figures,
// the evidence of one example, and what ends it.
func (t plainText) detail(b *strings.Builder, s *section) {
	b.WriteString(t.paint.strong(t.wrap(s.name(), 0)) + "\n")
	if s.happens != "" {
		b.WriteString("  " + t.wrap(s.happens, 2) + "\n")
	}
	b.WriteByte('\n')
	t.facts(b, s.rows)
	b.WriteString(t.figuresOf(s.cause) + "\n")
	t.example(b, s)
	if len(s.remedies) > 0 {
		b.WriteByte('\n')
	}
	t.actions(b, s)
}

// facts are the rows of a cause but for those that a table of figures has.
func (t plainText) facts(b *strings.Builder, rows sectionRows) {
	title := ""
	for _, r := range rows {
		if r.title != "" {
			title = r.title
		}
		if !slices.Contains(figured, title) {
			t.row(b, &r)
		}
	}
}
