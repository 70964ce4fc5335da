package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// line is a creation in one line: time, namespace, duration, unit, creator and its
// ancestors.
func (p *textPrinter) line(c *finding.Attribution) string {
	if p.opt.width() > 0 {
		return p.fittedLine(c)
	}
	var b strings.Builder
	b.WriteString(p.timeOf(c.BootNS))
	b.WriteString("  netns " + p.paint.strong(inumText(&c.Netns)) + "  ")
	if c.Netns.Errno != 0 {
		b.WriteString(p.paint.bad("failed: "+failure(c.Netns.Errno)) + "  ")
	} else {
		b.WriteString(spentText(&c.Netns) + "  ")
	}
	if knownFor(c.For) {
		b.WriteString(p.paint.strong("for "+forName(c.For)) + "  ")
	}
	b.WriteString(p.paint.place(placeText(&c.Placement)) + "  ")
	b.WriteString(creatorText(c, p.opt.limit(commandLimit(c, maxLineCommand))))
	for _, a := range ancestorTexts(c.Ancestry, c.AncestryTruncated, c.AncestryWhy, p.opt.limit(maxLineAncestor)) {
		b.WriteString(p.paint.faint("  < " + a))
	}
	if text := originText(c, p.opt.limit(maxLineCommand)); text != "" {
		b.WriteString("  " + p.paint.strong(text))
	}
	b.WriteByte('\n')
	if c.Netns.Cost != nil {
		b.WriteString(p.costLine(&c.Netns))
	}
	return b.String()
}

// originText is where the chain begins, empty if that is the creator itself.
func originText(c *finding.Attribution, limit int) string {
	o := &c.Origin
	switch {
	case o.Trigger == finding.TriggerUnknown:
		return "origin unknown"
	case o.Trigger == finding.TriggerGuest:
		return "because of " + guestText(&o.Placement)
	case o.Process != nil && o.Process.ID == c.Process.ID:
		return ""
	case o.Process != nil:
		return "asked by " + label(o.Process, parentIn(o.Ancestry, -1), limit) + " in " + placeText(&o.Placement)
	case o.Pod != nil:
		return "because of " + podName(o.Pod, quoted)
	case o.Container != nil:
		return "because of " + string(o.Trigger) + " of " + containerName(o.Container, quoted)
	default:
		return "because of " + string(o.Trigger) + " " + unitText(&o.Placement)
	}
}

// ancestorTexts returns what stands behind each "<": the nearest ancestors,
// and in place of too many their count and the root.
//
// cut and why say that and why the list doesn't reach the root, if it doesn't.
func ancestorTexts(list []lineage.Process, cut bool, why lineage.Cut, limit int) []string {
	var out []string
	for i := range list {
		if len(list) > maxAncestors && i == maxAncestors-2 {
			out = append(out, fmt.Sprintf("%s %d more", ellipsis, len(list)-maxAncestors+1))
			i = len(list) - 1
			out = append(out, label(&list[i], nil, limit))
			break
		}
		out = append(out, label(&list[i], parentIn(list, i), limit))
	}
	if cut {
		out = append(out, unknownAncestors(why))
	}
	return out
}

// unknownAncestors says that and why the lineage ends before the root.
func unknownAncestors(why lineage.Cut) string {
	if why == "" {
		return "?"
	}
	return "? (" + fitEscaped(cutText(why), maxName) + ")"
}

// inumText is the namespace's number in a column of ten.
func inumText(n *event.NetnsCreate) string {
	if n.Inum == 0 {
		return "-         "
	}
	return fmt.Sprintf("%-10d", n.Inum)
}

// failure names an error and what it means here.
func failure(errno uint32) string {
	if meaning := errnoMeaning(errno); meaning != "" {
		return errnoName(errno) + " (" + meaning + ")"
	}
	return errnoName(errno)
}

// spentText is how long a creation took, and what its subsystems took of it.
func spentText(n *event.NetnsCreate) string {
	if n.EntryMissed {
		return "?ms"
	}
	out := durationText(n.DurationNS)
	var inits []string
	for i := range n.Init {
		inits = append(inits, fitEscaped(n.Init[i].Subsystem, maxName)+" "+durationText(n.Init[i].DurationNS))
	}
	if len(inits) > 0 {
		out += " (" + strings.Join(inits, ", ") + ")"
	}
	return out
}
