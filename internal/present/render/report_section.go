package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// row is a phrase with a title, or below the row that has it.
type row struct {
	title string
	text  phrase
}

// sectionRows are what is known of a cause.
type sectionRows []row

func (r *sectionRows) add(title string, spans ...span) { *r = append(*r, row{title, spans}) }

// list adds a row for each phrase, with the title at the first.
func (r *sectionRows) list(title string, phrases []phrase) {
	for _, p := range phrases {
		r.add(title, p...)
		title = ""
	}
}

func (w *reportWriter) section(i int, c *report.Cause) section {
	s := section{number: c.Number, title: append(w.what(c), words(": %s", times(c))), cause: c}
	if c.Grouped.By == report.ByCause {
		s.rows.origin(c)
		s.happens = w.happens(c)
	}
	s.rows.variants(c)
	s.rows.people(c)
	s.rows.failures(c)
	w.times(&s.rows, c)
	s.rows.costs(c)
	s.rows.footing(c)
	s.example = (&textPrinter{clock: w.clock, opt: TextOptions{Today: w.endDay()}}).tree(c.Example)
	for j := range c.Remedies {
		s.remedies = append(s.remedies, newAction(&c.Remedies[j]))
	}
	return s
}

// origin adds where the namespaces were made, and by what.
func (r *sectionRows) origin(c *report.Cause) {
	if c.Creator.Unit != "" {
		r.add("in", value(unitRefText(&c.Creator)))
	}
	for i := range c.Settings {
		r.add("setting", value(fitEscaped(settingText(&c.Settings[i]), maxReportCommand)))
	}
	for i := range c.Example.Links {
		if l := &c.Example.Links[i]; l.Kind == finding.KindBecause {
			cause := withoutAttempt(calledByName(l.Cause, c.Example.For))
			r.add("because", value(fitEscaped(causeText(cause), maxReportCommand)))
		}
	}
	if !c.Why.IsZero() {
		r.add("unknown", spoken(fitEscaped(reasonText(c.Why), maxReportCommand)))
	}
}

// people adds who had it done, where, and who moved in.
func (r *sectionRows) people(c *report.Cause) {
	if c.Pods.N > 1 {
		r.add("pods", value(part(c.Pods.Prefix)+"*"+part(c.Pods.Suffix)), words(" (%s different ones)", distinctText(c.Pods.Distinct)))
	}
	r.list("for", tallyPhrases(&c.For, beneficiaryText))
	if c.Attempt != nil && *c.Attempt > 0 {
		r.add("attempts", words("up to number %d, counted from 0", *c.Attempt))
	}
	r.list("run by", tallyPhrases(&c.RunBy, argvText))
	r.list("container", tallyPhrases(&c.Containers, func(v []string) string { return fitEscaped(strings.Join(v, ""), maxReportCommand) }))
	occupants := tallyPhrases(&c.Occupants, argvText)
	if c.Unreported > 0 {
		occupants = append(occupants, phrase{words("more, only counted (%d)", c.Unreported)})
	}
	r.list("occupants", occupants)
	if c.Visits > 0 {
		r.add("visited", words("%s, by who left again or ended there without a program of its own", counted(c.Visits, "time")))
	}
}

func tallyPhrases(t *report.Tally, text func([]string) string) []phrase {
	var out []phrase
	for i := range t.Values {
		v := &t.Values[i]
		out = append(out, phrase{value(text(v.Value)), words(" (%d)", v.Count)})
	}
	if t.Others > 0 {
		out = append(out, phrase{words("others (%d)", t.Others)})
	}
	return out
}

func (r *sectionRows) failures(c *report.Cause) {
	if c.Failed > 0 {
		r.add("failed", spoken(fmt.Sprintf("%d: %s", c.Failed, strings.Join(failuresText(c), ", "))))
	}
}

// failuresText are the errors of a cause.
func failuresText(c *report.Cause) []string {
	var errs []string
	for _, n := range slices.Sorted(maps.Keys(c.Errors)) {
		errs = append(errs, fmt.Sprintf("%s (%d)", failure(n), c.Errors[n]))
	}
	return errs
}

// variants adds the command lines of a cause that stands for many.
func (r *sectionRows) variants(c *report.Cause) {
	if !c.Merged {
		return
	}
	r.add("command", value(causeCommand(c)), words(", of %s different command lines", distinctText(c.Different)))
	r.list("such as", tallyPhrases(&c.Variants, argvText))
}

// times adds when the namespaces were made, how long they lived, and which are
// alive.
func (w *reportWriter) times(r *sectionRows, c *report.Cause) {
	r.add("when", w.when(c)...)
	if c.Life.N > 0 {
		r.add("lived", words("%s", quantilesText(&c.Life, lasting)))
	}
	switch {
	case !w.r.Endings.Seen:
	case c.Alive == 0:
		r.add("alive", words("none at the end"))
	default:
		r.add("alive", words("%d at the end, the oldest since %s", c.Alive, w.at(c.OldestAlive)))
	}
}

// costs adds the time that the namespaces took.
func (r *sectionRows) costs(c *report.Cause) {
	var spent []phrase
	for i := range c.Spent {
		s := &c.Spent[i]
		what := words("creating")
		if s.What != report.Whole {
			what = value(fitEscaped(s.What, maxName))
		}
		spent = append(spent, phrase{words("%s in ", durationText(s.Sum)), what, words(": each %s", quantilesText(&s.Quantiles, durationText))})
	}
	r.list("spent", spent)
	if c.Costs != nil {
		r.list("cost", costPhrases(c.Costs, maxCauseCosts))
	}
	if c.Teardown.N > 0 {
		r.add("teardown", words("%s", quantilesText(&c.Teardown, durationText)))
	}
}

// footing adds what the cause rests on.
func (r *sectionRows) footing(c *report.Cause) {
	var parts []string
	for _, e := range slices.Sorted(maps.Keys(c.Evidence)) {
		parts = append(parts, fmt.Sprintf("%s (%d)", fitEscaped(string(e), maxName), c.Evidence[e]))
	}
	r.add("evidence", spoken(strings.Join(parts, ", ")))
	if c.Before > 0 {
		r.add("uncertain", words("up to %d more before it was followed, for there were too many causes", c.Before))
	}
	r.list("hosts", tallyPhrases(&c.Hosts, func(v []string) string { return fitEscaped(strings.Join(v, ""), maxName) }))
	if c.Similar > 0 {
		r.add("similar", words("%s the same program with other arguments", counted(uint64(c.Similar), "other cause")))
	}
}

func times(c *report.Cause) string {
	text := counted(c.Count, "time")
	if c.Failed > 0 {
		text += fmt.Sprintf(", %d failed", c.Failed)
	}
	return text
}

// when says how the creations are spread over time.
func (w *reportWriter) when(c *report.Cause) phrase {
	if c.Count == 1 {
		return phrase{words("once, at %s", w.at(c.First))}
	}
	p := phrase{words("%s to %s", w.at(c.First), w.at(c.Last))}
	r := &c.Recurrence
	if r.Bursts < c.Count {
		p = append(p, words(", in %s", counted(r.Bursts, "burst")))
	}
	if r.Interval.N == 0 {
		return p
	}
	if r.Periodic {
		p = append(p, words(", periodic, every %s", quantilesText(&r.Interval, lasting)))
	} else {
		p = append(p, words(", not periodic, intervals of %s", quantilesText(&r.Interval, lasting)))
	}
	return p
}

// quantilesText is the median with what lies around it.
func quantilesText(s *report.Quantiles, text func(uint64) string) string {
	if s.Min == s.Max {
		return text(s.Median)
	}
	return fmt.Sprintf("%s (median; quartiles %s and %s, least %s, most %s)", text(s.Median), text(s.Q1), text(s.Q3), text(s.Min), text(s.Max))
}
