package render

import (
	"fmt"
	"time"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// Page is a report in words, for an output that lays it out itself. Its texts have no
// byte that would not show. They are not escaped for HTML.
type Page struct {
	// Title names what was observed, Summary says how many and how often, Detail between
	// which times, Verdict whether something was missed.
	Title, Summary, Detail, Verdict string
	// Complete is set if nothing was missed, Gaps is what was.
	Complete bool
	Gaps     []string
	// Table has a row for each cause that is shown, Hosts one for each machine. More says
	// what is not shown.
	Table, Hosts []PageColumn
	More         string
	Causes       []PageCause
	Costs        *PageList
	Loads        *PageList
	Units        *PageList
	clock        clock
}

// PageColumn is a column of a table.
type PageColumn struct {
	Title string
	// Number is set if its cells are numbers.
	Number bool
	Cells  []string
}

// PageList is a list with the sentences above it.
type PageList struct{ Title, Items []string }

// PageCause is a cause in words.
type PageCause struct {
	Number int
	// Name is what it is called, Why and For are its cells in the table.
	Name, Why, For string
	// Happens says in a sentence what it does; Do what helps, and Command is one for it.
	Happens, Do, Command string
	Rows                 []PageRow
	Figures              []PageColumn
	Chain                []PageStep
	Example              string
	Remedies             []PageRemedy
	// Intervals names what the bins of the histogram are, empty where there are none.
	Intervals string
	// Cause is what is put into words.
	Cause *report.Cause
}

// PageRow is what is known of a cause under one title.
type PageRow struct {
	Title  string
	Values []string
}

// PageStep is a step from the origin to the namespace, with its evidence.
type PageStep struct{ Title, Text, Evidence string }

// PageRemedy is what ends a cause.
type PageRemedy struct {
	Do, Cost, File, Contents string
	Commands                 []string
}

// NewPage puts a report into words.
func NewPage(r *report.Report, opt *ReportOptions) *Page {
	s, d := newScreen(r, opt), newDocument(r)
	p := &Page{
		Title: pageTitle(r), Summary: s.summary(), Detail: d.title.plain(), Verdict: "Nothing was lost or cut, and every probe was live.",
		Complete: d.complete, clock: s.w.clock,
	}
	if !d.complete {
		p.Verdict, p.Gaps = "The report is not complete:", plainly(d.gaps)
	}
	if len(s.shown) > 0 {
		columns := s.columns()
		for i, c := range columns {
			if r.By == report.ByPod && i == len(columns)-1 {
				break // it says the same as the one before
			}
			p.Table = append(p.Table, c.page())
		}
	}
	if len(r.Hosts) > 1 {
		for _, c := range s.hostColumns() {
			p.Hosts = append(p.Hosts, c.page())
		}
	}
	if more, n := s.hidden(); more > 0 {
		p.More = fmt.Sprintf("%s with %s: make the report with --top N or --all to see them.", countedWide(more, "more cause"), countedWide(n, "creation"))
	}
	for i := range s.shown {
		p.Causes = append(p.Causes, s.pageCause(&d.causes[i]))
	}
	if d.costs != nil {
		p.Costs = &PageList{Title: []string{d.costs.title.plain()}, Items: plainly(d.costs.items)}
	}
	if len(d.loads) > 0 {
		p.Loads = &PageList{Title: []string{loadsTitle + ":"}, Items: plainly(d.loads)}
	}
	p.Units = &PageList{Title: plainly(d.suspects), Items: plainly(d.units)}
	for i := range p.Units.Title {
		p.Units.Title[i] += "."
	}
	return p
}

func pageTitle(r *report.Report) string {
	switch {
	case len(r.Hosts) > 1:
		return fmt.Sprintf("Network namespaces on %d hosts", len(r.Hosts))
	case r.Host != nil && r.Host.Hostname != "":
		return "Network namespaces on " + fitEscaped(r.Host.Hostname, maxName)
	}
	return "Network namespaces"
}

func plainly(list []phrase) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.plain()
	}
	return out
}

func (c *column) page() PageColumn {
	return PageColumn{Title: c.title, Number: c.right, Cells: c.cells}
}

func (s *screen) pageCause(sec *section) PageCause {
	c := sec.cause
	out := PageCause{Number: sec.number, Name: sec.title.plain(), Why: s.w.why(c), For: whomText(c), Happens: sec.happens, Example: sec.example, Cause: c}
	for _, r := range sec.rows {
		if r.title != "" {
			out.Rows = append(out.Rows, PageRow{Title: r.title})
		}
		last := &out.Rows[len(out.Rows)-1]
		last.Values = append(last.Values, r.text.plain())
	}
	if figures := figureColumns(c, palette(false)); len(figures[0].cells) > 0 {
		for _, f := range figures {
			out.Figures = append(out.Figures, f.page())
		}
	}
	if c.Grouped.By == report.ByCause && c.Example != nil {
		out.Chain = steps(c.Example)
	}
	for _, a := range sec.remedies {
		out.Remedies = append(out.Remedies, a.page())
	}
	if len(c.Remedies) > 0 {
		help := newAction(c.Helps())
		out.Do = help.do.plain() + "."
		if len(help.commands) > 0 {
			out.Command = help.commands[0]
		}
	}
	if len(c.Intervals) > 0 {
		out.Intervals = intervalName(c)
	}
	return out
}

func (a *action) page() PageRemedy {
	out := PageRemedy{Do: a.do.plain() + ".", File: a.file, Commands: a.commands}
	if len(a.cost) > 0 {
		out.Cost = a.cost.plain() + "."
	}
	if a.file != "" {
		out.Contents = escapedLines(a.contents)
	}
	return out
}

// steps are the chain of a creation, from its origin on.
func steps(k *finding.Attribution) []PageStep {
	limit := maxLineCommand
	origin := originName(&k.Origin, limit)
	if !k.Origin.Why.IsZero() {
		origin += ": " + fitEscaped(reasonText(k.Origin.Why), maxTreeCommand)
	}
	list := []PageStep{{"origin", origin, fitEscaped(string(k.Origin.Evidence), maxName)}}
	for i := len(k.Links) - 1; i >= 0; i-- {
		l := &k.Links[i]
		list = append(list, PageStep{fitEscaped(kindText(l.Kind), maxName), linkText(l, k.For, limit), fitEscaped(string(l.Evidence), maxName)})
	}
	by := label(&k.Process, parentIn(k.Ancestry, -1), limit)
	if place := placeText(&k.Placement); place != nowhere {
		by += " in " + place
	}
	made := fmt.Sprintf("netns %d", k.Netns.Inum)
	if k.Netns.Errno != 0 {
		made = "none: " + failure(k.Netns.Errno)
	}
	list = append(list, PageStep{"created by", by, "kernel"}, PageStep{"namespace", made, "kernel"})
	if k.For != nil {
		list = append(list, PageStep{"for", forText(k.For), fitEscaped(string(k.For.Evidence), maxName)})
	}
	return list
}

// At is a time since boot as a time of day, or as the time since boot where that is not
// known.
func (p *Page) At(bootNS uint64) string { return (&reportWriter{clock: p.clock}).at(bootNS) }

// Wall is a time since boot in nanoseconds since 1970, in the zone of the machine. ok is
// false where that is not known.
func (p *Page) Wall(bootNS uint64) (ns int64, zone time.Duration, ok bool) {
	t, ok := p.clock.wall(bootNS)
	if !ok {
		return 0, 0, false
	}
	_, seconds := t.Zone()
	return t.UnixNano(), time.Duration(seconds) * time.Second, true
}

// Brief is a duration in one or two units.
func Brief(ns uint64) string { return brief(ns) }

// Count is a number with its thousands apart.
func Count(n uint64) string { return grouped(n) }

// Counted is a number of things.
func Counted(n uint64, what string) string { return countedWide(n, what) }
