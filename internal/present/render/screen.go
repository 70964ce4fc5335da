package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
)

const (
	// defaultWidth is for whoever has no width.
	defaultWidth = 80
	// wideWhy is what the last two columns get before others are dropped for them.
	wideWhy = 64
	// explained is how many causes a screen says more of, and explainedPart is from
	// which part of all on it does so for any but the first: a hundredth.
	explained, explainedPart = 3, 100
	maxHosts                 = 10
	// maxNamed bounds the files that the command for more names.
	maxNamed = 60
)

// ReportOptions says how a report is laid out.
type ReportOptions struct {
	// Color paints with terminal sequences.
	Color bool
	// Width is how many cells a line has, 0 if that is not known.
	Width int
	// All adds to the first screen all that is known of each cause. One is what is
	// known of the only cause, in place of the screen.
	All, One bool
	// Top is how many causes are shown, 0 for all.
	Top int
	// Files are those of a recording, as the user named them; none where the report is
	// of the running kernel.
	Files []string
}

func (o *ReportOptions) width() int {
	if o.Width == 0 {
		return defaultWidth
	}
	return o.Width
}

// screen is the answer in a few lines.
type screen struct {
	w     *reportWriter
	r     *report.Report
	opt   *ReportOptions
	paint palette
	shown []report.Cause
	gaps  []phrase
}

func newScreen(r *report.Report, opt *ReportOptions) *screen {
	w := &reportWriter{r: r, clock: reportClock(r)}
	s := &screen{w: w, r: r, opt: opt, paint: palette(opt.Color), shown: r.Causes, gaps: w.gaps()}
	if opt.Top > 0 {
		s.shown = s.shown[:min(len(s.shown), opt.Top)]
	}
	return s
}

// text is the first screen.
func (s *screen) text() string {
	var b strings.Builder
	b.WriteString(s.head())
	if len(s.shown) > 0 {
		b.WriteString(s.table())
	}
	if more, n := s.hidden(); more > 0 {
		fmt.Fprintf(&b, "%s\n", s.paint.faint(fmt.Sprintf("    and %s with %s: --top N or --all shows them", countedWide(more, "more cause"), countedWide(n, "creation"))))
	}
	if len(s.r.Hosts) > 1 {
		b.WriteString(s.hosts())
	}
	for i := range s.shown {
		c := &s.shown[i]
		if i == explained || i > 0 && c.Count*explainedPart < s.r.Selected || s.r.By != report.ByCause {
			break
		}
		b.WriteString(s.explain(c))
	}
	b.WriteString(s.more())
	return b.String()
}

func countedWide(n uint64, what string) string { return grouped(n) + " " + what + plural(n) }

// head says how many, how often and what was missed.
func (s *screen) head() string {
	text := s.summary()
	verdict, paint := "nothing lost", s.paint.faint
	if len(s.gaps) > 0 {
		verdict, paint = "not complete: see !", s.paint.bad
	}
	room := s.opt.width() - width(text) - width(verdict)
	var b strings.Builder
	b.WriteString(s.paint.strong(wrapped(text, s.opt.width(), gutter)))
	if room >= len(gutter) {
		b.WriteString(strings.Repeat(" ", min(room, 8)) + paint(verdict) + "\n")
	} else {
		b.WriteString("\n" + gutter + paint(verdict) + "\n")
	}
	for _, gap := range s.gaps {
		b.WriteString("  ! " + s.paint.bad(wrapped(gap.plain(), s.opt.width()-4, "    ")) + "\n")
	}
	return b.String()
}

// summary says how many there were, and how often.
func (s *screen) summary() string {
	r := s.r
	text := countedWide(r.Selected-r.Failed, "network namespace")
	if n := len(r.Hosts); n > 1 {
		text += fmt.Sprintf(" on %d hosts", n)
	}
	text += " in " + brief(r.Observed)
	if p := pace(r.Selected, r.Observed); p != "" {
		text += ", " + p
	}
	text += ", " + grouped(r.Failed) + " failed"
	if r.Endings.Seen {
		text += ", " + grouped(s.open()) + " still open"
	}
	if r.FilteredOut > 0 {
		text += "; " + grouped(r.FilteredOut) + " left out by the filters"
	}
	return text
}

// open is how many namespaces are still there.
func (s *screen) open() uint64 {
	var n uint64
	for i := range s.r.Causes {
		n += s.r.Causes[i].Alive
	}
	return n
}

// hidden counts the causes that are not shown, with their creations.
func (s *screen) hidden() (causes, creations uint64) {
	for i := range s.r.Causes[len(s.shown):] {
		causes++
		creations += s.r.Causes[len(s.shown)+i].Count
	}
	return causes, creations
}

// columns are those of the causes that are shown, the last two in words.
func (s *screen) columns() []*column {
	number := &column{title: "#", right: true, paint: s.paint.faint}
	count := &column{title: "COUNT", right: true, paint: s.paint.strong}
	share := &column{title: "%", right: true}
	hour := &column{title: "PER HOUR", right: true}
	failed := &column{title: "FAILED", right: true, paint: s.paint.bad}
	open := &column{title: "OPEN", right: true}
	lived := &column{title: "LIVED", right: true}
	why := &column{title: whyTitles[s.r.By]}
	whom := &column{title: "FOR", paint: s.paint.place}
	for i := range s.shown {
		c := &s.shown[i]
		add := func(to *column, text string) { to.cells = append(to.cells, text) }
		add(number, fmt.Sprint(c.Number))
		add(count, grouped(c.Count))
		add(share, percent(c.Count, s.r.Selected))
		add(hour, perHour(c.Count, s.r.Observed))
		add(failed, grouped(c.Failed))
		add(open, s.openText(c))
		add(lived, livedText(c))
		add(why, s.w.why(c))
		add(whom, whomText(c))
	}
	list := []*column{number, count, share, hour, failed, open, lived, why, whom}
	if s.r.Failed == 0 {
		list = slices.DeleteFunc(list, func(c *column) bool { return c == failed })
	}
	return list
}

// dropped are the columns without which a row is first, where there is little room.
var dropped = []string{"PER HOUR", "OPEN", "LIVED"}

// table is a row for each cause.
func (s *screen) table() string { return s.grid("").text() }

func (s *screen) grid(indent string) *grid {
	columns := s.columns()
	figures := len(columns) - 2
	why, whom := columns[figures], columns[figures+1]
	g := &grid{paint: s.paint, indent: indent, columns: columns[:figures:figures]}
	for _, c := range g.columns {
		c.width = c.natural()
	}
	g.columns = append(g.columns, why, whom)
	wanted := min(why.natural()+whom.natural(), wideWhy)
	for _, title := range dropped {
		if s.opt.width()-g.taken() < wanted {
			g.columns = slices.DeleteFunc(g.columns, func(c *column) bool { return c.title == title })
		}
	}
	why.width, whom.width = shareRoom(max(s.opt.width()-g.taken(), 20), why.natural(), whom.natural())
	if s.r.By == report.ByPod {
		g.drop(whom) // it says the same
	}
	return g
}

func (g *grid) drop(c *column) {
	g.columns = slices.DeleteFunc(g.columns, func(o *column) bool { return o == c })
}

// shareRoom divides room between two columns: a short one gets what it needs.
func shareRoom(room, a, b int) (forA, forB int) {
	switch {
	case a+b <= room:
		return a, b
	case b <= room*2/5:
		return room - b, b
	case a <= room*3/5:
		return a, room - a
	}
	return room - room*2/5, room * 2 / 5
}

func (s *screen) openText(c *report.Cause) string {
	if !s.r.Endings.Seen {
		return "?"
	}
	return grouped(c.Alive)
}

func livedText(c *report.Cause) string {
	if c.Life.N == 0 {
		return ""
	}
	return brief(c.Life.Median)
}

// hosts is a row for each machine.
func (s *screen) hosts() string {
	columns := s.hostColumns()
	host := columns[0]
	host.width = min(host.natural(), max(12, s.opt.width()/3))
	g := &grid{paint: s.paint, columns: columns}
	text := g.text()
	if more := len(s.r.Hosts) - len(host.cells); more > 0 {
		text += s.paint.faint(fmt.Sprintf("and %d more hosts: --all", more)) + "\n"
	}
	return text
}

func (s *screen) hostColumns() []*column {
	host := &column{title: "HOST", paint: s.paint.place}
	count := &column{title: "COUNT", right: true, paint: s.paint.strong}
	share := &column{title: "%", right: true}
	hour := &column{title: "PER HOUR", right: true}
	open := &column{title: "OPEN", right: true}
	observed := &column{title: "OBSERVED", right: true}
	complete := &column{title: ""}
	for i := range s.r.Hosts {
		if i == maxHosts && !s.opt.All {
			break
		}
		h := &s.r.Hosts[i]
		state := "nothing lost"
		if !h.Complete {
			state = "not complete"
		}
		for _, cell := range []struct {
			to   *column
			text string
		}{
			{host, fitEscaped(h.Name, maxName)},
			{count, grouped(h.Selected)},
			{share, percent(h.Selected, s.r.Selected)},
			{hour, perHour(h.Selected, h.Observed)},
			{open, grouped(h.Alive)},
			{observed, brief(h.Observed)},
			{complete, state},
		} {
			cell.to.cells = append(cell.to.cells, cell.text)
		}
	}
	return []*column{host, count, share, hour, open, observed, complete}
}

// explain says what a cause does, and what helps.
func (s *screen) explain(c *report.Cause) string {
	number := fmt.Sprintf("%*d ", s.numberWidth(), c.Number)
	indent := strings.Repeat(" ", len(number))
	room := s.opt.width() - len(number)
	text := s.paint.strong(number) + wrapped(s.w.happens(c), room, indent) + "\n"
	if len(c.Remedies) == 0 {
		return text
	}
	help := *c.Helps()
	help.Do.Parents = 0 // which are not shown here
	m := newAction(&help)
	if c.Trigger != finding.TriggerPod || len(m.commands) == 0 {
		text += indent + wrapped(m.do.plain()+".", room, indent) + "\n"
	}
	if len(m.commands) > 0 {
		text += indent + s.paint.place(m.commands[0]) + "\n"
	}
	return text
}

// numberWidth is that of the first column of the table.
func (s *screen) numberWidth() int {
	most := 0
	for i := range s.shown {
		most = max(most, s.shown[i].Number)
	}
	return len(fmt.Sprint(most))
}

// more says how to dig.
func (s *screen) more() string {
	if len(s.shown) == 0 || s.opt.All {
		return ""
	}
	var text string
	if n := len(s.r.PernetInits); n > 0 {
		text += countedWide(uint64(n), "module") + " loaded meanwhile: --all shows what that did\n"
	}
	if u := &s.r.Suspects; u.Known && u.Cleared {
		if n := len(u.Units) + u.Others; n > 0 {
			text += countedWide(uint64(n), "unit") + " ran throughout and had no part in any: --all lists them\n"
		}
	}
	dig := "to dig: nsblame record -o FILE, then nsblame report FILE --cause " + fmt.Sprint(s.shown[0].Number)
	if len(s.opt.Files) > 0 {
		dig = s.command() + " --cause " + fmt.Sprint(s.shown[0].Number) + " for " + digWords(s.r)
	}
	return s.paint.faint(text) + s.paint.faint(wrapped(dig, s.opt.width(), gutter)) + "\n"
}

func digWords(r *report.Report) string {
	if r.By != report.ByCause {
		return "the figures"
	}
	return "the chain, the evidence and the figures"
}

// command is the command that made this report.
func (s *screen) command() string {
	files := string(appendArgv(nil, s.opt.Files, maxNamed))
	if strings.HasSuffix(files, ellipsis) {
		files = "FILE..."
	}
	text := "nsblame report " + files
	if s.r.By != report.ByCause {
		text += " --by " + string(s.r.By)
	}
	return text
}
