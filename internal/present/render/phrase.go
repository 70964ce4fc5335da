package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// CreationPhrase says a creation in one sentence without a full stop: the namespace, for
// whom, by whom, and what began it. It is safe to show.
func CreationPhrase(c *finding.Attribution) string {
	var b strings.Builder
	if c.Netns.Errno != 0 {
		b.WriteString("A network namespace was not created")
	} else {
		fmt.Fprintf(&b, "Network namespace %d was created", c.Netns.Inum)
	}
	if knownFor(c.For) {
		b.WriteString(" for " + forName(c.For))
	}
	creator := strings.TrimPrefix(creatorText(c, commandLimit(c, maxLineCommand)), "by ")
	b.WriteString(" by " + creator)
	if place := placeText(&c.Placement); place != nowhere {
		b.WriteString(" in " + place)
	}
	if text := originText(c, maxLineCommand); text != "" {
		b.WriteString(", " + text)
	}
	if c.Origin.Evidence != evidence.Kernel && c.Origin.Trigger != finding.TriggerUnknown {
		b.WriteString(" (" + string(c.Origin.Evidence) + ")")
	}
	if c.Netns.Errno != 0 {
		b.WriteString(": " + failure(c.Netns.Errno))
	}
	return b.String()
}

// ForPhrase says for whom a namespace was made, when that became known later.
func ForPhrase(n *finding.NetnsFor) string {
	return fmt.Sprintf("Network namespace %d was made for %s", n.Created.Netns.Inum, forName(n.For))
}

// LostPhrase says that something was lost, and whose that was.
func LostPhrase(l *finding.Lost, count uint64) string {
	return fmt.Sprintf("Lost %d: %s", count, lossText(l.Kind)) + ofOwner(l.Owner)
}

// DamagedPhrase says that a part of a recording could not be read.
func DamagedPhrase(d *finding.Damaged) string {
	return fmt.Sprintf("%d bytes of the recording could not be read: %s", d.Bytes, fitEscaped(damageText(d.Damage), maxName))
}

// SummaryPhrase says how a run went.
func SummaryPhrase(s *finding.Summary) string {
	return fmt.Sprintf("nsblame ends: %d namespace%s seen, %s", s.Seen, plural(s.Seen), LostText(s)) + aliveText(s.Life)
}
