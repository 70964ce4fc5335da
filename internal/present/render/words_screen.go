package render

import (
	"path"
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// whyTitles has the title of the column that says what creations have in common.
var whyTitles = map[report.By]string{
	report.ByCause: "WHY", report.ByOrigin: "ORIGIN", report.ByUnit: "UNIT", report.ByPod: "POD", report.ByWorkload: "WORKLOAD",
	report.ByContainer: "CONTAINER", report.ByUser: "USER", report.ByCommand: "COMMAND",
}

// why names a cause, or what its creations have in common, in a few words.
func (w *reportWriter) why(c *report.Cause) string {
	if c.Grouped.By != report.ByCause {
		return w.groupedBy(c)
	}
	if c.Trigger != finding.TriggerPod {
		return w.what(c).plain()
	}
	asker := "a pod"
	if p := c.Example.Origin.Process; p != nil {
		asker = fitEscaped(path.Base(programOf(p.Exe, p.Comm)), maxName)
	}
	switch {
	case c.Retried:
		return asker + ": sandbox fails and is tried again"
	case c.Whom.Workload != nil:
		return asker + ": " + quoted(c.Whom.Workload.Kind) + " " + quoted(c.Whom.Workload.Name)
	}
	return asker + ": sandbox of a pod"
}

func programOf(exe, comm string) string {
	if exe == "" {
		return comm
	}
	return exe
}

// groupedBy names what creations have in common.
func (w *reportWriter) groupedBy(c *report.Cause) string {
	g := &c.Grouped
	switch g.By {
	case report.ByUser:
		return "user " + strconv.FormatUint(uint64(g.UID), 10)
	case report.ByCommand:
		return causeCommand(c)
	case report.ByOrigin, report.ByUnit:
		if g.Unit.Unit != "" {
			return unitRefText(&g.Unit)
		}
	default:
		if g.Name != "" {
			return groupedName(g)
		}
	}
	return "(none, or not known)"
}

func groupedName(g *report.Grouped) string {
	switch {
	case g.Kind != "":
		return quoted(g.Kind) + " " + quoted(g.Namespace) + "/" + quoted(g.Name)
	case g.By == report.ByPod:
		return quoted(g.Namespace) + "/" + quoted(g.Name)
	}
	return quoted(briefID(g.Name))
}

// causeCommand is the command of a cause, by its arguments or else its name.
func causeCommand(c *report.Cause) string {
	switch {
	case c.Comm != "" || len(c.Command) == 0:
		return commText(c.Comm)
	case c.Merged:
		return patternText(c.Command)
	}
	return argvText(c.Command)
}

// patternText is a command line whose arguments may have "*" for what varies.
func patternText(argv []string) string {
	list := make([]string, len(argv))
	for i, arg := range argv {
		before, after, varies := strings.Cut(arg, "*")
		if !varies {
			list[i] = argvText(argv[i : i+1])
			continue
		}
		list[i] = part(before) + "*" + part(after)
	}
	return strings.Join(list, " ")
}

// part is a part of an argument, empty or quoted as it must be.
func part(text string) string {
	if text == "" {
		return ""
	}
	return quoteName(text, maxReportCommand)
}

// whomText is for whom the creations of a cause were, or in which unit they were made if
// that is another than where they began.
func whomText(c *report.Cause) string {
	switch {
	case c.Pods.N == 1 && !c.Pods.Varies:
		return "pod " + quoteName(c.Pods.Prefix, maxName)
	case c.Pods.N > 0 && c.Pods.Prefix+c.Pods.Suffix == "":
		return distinctText(c.Pods.Distinct) + " pods"
	case c.Pods.N > 0:
		return "pods " + part(c.Pods.Prefix) + "*" + part(c.Pods.Suffix) + " (" + distinctText(c.Pods.Distinct) + ")"
	case len(c.For.Values) == 1 && c.For.Others == 0:
		return beneficiaryText(c.For.Values[0].Value)
	case len(c.For.Values) > 0:
		return "several containers"
	case c.Grouped.By == report.ByCause && c.Creator.Unit != "" && c.Creator != c.Origin && c.Trigger != finding.TriggerUnknown:
		return unitRefText(&c.Creator)
	case len(c.Containers.Values) == 1 && c.Containers.Others == 0:
		return fitEscaped(strings.Join(c.Containers.Values[0].Value, ""), maxName)
	}
	return nowhere
}

func distinctText(d report.Distinct) string {
	if d.Estimated {
		return "about " + grouped(roundly(d.N))
	}
	return grouped(d.N)
}

// roundly is a number to two digits.
func roundly(n uint64) uint64 {
	unit := uint64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// happens says in a sentence what a cause does. It is safe to show.
func (w *reportWriter) happens(c *report.Cause) string {
	often := w.often(c)
	text := w.what(c).plain() + ": " + often
	switch {
	case c.Trigger == finding.TriggerPod && c.Pods.N == 1:
		_, name, _ := strings.Cut(c.Pods.Prefix, "/")
		text = quoted(name) + w.tense(c, " gets a new sandbox ", " got a new sandbox ") + often
		if c.Count == 1 {
			text = quoted(name) + " got a sandbox " + often
		}
		if c.Retried {
			text += w.tense(c, "; each attempt fails before its pause container starts",
				"; each attempt failed before its pause container started")
		}
	case c.Trigger == finding.TriggerPod && c.Whom.Workload != nil:
		text = quoted(c.Whom.Workload.Kind) + " " + quoted(c.Whom.Workload.Name) + w.tense(c, " gets a sandbox ", " got a sandbox ") + often
		if c.Pods.N > 1 {
			text += ", for " + distinctText(c.Pods.Distinct) + " pods"
		}
	case c.Trigger == finding.TriggerCommand:
		text = causeCommand(c) + w.tense(c, " makes one ", " made one ") + often
		if c.Count == 1 {
			text = causeCommand(c) + " made one, at " + w.at(c.First)
		}
		if c.Creator.Unit != "" && c.Creator != c.Origin {
			text += ", through " + unitRefText(&c.Creator)
		}
		if n := len(c.RunBy.Values); n > 0 {
			text += ", run by " + within(argvText(c.RunBy.Values[0].Value), maxLineAncestor)
			if n > 1 || c.RunBy.Others > 0 {
				text += " and others"
			}
		}
	}
	if c.Failed > 0 {
		text += "; " + grouped(c.Failed) + " failed: " + strings.Join(failuresText(c), ", ")
	}
	if c.Alive > 0 && w.r.Endings.Seen {
		text += "; " + grouped(c.Alive) + " still open, the oldest since " + w.at(c.OldestAlive)
	}
	return text + "."
}

// often says how often, and since when.
func (w *reportWriter) often(c *report.Cause) string {
	if c.Count == 1 {
		return "once, at " + w.at(c.First)
	}
	text := countedWide(c.Count, "time")
	if c.Recurrence.Periodic {
		text = "every " + brief(c.Recurrence.Interval.Median)
	}
	text += " since " + w.at(c.First)
	if w.rests(c) {
		text += ", last at " + w.at(c.Last)
	}
	return text
}

// rests reports whether nothing has come of a cause for long.
func (w *reportWriter) rests(c *report.Cause) bool {
	quiet := w.r.Until - min(w.r.Until, c.Last)
	return quiet > (w.r.Until-min(w.r.Until, w.r.From))/4 && w.at(c.Last) != w.at(c.First)
}

// tense is how to say what goes on at a steady rate, or what was.
func (w *reportWriter) tense(c *report.Cause, now, then string) string {
	if c.Recurrence.Periodic && !w.rests(c) {
		return now
	}
	return then
}
