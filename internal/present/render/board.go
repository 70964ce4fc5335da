package render

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/nsblame/nsblame/internal/explain/report"
)

// Board has a report in parts, for a screen that is laid out anew again and again. All
// its lines are safe to show, and none is wider than the screen. It is of one report and
// one width.
type Board struct {
	s     *screen
	lines []string // of the table, the titles first
}

// boardIndent is where a board marks a row.
const boardIndent = "  "

// minBoardWidth is what a board is laid out for at least.
const minBoardWidth = 20

// NewBoard lays a report out. All its causes are shown.
func NewBoard(r *report.Report, opt *ReportOptions) *Board {
	own := *opt
	own.Width, own.Top, own.All = max(opt.Width, minBoardWidth), 0, true
	return &Board{s: newScreen(r, &own)}
}

// Head says how many, how often and what was missed.
func (b *Board) Head() []string { return b.fit(b.s.head()) }

// Titles is the line above the table.
func (b *Board) Titles() string { return b.table()[0] }

// Row is the line of a cause, by its place in the report. Two cells at its beginning are
// free.
func (b *Board) Row(i int) string { return b.table()[i+1] }

func (b *Board) table() []string {
	if b.lines == nil {
		text := strings.TrimSuffix(b.s.grid(boardIndent).text(), "\n")
		for line := range strings.SplitSeq(text, "\n") {
			b.lines = append(b.lines, ansi.Truncate(line, b.s.opt.width(), ellipsis))
		}
	}
	return b.lines
}

// Text is what a person may look for in a cause.
func (b *Board) Text(i int) string {
	c := &b.s.r.Causes[i]
	text := b.s.w.why(c) + " " + b.s.w.what(c).plain() + " " + whomText(c) + " " + unitRefText(&c.Creator)
	return strings.ToLower(text)
}

// Happens says in a few lines what a cause does, and what helps.
func (b *Board) Happens(i int) []string {
	c := &b.s.r.Causes[i]
	if c.Grouped.By != report.ByCause {
		return b.fit(wrapped(b.s.w.groupedBy(c)+": "+b.s.w.often(c)+".", b.s.opt.width(), ""))
	}
	text := wrapped(b.s.w.happens(c), b.s.opt.width(), "") + "\n"
	if len(c.Remedies) == 0 {
		return b.fit(text)
	}
	m := newAction(c.Helps())
	if len(m.commands) > 0 {
		text += "$ " + b.s.paint.place(m.commands[0]) + "\n"
	} else {
		text += wrapped(m.do.plain()+".", b.s.opt.width(), "") + "\n"
	}
	return b.fit(text)
}

// Commands are the command lines that help against a cause, the one to try first at the
// beginning. They are quoted for a shell.
func (b *Board) Commands(i int) []string {
	c := &b.s.r.Causes[i]
	if len(c.Remedies) == 0 {
		return nil
	}
	first := c.Helps()
	list := commandsOf(first)
	for j := range c.Remedies {
		if m := &c.Remedies[j]; m != first {
			list = append(list, commandsOf(m)...)
		}
	}
	return list
}

// commandsOf leaves out what would be cut: half a command does something else.
func commandsOf(m *report.Remedy) []string {
	var list []string
	for _, argv := range m.Commands {
		if text := string(appendArgv(nil, argv, maxTreeCommand)); !strings.HasSuffix(text, ellipsis) {
			list = append(list, text)
		}
	}
	return list
}

// fit breaks a text into lines that are no wider than the screen. Each line is painted by
// itself: any of them may be the first that is shown, or the last.
func (b *Board) fit(text string) []string {
	var lines []string
	painted := ""
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if width(line) > b.s.opt.width() {
			line = ansi.Hardwrap(line, b.s.opt.width(), true)
		}
		for part := range strings.SplitSeq(line, "\n") {
			part = painted + part
			painted = openPaint(part)
			if painted != "" {
				part += paintEnd
			}
			lines = append(lines, part)
		}
	}
	return lines
}

// openPaint is the sequence that still paints at the end of a line.
func openPaint(line string) string {
	at := strings.LastIndex(line, "\x1b[")
	if at < 0 {
		return ""
	}
	sequence := line[at : at+strings.IndexByte(line[at:], 'm')+1]
	if sequence == paintEnd {
		return ""
	}
	return sequence
}

// Cause is all that is known of a cause, in lines.
func (b *Board) Cause(i int) []string {
	c := &b.s.r.Causes[i]
	w := b.s.w
	section := w.section(i, c)
	t := plainText{paint: b.s.paint, width: b.s.opt.width()}
	var text strings.Builder
	text.WriteString(t.paint.strong(t.wrap(section.name(), 0)) + "\n")
	if section.happens != "" {
		text.WriteString(t.wrap(section.happens, 0) + "\n")
	}
	b.remedies(&text, t, i, section.remedies)
	b.hour(&text, c)
	b.heading(&text, "who and why")
	t.facts(&text, section.rows)
	b.chain(&text, c)
	b.latest(&text, c)
	text.WriteString(t.figuresOf(c))
	return b.fit(text.String())
}

func (b *Board) heading(to *strings.Builder, title string) {
	to.WriteString("\n" + b.s.paint.strong(strings.ToUpper(title)) + "\n")
}

// remedies say what ends a cause. The commands have the number of the key that copies
// them.
func (b *Board) remedies(to *strings.Builder, t plainText, i int, list []action) {
	if len(list) == 0 {
		return
	}
	b.heading(to, "what ends it")
	for n, command := range b.Commands(i) {
		key := " "
		if n < maxCopied {
			key = fmt.Sprint(n + 1)
		}
		to.WriteString(" " + b.s.paint.faint(key) + " $ " + b.s.paint.place(command) + "\n")
	}
	for j := range list {
		a := &list[j]
		fmt.Fprintf(to, "  - %s.\n", t.wrap(a.do.plain(), 4))
		if a.file != "" {
			fmt.Fprintf(to, "      write %s:\n", a.file)
			for line := range strings.Lines(a.contents) {
				fmt.Fprintf(to, "        %s\n", escape(strings.TrimSuffix(line, "\n")))
			}
		}
		if len(a.cost) > 0 {
			fmt.Fprintf(to, "    costs: %s\n", t.wrap(a.cost.plain(), 11))
		}
	}
}

// maxCopied is how many commands have a key of their own.
const maxCopied = 9

// chain is the evidence of one creation.
func (b *Board) chain(to *strings.Builder, c *report.Cause) {
	b.heading(to, "the chain of one of them, with its evidence")
	p := &textPrinter{clock: b.s.w.clock, paint: b.s.paint, opt: TextOptions{Width: b.s.opt.width(), Today: b.s.w.endDay()}}
	to.WriteString(strings.TrimRight(p.tree(c.Example), "\n") + "\n")
}

// latest are the latest namespaces of a cause.
func (b *Board) latest(to *strings.Builder, c *report.Cause) {
	if c.Recent == nil || len(c.Recent.Latest) == 0 {
		return
	}
	b.heading(to, "the last "+fmt.Sprint(len(c.Recent.Latest)))
	at, netns, by := &column{title: "CREATED"}, &column{title: "NETNS"}, &column{title: "BY"}
	state, whom := &column{title: "STATE"}, &column{title: "FOR", paint: b.s.paint.place}
	for i := range c.Recent.Latest {
		n := &c.Recent.Latest[i]
		inum := fmt.Sprint(n.Inum)
		if n.Errno != 0 {
			inum = nowhere
		}
		to := nowhere
		if len(n.For) > 0 {
			to = beneficiaryText(n.For)
		}
		for _, cell := range []struct {
			to   *column
			text string
		}{
			{at, b.since(n.BootNS)}, {netns, inum}, {by, fmt.Sprintf("%s[%d]", fitEscaped(n.Comm, maxName), n.PID)}, {state, b.state(n)}, {whom, to},
		} {
			cell.to.cells = append(cell.to.cells, cell.text)
		}
	}
	g := &grid{paint: b.s.paint, indent: boardIndent, columns: []*column{at, netns, state, by, whom}}
	for _, c := range g.columns[:3] {
		c.width = c.natural()
	}
	by.width = min(by.natural(), b.s.opt.width()/4)
	whom.width = max(8, b.s.opt.width()-g.taken())
	to.WriteString(g.text())
}

// since is a time of day, with its date if that is not the day on which the report ends.
func (b *Board) since(boot uint64) string {
	at, end := b.s.w.at(boot), b.s.w.at(b.s.r.Until)
	if day, hour, dated := strings.Cut(at, " "); dated && strings.HasPrefix(end, day) {
		return hour
	}
	return at
}

// state is what became of a namespace.
func (b *Board) state(n *report.Birth) string {
	switch {
	case n.Errno != 0:
		return "failed: " + failure(n.Errno)
	case n.Ended:
		return "lived " + brief(n.LivedNS)
	case !b.s.r.Endings.Seen:
		return "end not seen"
	}
	return "open for " + brief(b.s.r.Until-min(b.s.r.Until, n.BootNS))
}

// hour shows how many there were in each minute of the last hour.
func (b *Board) hour(to *strings.Builder, c *report.Cause) {
	if c.Recent == nil {
		return
	}
	minutes := c.Recent.PerMinute[:]
	if room := b.s.opt.width() - len(boardIndent); room < len(minutes) {
		minutes = minutes[len(minutes)-room:]
	}
	most := uint32(0)
	for _, n := range minutes {
		most = max(most, n)
	}
	b.heading(to, fmt.Sprintf("the last %d minutes, at most %s a minute", len(minutes), grouped(uint64(most))))
	to.WriteString(boardIndent + b.s.paint.place(b.sparks(minutes, most)) + "\n")
	from, until := fmt.Sprintf("%d min ago", len(minutes)), b.s.w.at(b.s.r.Until)
	if gap := len(minutes) - len(from) - len(until); gap > 0 {
		to.WriteString(boardIndent + b.s.paint.faint(from+strings.Repeat(" ", gap)+until) + "\n")
	}
}

// minute is when the minute began that was so many before the last.
func (b *Board) minute(back int) uint64 {
	const minute = 60e9
	last := b.s.r.Until / minute
	return (last - min(last, uint64(back))) * minute
}

// blocks are the heights of a bar. Minutes before anything was observed have a dot.
var blocks = []rune("▁▂▃▄▅▆▇█")

func (b *Board) sparks(minutes []uint32, most uint32) string {
	var text strings.Builder
	for i, n := range minutes {
		end := b.minute(len(minutes)-1-i) + 60e9
		switch {
		case end <= b.s.r.From:
			text.WriteRune('·')
		case n == 0:
			text.WriteRune('_')
		default:
			text.WriteRune(blocks[(uint64(n)*uint64(len(blocks))-1)/uint64(max(most, 1))])
		}
	}
	return text.String()
}

// At is a time of the machine that was observed.
func (b *Board) At(boot uint64) string { return b.s.w.at(boot) }
