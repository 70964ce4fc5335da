package render

import (
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// How rows are laid out on a terminal. Below columnsFrom what belongs to a namespace
// stands below each other, as wide as the terminal; from there on side by side.
const (
	timeWidth   = len("15:04:05.000  ")
	whatWidth   = 20
	columnsFrom = 120
	gap         = 2
	// maxNear is how many ancestors are shown of whoever acted by himself.
	maxNear = 3
)

// cell is a text of a row, and how it is painted.
type cell struct {
	text  string
	paint func(string) string
}

// unpainted leaves a text as it is.
func unpainted(s string) string { return s }

// fitted lays out what happened: time, what, for whom, by whom, and asked by whom.
func (p *textPrinter) fitted(bootNS uint64, what cell, cells ...cell) string {
	hour, day := p.hourAndDay(bootNS)
	at := cell{strings.TrimSpace(hour + " " + day), p.paint.faint}
	var filled []cell
	for _, c := range cells {
		if c.text != "" {
			filled = append(filled, c)
		}
	}
	if p.opt.width() >= columnsFrom && len(filled) > 0 {
		return sideBySide(p.opt.width(), at, what, filled)
	}
	return stacked(p.opt.width(), at, what, filled)
}

// stacked has a row for each cell, and the first beside what if there is room. The date is
// below the time, so that what is beside them begins in the same column each day.
func stacked(width int, at, what cell, cells []cell) string {
	room := width - timeWidth
	var rows []string
	add := func(c cell) {
		for _, row := range Wrap(c.text, room) {
			rows = append(rows, c.paint(row))
		}
	}
	add(what)
	for i, c := range cells {
		if i == 0 && ansi.StringWidth(what.text)+gap+ansi.StringWidth(c.text) <= room {
			rows[0] += strings.Repeat(" ", gap) + c.paint(c.text)
			continue
		}
		add(c)
	}
	times := Wrap(at.text, timeWidth-gap)
	var b strings.Builder
	for i := range max(len(rows), len(times)) {
		left, row := "", ""
		if i < len(times) {
			left = times[i]
		}
		if i < len(rows) {
			row = rows[i]
		}
		pad := strings.Repeat(" ", timeWidth-ansi.StringWidth(left))
		if left != "" {
			left = at.paint(left)
		}
		if row == "" {
			pad = ""
		}
		b.WriteString(left + pad + row + "\n")
	}
	return b.String()
}

// columnWeights are the shares of for whom, by whom and asked by whom: names are shorter
// than command lines.
var columnWeights = [3]int{3, 4, 4}

// sideBySide has a column for each cell, in which it goes on below itself.
func sideBySide(width int, at, what cell, cells []cell) string {
	columns := []slot{{at, timeWidth - gap}, {what, whatWidth}}
	room := width - timeWidth - whatWidth - gap*len(cells)
	weights := columnWeights[:len(cells)]
	left := 0
	for _, w := range weights {
		left += w
	}
	for i, c := range cells {
		share := room * weights[i] / left
		columns = append(columns, slot{c, share})
		room, left = room-share, left-weights[i]
	}
	return inColumns(columns)
}

// slot is a cell and how wide it is.
type slot struct {
	cell

	width int
}

// inColumns writes cells beside each other, each within its width.
func inColumns(columns []slot) string {
	rows := make([][]string, len(columns))
	height := 0
	for i, c := range columns {
		rows[i] = Wrap(c.text, c.width)
		height = max(height, len(rows[i]))
	}
	var b strings.Builder
	for y := range height {
		pending := 0
		for i, c := range columns {
			text := ""
			if y < len(rows[i]) {
				text = rows[i][y]
			}
			if text != "" {
				b.WriteString(strings.Repeat(" ", pending) + c.paint(text))
				pending = 0
			}
			pending += max(0, c.width-ansi.StringWidth(text)) + gap
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// fittedLine is a creation on a terminal.
func (p *textPrinter) fittedLine(c *finding.Attribution) string {
	what := cell{strings.TrimSpace(inumText(&c.Netns)) + " " + briefSpent(&c.Netns), p.paint.strong}
	if c.Netns.Errno != 0 {
		what = cell{"failed: " + failure(c.Netns.Errno), p.paint.bad}
	}
	text := p.fitted(c.BootNS, what, p.cells(c)...)
	if c.Netns.Cost != nil {
		text += p.costLine(&c.Netns)
	}
	return text
}

// briefSpent is how long a creation took.
func briefSpent(n *event.NetnsCreate) string {
	if n.EntryMissed {
		return "?ms"
	}
	return durationText(n.DurationNS)
}

// cells are for whom, by whom, and asked by whom. Where it is not known for whom, the place
// of the creator tells most.
func (p *textPrinter) cells(c *finding.Attribution) []cell {
	place := placeText(&c.Placement)
	limit := tighter(commandLimit(c, p.opt.limit(maxLineCommand)), p.opt.width())
	by := "by " + strings.TrimPrefix(creatorText(c, limit), "by ")
	whom := cell{"in " + place, p.paint.place}
	if place == nowhere {
		whom = cell{"in no unit", p.paint.place}
	}
	if knownFor(c.For) {
		whom = cell{"for " + forName(c.For), p.paint.strong}
		if place != nowhere {
			by += " in " + place
		}
	}
	asked := originText(c, limit)
	if asked == "" || c.Origin.Trigger == finding.TriggerUnknown { // what it was started by tells most
		by += descentText(c, limit)
	}
	return []cell{whom, {by, unpainted}, {asked, p.paint.strong}}
}

// descentText is the nearest ancestors of a creator.
func descentText(c *finding.Attribution, limit int) string {
	var b strings.Builder
	near := c.Ancestry[:min(maxNear, len(c.Ancestry))]
	cut := c.AncestryTruncated && len(near) == len(c.Ancestry)
	for i := range near {
		b.WriteString(" < " + label(&near[i], parentIn(c.Ancestry, i), tighter(limit, maxLineAncestor)))
	}
	if len(near) < len(c.Ancestry) {
		b.WriteString(" < " + ellipsis)
	}
	if cut {
		b.WriteString(" < " + unknownAncestors(c.AncestryWhy))
	}
	return b.String()
}

// numbered is a namespace and what became of it.
func (p *textPrinter) numbered(inum uint32, text string) cell {
	return cell{strconv.FormatUint(uint64(inum), 10) + " " + text, p.paint.strong}
}

// made is who made a namespace, where that is known.
func (p *textPrinter) made(c *finding.Attribution) cell {
	if c == nil {
		return cell{"creation not seen", unpainted}
	}
	text := p.makerText(c)
	if place := placeText(&c.Placement); place != nowhere {
		text += " in " + place
	}
	return cell{text, unpainted}
}

// fittedEnd is the end of a namespace on a terminal.
func (p *textPrinter) fittedEnd(e *finding.Ended) string {
	var made cell // what is not known is said already
	if e.Created != nil {
		made = p.made(e.Created)
	}
	return p.fitted(e.BootNS, p.numbered(e.Inum(), goneText(e)),
		cell{heldText(e.Release, p.opt.limit(maxLineCommand)), p.paint.strong}, made)
}

// fittedJoin is a process that moved in, on a terminal.
func (p *textPrinter) fittedJoin(j *finding.Joined) string {
	limit := tighter(p.opt.limit(maxLineCommand), p.opt.width())
	who := "by " + label(&j.Process, parentIn(j.Ancestry, -1), limit) + thenText(&j.Process, limit)
	where := cell{"in " + placeText(&j.Placement), p.paint.place}
	if placeText(&j.Placement) == nowhere {
		where.text = "in no unit"
	}
	return p.fitted(j.BootNS, p.numbered(j.Netns.Inum, movedText(j)), where, cell{who, unpainted}, p.made(j.Created))
}

// fittedFor says on a terminal for whom a namespace is, which is known only now.
func (p *textPrinter) fittedFor(n *finding.NetnsFor) string {
	text := "is for " + forText(n.For)
	if n.BootNS > n.Created.BootNS {
		text += ", known after " + durationText(n.BootNS-n.Created.BootNS)
	}
	what := cell{strconv.FormatUint(uint64(n.Created.Netns.Inum), 10), p.paint.strong}
	return p.fitted(n.BootNS, what, cell{text, p.paint.strong}, p.made(n.Created))
}

// note is what happened besides namespaces.
func (p *textPrinter) note(bootNS uint64, text string, paint func(string) string) string {
	if p.opt.width() == 0 {
		return p.timeOf(bootNS) + "  " + paint(text) + "\n"
	}
	return p.fitted(bootNS, cell{text, paint})
}

// hanging is a text that goes on so far in. If it needs more than a row it is not painted,
// since colours would go on to the next.
func (p *textPrinter) hanging(text string, indent int) string {
	width := p.opt.width()
	if width == 0 || ansi.StringWidth(text) <= width {
		return text + "\n"
	}
	text = ansi.Strip(text)
	first := headOf(text, indent)
	rows := Wrap(text[len(first):], max(1, width-indent))
	return first + strings.Join(rows, "\n"+strings.Repeat(" ", indent)) + "\n"
}

// fittedRow is a row of a block on a terminal: the text goes on below itself, and the
// evidence stands beside its first row.
func (b *block) fittedRow(title, text string, ev evidence.Evidence) {
	kind, more, _ := strings.Cut(fitEscaped(string(ev), maxName), ", ")
	from := b.evidenceColumn()
	kind = ansi.Truncate(kind, b.width-from, "")
	if more != "" {
		text += " (" + more + ")"
	}
	bare := strings.TrimLeft(text, " ")
	indent := strings.Repeat(" ", min(len(text)-len(bare), from/3))
	room := from - titleWidth - 2 - gap - len(indent)
	for i, row := range Wrap(bare, room) {
		line := strings.Repeat(" ", 2+titleWidth) + indent + row
		if i == 0 {
			line = "  " + title + strings.Repeat(" ", max(1, titleWidth-ansi.StringWidth(title))) + indent + row
			line += strings.Repeat(" ", max(1, from-ansi.StringWidth(line))) + b.paint.faint(kind)
		}
		b.text.WriteString(line + "\n")
	}
}

// id is a container's id, shortened where room is scarce.
func (b *block) id(id string) string {
	if b.width > 0 {
		return idText(id)
	}
	return fitEscaped(id, maxName)
}
