package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// How much text and Markdown show of a report. JSON has all that is kept.
const (
	maxReportCommand = 512
	maxReportUnits   = 20
	maxReportDamage  = 4
	maxReportCosts   = 20 // of all creations
	maxCauseCosts    = 5  // of a cause's
)

// ReportText writes a report for people: the answer on a screen, and what else they ask
// for.
func ReportText(w io.Writer, r *report.Report, opt *ReportOptions) error {
	t := plainText{paint: palette(opt.Color), width: opt.Width}
	if opt.One {
		return write(w, t.cause(newDocument(r)))
	}
	text := newScreen(r, opt).text()
	d := newDocument(r)
	if opt.All {
		return write(w, text+t.document(d))
	}
	return write(w, text+t.costs(d))
}

// ReportMarkdown writes a report to paste into a ticket. What a traced process
// has chosen stands in code spans and code blocks, which it cannot end.
func ReportMarkdown(w io.Writer, r *report.Report, opt *ReportOptions) error {
	d := newDocument(r)
	if opt.Top > 0 && len(d.causes) > opt.Top {
		causes, n := r.Cut(opt.Top)
		d.causes = d.causes[:opt.Top]
		d.more = fmt.Sprintf("%s with %s: --top N or --all shows them", countedWide(uint64(causes), "more cause"), countedWide(n, "creation"))
	}
	return write(w, markdown{}.document(d))
}

// span is a piece of a sentence: words of nsblame's, or a value.
type span struct {
	text  string
	value bool
}

// phrase is a line of a report. It is safe to show on a terminal.
type phrase []span

// words are nsblame's own, which may have names in them.
func words(format string, args ...any) span { return span{text: escape(fmt.Sprintf(format, args...))} }

// spoken are words that are safe to show already.
func spoken(text string) span { return span{text: text} }

// value is something that was observed, made safe to show by the caller.
func value(text string) span { return span{text: text, value: true} }

func (p phrase) plain() string {
	var b strings.Builder
	for _, s := range p {
		b.WriteString(s.text)
	}
	return b.String()
}

// document is a report as text and Markdown lay it out.
type document struct {
	title    phrase
	complete bool // nothing was missed
	gaps     []phrase
	costs    *listing
	causes   []section
	more     string // of further causes
	loads    []phrase
	suspects []phrase
	units    []phrase
}

// listing is a list below a sentence.
type listing struct {
	title phrase
	items []phrase
}

// section is a cause.
type section struct {
	number   int
	title    phrase
	cause    *report.Cause
	happens  string // in a sentence
	rows     sectionRows
	example  string
	remedies []action
}

// action is a remedy.
type action struct {
	do, cost phrase
	file     string
	contents string
	commands []string
}

// reportWriter turns a report into a document.
type reportWriter struct {
	r     *report.Report
	clock clock
}

func newDocument(r *report.Report) *document {
	w := reportWriter{r: r, clock: reportClock(r)}
	d := &document{title: w.title(), gaps: w.gaps()}
	if d.complete = len(d.gaps) == 0; d.complete {
		d.gaps = []phrase{{words("Nothing was lost or cut, and every probe was live")}}
	}
	d.costs = costListing(r)
	for i := range r.Causes {
		d.causes = append(d.causes, w.section(i, &r.Causes[i]))
	}
	d.loads = w.loads()
	d.suspects, d.units = w.suspects()
	return d
}

func reportClock(r *report.Report) clock {
	var c clock
	if len(r.Hosts) > 0 {
		c.zone = time.UTC // of several machines that may be in several zones
	}
	if r.Host == nil && len(r.Hosts) == 0 {
		return c
	}
	if r.Host != nil {
		c.observe(event.Event{Body: r.Host})
	}
	c.steps = []clockStep{{offset: r.ClockOffsetNS}}
	return c
}

// at is a time with its day.
func (w *reportWriter) at(boot uint64) string {
	if t, ok := w.clock.wall(boot); ok {
		return t.Format(dayAndTime)
	}
	return fmt.Sprintf("+%d.%03d", boot/1e9, boot/1e6%1e3)
}

// endDay is the day on which the report ends: the times of its chains have their date where
// that is another.
func (w *reportWriter) endDay() time.Time {
	t, _ := w.clock.wall(w.r.Until)
	return t
}

// lasting is a duration that may be long.
func lasting(ns uint64) string {
	if ns < 60*uint64(time.Second) {
		return durationText(ns)
	}
	if ns > uint64(1<<63-1) {
		return strconv.FormatUint(ns/1e9, 10) + "s"
	}
	return time.Duration(ns).Round(time.Second).String()
}

func counted(n uint64, what string) string { return fmt.Sprintf("%d %s%s", n, what, plural(n)) }

func (w *reportWriter) title() phrase {
	r := w.r
	p := phrase{words("%s", counted(r.Selected-r.Failed, "network namespace")), words(" created")}
	if r.Failed > 0 {
		p = append(p, words(" and %d failed", r.Failed))
	}
	p = append(p, words(" from %s to %s (%s)", w.at(r.From), w.at(r.Until), lasting(r.Until-min(r.From, r.Until))))
	if n := len(r.Causes); n > 0 {
		p = append(p, words(", by %s", counted(uint64(n), "cause")))
	}
	if r.FilteredOut > 0 {
		p = append(p, words("; %d more left out by the filters", r.FilteredOut))
	}
	return p
}

// gaps are what was not observed, in words.
func (w *reportWriter) gaps() []phrase {
	g := &w.r.Gaps
	var out []phrase
	add := func(spans ...span) { out = append(out, spans) }
	if !w.r.Whole && !w.r.Running {
		add(words("The stream breaks off: what came after is not known"))
	}
	for _, kind := range slices.Sorted(maps.Keys(g.Lost)) {
		if n := g.Lost[kind]; n > 0 {
			add(words("Lost %d: ", n), spoken(lossText(kind)))
		}
	}
	for i := range g.Damage {
		if i == maxReportDamage {
			break
		}
		d := &g.Damage[i]
		text := fmt.Sprintf("The recording cannot be read from byte %d on for %d bytes (at least %s)", d.Offset, d.Bytes, counted(d.Blocks, "block"))
		if d.Truncated {
			text = fmt.Sprintf("The recording ends within a block: %d bytes from byte %d on cannot be read", d.Bytes, d.Offset)
		}
		add(words("%s: ", text), value(fitEscaped(damageText(d), maxName)))
	}
	if more := g.Damages - min(g.Damages, uint64(min(len(g.Damage), maxReportDamage))); more > 0 {
		add(words("The recording cannot be read in %d more places, %d bytes in all", more, g.DamagedBytes))
	}
	for i := range g.Dead {
		p := &g.Dead[i]
		add(words("The probe "), value(fitEscaped(string(p.Probe), maxName)), words(" was not live: "), value(fitEscaped(p.Why, maxReportCommand)))
	}
	if !w.r.Endings.Seen {
		add(words("The end of namespaces was not seen: how long they lived and which are alive is not known"))
	}
	if w.r.Endings.Lost > 0 {
		add(words("Up to %d ends of namespaces were missed: what seems to be alive may not be", w.r.Endings.Lost))
	}
	if g.Cut > 0 {
		add(words("Of %s not all was recorded", counted(g.Cut, "creation")))
	}
	if g.BusCut > 0 {
		add(words("%s not captured far enough", counted(g.BusCut, "bus message")))
	}
	if w.r.Ungrouped > 0 {
		add(words("%s of further causes, of which there are too many", counted(w.r.Ungrouped, "creation")))
	}
	if w.r.Uncertain > 0 {
		add(words("Up to %d creations of a cause may be among those, because it was followed late", w.r.Uncertain))
	}
	return out
}

// unitRefText is a unit with the user whose it is.
func unitRefText(p *report.UnitRef) string {
	return unitName(p.Unit) + ownerText(p)
}

// ownerText is the user whose unit it is, in the manner of a supplement.
func ownerText(p *report.UnitRef) string {
	switch {
	case p.Manager != event.ManagerUser:
		return ""
	case p.HasOwner:
		return fmt.Sprintf(" (user %d)", p.OwnerUID)
	}
	return " (user)"
}

func argvText(argv []string) string { return string(appendArgv(nil, argv, maxReportCommand)) }

// what names a cause.
func (w *reportWriter) what(c *report.Cause) phrase {
	if c.Grouped.By != report.ByCause {
		return phrase{value(w.groupedBy(c))}
	}
	command := value(causeCommand(c))
	var p phrase
	switch c.Trigger {
	case finding.TriggerCommand:
		p = phrase{command}
		if c.CommandTruncated {
			p = append(p, words(" (cut)"))
		}
		if c.Guest != "" {
			p = append(p, words(" in "), value(unitName(c.Guest)), words(" inside a container"))
		} else if c.Origin.Unit != "" {
			p = append(p, words(" in "), value(unitRefText(&c.Origin)))
		}
	case finding.TriggerGuest:
		p = guestPhrase(c)
	case finding.TriggerPod:
		p = podPhrase(c)
	case finding.TriggerUnknown:
		if c.Example != nil && knownFor(c.Example.For) && len(c.For.Values) == 1 && c.For.Others == 0 {
			return phrase{words("Unknown, for "), value(caseFor(c.Example.For))}
		}
		p = phrase{words("Unknown, through "), command}
		if c.Creator.Unit != "" {
			p = append(p, words(" in "), value(unitRefText(&c.Creator)))
		}
	case finding.TriggerRestart:
		if c.Example != nil && c.Example.Origin.Container != nil {
			return phrase{words("Restarts of "), value(containerName(c.Example.Origin.Container, quoted))}
		}
		p = phrase{words("Restarts of "), value(unitRefText(&c.Origin))}
	case finding.TriggerFailure:
		p = phrase{words("Failures of "), value(unitRefText(&c.Origin))}
	case finding.TriggerSuccess:
		p = phrase{words("The end of "), value(unitRefText(&c.Origin))}
	case finding.TriggerBoot:
		p = phrase{words("The boot, for "), value(unitRefText(&c.Origin))}
	default:
		p = phrase{words("The %s ", c.Trigger), value(unitRefText(&c.Origin))}
	}
	return p
}

// guestPhrase names a unit of the service manager in a container, or of the managers in
// several that a runtime has named.
func guestPhrase(c *report.Cause) phrase {
	p := phrase{value(unitName(c.Guest)), words(" inside ")}
	if c.Example != nil && c.Example.Origin.Placement.Container != nil && len(c.Containers.Values) == 1 && c.Containers.Others == 0 {
		return append(p, value(containerText(c.Example.Origin.Placement.Container)))
	}
	if len(c.Containers.Values) == 0 {
		return append(p, words("a container"))
	}
	return append(p, words("containers"))
}

func newAction(m *report.Remedy) action {
	a := action{do: phrase{words("%s", adviceText(&m.Do))}}
	if cost := drawbackText(m.Cost); cost != "" {
		a.cost = phrase{words("%s", cost)}
	}
	if m.File != nil {
		a.file, a.contents = quoteName(m.File.Path, maxTreeCommand), m.File.Contents
	}
	for _, argv := range m.Commands {
		a.commands = append(a.commands, string(appendArgv(nil, argv, maxTreeCommand)))
	}
	return a
}

// maxReportPernetInits bounds the modules that text and Markdown show.
const maxReportPernetInits = 20

const loadsTitle = "Modules that were loaded meanwhile, and what that did to the namespaces that there were"

// loads tells which modules were loaded, by whom, and what that cost.
func (w *reportWriter) loads() []phrase {
	var list []phrase
	for i := range w.r.PernetInits {
		if i == maxReportPernetInits {
			break
		}
		l := &w.r.PernetInits[i]
		p := phrase{
			value(fitEscaped(l.Subsystem, maxName)),
			words(": %s initialised in %s, ", counted(l.Namespaces, "namespace"), durationText(l.Sum)),
			words("%s", counted(l.Count, "time")),
		}
		if l.Failed > 0 {
			p = append(p, words(", %d of them failed", l.Failed))
		}
		list = append(list, append(append(p, words(": ")), w.what(l.Cause)...))
	}
	if more := uint64(len(w.r.PernetInits)-len(list)) + w.r.PernetInitsUngrouped; more > 0 {
		list = append(list, phrase{words("and %d more", more)})
	}
	return list
}

// suspects tells who was there and created none, and how sure that is.
func (w *reportWriter) suspects() (text, units []phrase) {
	s := &w.r.Suspects
	if !s.Known {
		return []phrase{{words("Which units were there all the time is not known: %s", reportReasonText(s.Why))}}, nil
	}
	span := fmt.Sprintf("between %s and %s", w.at(w.r.From), w.at(w.r.Until))
	if s.Cleared {
		text = append(text, phrase{words("Looked at and cleared: these units were active at both ends and neither made nor, by fork or D-Bus, caused a namespace %s. Coverage was complete and nothing was lost", span)})
	} else {
		text = append(text, phrase{words("Not seen to create any, which does not clear them: these units were active at both ends, and nothing shows that they made or caused a namespace %s. But %s", span, strings.Join(reportReasonTexts(s.Doubts), "; "))})
	}
	if s.HeardEngines {
		text = append(text, phrase{words("What a unit asks of others over other ways than D-Bus and the sockets of container engines is not followed")})
	} else {
		text = append(text, phrase{words("What a unit asks of others over other ways than D-Bus, such as a container runtime's socket, is not followed")})
	}
	if s.Why != (report.Reason{}) {
		text = append(text, phrase{words("The list may not be whole: %s", reportReasonText(s.Why))})
	}
	for i := range s.Units {
		if i == maxReportUnits {
			break
		}
		u := &s.Units[i]
		units = append(units, phrase{value(unitRefText(&u.UnitRef)), words(" (%s)", processesText(u.Processes))})
	}
	if more := len(s.Units) - len(units) + s.Others; more > 0 {
		units = append(units, phrase{words("and %d more", more)})
	}
	if len(units) == 0 {
		units = append(units, phrase{words("none")})
	}
	return text, units
}

func processesText(n uint32) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}
