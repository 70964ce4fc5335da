package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/explain/story"
)

// Clock knows the time on the machine that was observed. It is a consumer.
type Clock struct{ clock clock }

// Consume takes the next finding.
func (c *Clock) Consume(f finding.Finding) error {
	if o, ok := f.(*finding.Observed); ok {
		c.clock.observe(o.Event)
	}
	return nil
}

// Wall is the time of day at bootNS, in nanoseconds since boot. It is not known before
// the first event.
func (c *Clock) Wall(bootNS uint64) (time.Time, bool) { return c.clock.wall(bootNS) }

// dateText is a time with its date.
func (c *clock) dateText(bootNS uint64) string {
	if t, ok := c.wall(bootNS); ok {
		return t.Format(dayAndTime)
	}
	return fmt.Sprintf("%d.%03ds after the boot", bootNS/1e9, bootNS/1e6%1e3)
}

// StoryText writes all that is known of one namespace, and what ends its cause.
func StoryText(w io.Writer, s *story.Story, remedies []report.Remedy, c *Clock, opt TextOptions) error {
	p := &textPrinter{w: w, opt: opt, paint: palette(opt.Color), clock: c.clock}
	b := p.block()
	created := s.Created
	b.text.WriteString(p.hanging(fmt.Sprintf("netns %s, created %s in %s",
		p.paint.strong(fmt.Sprint(created.Netns.Inum)), p.clock.dateText(created.BootNS), spentText(&created.Netns)), timeWidth))
	b.beneficiary(created.For)
	b.creator(created)
	b.causes(created)
	b.movedIn(s)
	b.end(s, &p.clock)
	b.remedies(remedies)
	return write(w, b.text.String())
}

// remedies adds what ends the cause, with the commands to copy, and what it costs.
func (b *block) remedies(list []report.Remedy) {
	title := "to end it"
	for i := range list {
		m := &list[i]
		do := m.Do
		do.Parents, do.MoreParents = 0, false // they are among the ancestors here
		b.plainRow(title, fitEscaped(adviceText(&do), maxTreeCommand))
		title = ""
		if m.File != nil {
			b.plainRow("", "write "+quoteName(m.File.Path, maxTreeCommand)+":")
			for line := range strings.Lines(m.File.Contents) {
				b.plainRow("", "    "+fitEscaped(strings.TrimSuffix(line, "\n"), maxTreeCommand))
			}
		}
		for _, argv := range m.Commands {
			b.command(argv)
		}
		if cost := drawbackText(m.Cost); cost != "" {
			b.plainRow("", "cost: "+fitEscaped(cost, maxTreeCommand))
		}
	}
}

// command is a command line to copy. Where it takes more than a row, the row ends as a
// shell wants it, unless a word alone is as long.
func (b *block) command(argv []string) {
	const prompt, more, further = "  $ ", ` \`, "    "
	words := make([]string, 0, len(argv))
	whole := ""
	for i := range argv {
		begun := string(appendArgv(nil, argv[:i+1], maxTreeCommand))
		words = append(words, strings.TrimPrefix(strings.TrimPrefix(begun, whole), " "))
		whole = begun
	}
	room := b.width - 2 - titleWidth - len(prompt)
	tooLong := func(word string) bool { return len(further)+width(word) > room-len(more) }
	if b.width == 0 || width(whole) <= room || slices.ContainsFunc(words, tooLong) {
		b.plainRow("", prompt+whole)
		return
	}
	indent := strings.Repeat(" ", 2+titleWidth+len(prompt))
	row := indent[:2+titleWidth] + prompt
	used := 0
	for _, word := range words {
		switch n := width(word); {
		case used == 0:
			row, used = row+word, n
		case used+1+n > room-len(more):
			b.text.WriteString(row + more + "\n")
			row, used = indent+further+word, len(further)+n
		default:
			row, used = row+" "+word, used+1+n
		}
	}
	b.text.WriteString(row + "\n")
}

// plainRow is a row without evidence.
func (b *block) plainRow(title, text string) {
	bare := strings.TrimLeft(text, " ")
	indent := strings.Repeat(" ", len(text)-len(bare))
	room := 0
	if b.width > 0 {
		room = max(minColumn, b.width-2-titleWidth-len(indent))
	}
	for _, row := range Wrap(bare, room) {
		fmt.Fprintf(&b.text, "  %-*s%s%s\n", titleWidth, title, indent, row)
		title = ""
	}
}

// movedIn adds who moved in, and how many only visited.
func (b *block) movedIn(s *story.Story) {
	title := "entered"
	for _, j := range s.Occupants {
		text := label(&j.Process, parentIn(j.Ancestry, -1), b.limit()) + thenText(&j.Process, b.limit())
		if place := placeText(&j.Placement); place != nowhere {
			text += ", " + place
		}
		if ns, known := j.Age(); known {
			text += ", after " + durationText(ns)
		}
		b.row(title, text, evidence.Kernel)
		title = ""
	}
	if s.Visitors > 0 {
		b.row("visited", counted(s.Visitors, "time")+", by who left again or ended without a program of its own", evidence.Kernel)
	}
	if unlisted := joinsOf(s); unlisted > uint64(len(s.Occupants))+s.Visitors {
		b.row("", fmt.Sprintf("%d more entered that were only counted", unlisted-uint64(len(s.Occupants))-s.Visitors), evidence.Kernel)
	}
}

// joinsOf is how many joins were counted at the release.
func joinsOf(s *story.Story) uint64 {
	if s.Release == nil || s.Release.Release == nil {
		return 0
	}
	return uint64(s.Release.Release.Netns.Joins)
}

// end adds how the namespace ended, or why it may still be there.
func (b *block) end(s *story.Story, c *clock) {
	last := s.Release
	if last == nil {
		last = s.Free
	}
	if last == nil {
		b.stillThere(s, c)
		return
	}
	text := c.dateText(last.BootNS)
	if ns, known := last.Lifetime(); known {
		text = "after " + durationText(ns) + ", " + text
	}
	b.row("ended", text, evidence.Kernel)
	b.row("", heldText(last.Release, b.limit()), releaseEvidence(last.Release))
	if s.Free != nil {
		b.row("torn down", fmt.Sprintf("in %s, after a wait of %s", durationText(s.Free.Free.DurationNS), durationText(s.Free.Free.WaitNS)), evidence.Kernel)
	}
}

func releaseEvidence(r *finding.Release) evidence.Evidence {
	if r == nil || r.Netns.Held == event.HeldUnknown {
		return evidence.Unknown
	}
	return evidence.Kernel
}

// stillThere adds what may hold a namespace that was not seen to end.
func (b *block) stillThere(s *story.Story, c *clock) {
	age := durationText(s.UntilNS - min(s.UntilNS, s.Created.BootNS))
	switch {
	case !s.Watched:
		b.row("end", "not known: the recording does not have the ends of namespaces", evidence.Unknown)
		return
	case s.Gaps:
		b.row("end", "not seen, but it may have been lost", evidence.Unknown)
	default:
		b.row("alive", fmt.Sprintf("at the end of the recording, %s, %s old", c.dateText(s.UntilNS), age), evidence.Kernel)
	}
	inside := s.Inside()
	for i, p := range inside {
		title := "held by"
		if i > 0 {
			title = ""
		}
		b.row(title, insideText(p, b.limit()), evidence.Inferred)
	}
	if len(inside) == 0 {
		b.row("held by", "nobody who was seen in it: a mount, an open file or a socket can. On that machine, nsblame list --leaked shows which", evidence.Unknown)
	}
}

// insideText is a process that was seen in the namespace.
func insideText(p *lineage.Process, limit int) string {
	now := p
	if p.Exec != nil {
		now = p.Exec
	}
	return commandText(now, nil, limit) + pidText(p) + ", which was not seen to end"
}

// MatchesText writes a row for each of several namespaces that are meant, so that one
// can be chosen. Of many it has the first and the last.
func MatchesText(w io.Writer, f *story.Finder, c *Clock) error {
	var b strings.Builder
	for i, m := range f.List {
		if i == maxShownMatches/2 && len(f.List) > maxShownMatches {
			fmt.Fprintf(&b, "  %s %d more\n", ellipsis, len(f.List)-maxShownMatches)
		}
		if i >= maxShownMatches/2 && i < len(f.List)-maxShownMatches/2 {
			continue
		}
		fmt.Fprintf(&b, "%4d  %s  netns %-10d  by %s[%d]", i+1, c.clock.dateText(m.BootNS), m.Inum, commText(m.Comm), m.PID)
		if knownFor(m.For) {
			b.WriteString("  for " + forName(m.For))
		}
		b.WriteByte('\n')
	}
	return write(w, b.String())
}

// maxShownMatches bounds the rows of MatchesText.
const maxShownMatches = 20
