package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// becameKnown prints a line when it is known only now for whom a namespace was made.
func (p *textPrinter) becameKnown(n *finding.NetnsFor) error {
	if n.Created == nil || !knownFor(n.For) {
		return nil
	}
	if p.opt.width() > 0 {
		return write(p.w, p.fittedFor(n))
	}
	var b strings.Builder
	b.WriteString(p.timeOf(n.BootNS))
	b.WriteString("  netns " + p.paint.strong(fmt.Sprintf("%-10d", n.Created.Netns.Inum)) + "  ")
	b.WriteString("is " + p.paint.strong("for "+forText(n.For)))
	if n.BootNS > n.Created.BootNS {
		b.WriteString(", known after " + durationText(n.BootNS-n.Created.BootNS))
	}
	b.WriteString("  " + p.paint.place(placeText(&n.Created.Placement)) + "  " + p.makerText(n.Created) + "\n")
	return write(p.w, b.String())
}

// beneficiary adds for whom a namespace was made.
func (b *block) beneficiary(f *finding.For) {
	if f != nil {
		b.row("for", forText(f), f.Evidence)
	}
}

// commandLimit is how much of a command line is shown beside a creation: little of
// a container's machinery, where it is known for whom that runs.
func commandLimit(c *finding.Attribution, limit int) int {
	if knownFor(c.For) {
		return tighter(limit, maxMachinery)
	}
	return limit
}
