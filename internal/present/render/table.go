package render

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// column is one of a table. Its cells are safe to show, and not painted.
type column struct {
	title string
	right bool // numbers
	cells []string
	// paint is for its cells, nil for none.
	paint func(string) string
	width int
}

// grid is a table for a terminal.
type grid struct {
	columns []*column
	paint   palette
	indent  string
}

// gutter is what is between two columns.
const gutter = "  "

func (c *column) natural() int {
	n := width(c.title)
	for _, cell := range c.cells {
		n = max(n, width(cell))
	}
	return n
}

// taken is how many cells the columns take, but for those that have no width yet.
func (g *grid) taken() int {
	n := len(g.indent) + len(gutter)*(len(g.columns)-1)
	for _, c := range g.columns {
		n += c.width
	}
	return n
}

// text lays the table out. Columns without a width are as wide as they need be.
func (g *grid) text() string {
	for _, c := range g.columns {
		if c.width == 0 {
			c.width = c.natural()
		}
	}
	var b strings.Builder
	g.row(&b, -1)
	for i := range g.columns[0].cells {
		g.row(&b, i)
	}
	return b.String()
}

// row adds a row; the titles are row -1.
func (g *grid) row(to *strings.Builder, i int) {
	var b strings.Builder
	b.WriteString(g.indent)
	for j, c := range g.columns {
		cell, paint := c.title, g.paint.faint
		if i >= 0 {
			cell, paint = c.cells[i], c.paint
		}
		cell = within(cell, c.width)
		pad := strings.Repeat(" ", max(0, c.width-width(cell)))
		if paint != nil {
			cell = paint(cell)
		}
		switch {
		case c.right:
			b.WriteString(pad + cell)
		case j == len(g.columns)-1:
			b.WriteString(cell)
		default:
			b.WriteString(cell + pad)
		}
		if j < len(g.columns)-1 {
			b.WriteString(gutter)
		}
	}
	to.WriteString(strings.TrimRight(b.String(), " ") + "\n")
}

// within cuts the middle out of a text that takes more than so many cells: its beginning
// and its end tell the most. The text is safe to show.
func within(text string, cells int) string {
	if width(text) <= cells {
		return text
	}
	end := (cells - 1) / 3
	tail := ""
	for cut := width(text) - end; cut < width(text); cut++ {
		// a wide character may lie across the cut
		if tail = ansi.TruncateLeft(text, cut, ""); width(tail) <= end {
			break
		}
	}
	for room := cells - 1 - width(tail); room > 0; room-- {
		if out := ansi.Truncate(text, room, "") + ellipsis + tail; width(out) <= cells {
			return out
		}
	}
	return ellipsis
}

// wrapped breaks a text into rows, of which those after the first are indented.
func wrapped(text string, cells int, indent string) string {
	return strings.Join(Wrap(text, max(cells, minBoardWidth)), "\n"+indent)
}
