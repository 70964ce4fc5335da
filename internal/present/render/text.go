package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// How much text shows of what can be long, in characters. JSON shows all.
const (
	maxLineCommand  = 120  // the creator's command line, in a line
	maxLineAncestor = 60   // an ancestor's, in a line
	maxMachinery    = 40   // that of a container's machinery, where its container or pod is known
	maxTreeCommand  = 4096 // any command line in a tree
	maxName         = 128  // unit, container, path, reason
	maxAncestors    = 8    // ancestors in a line; further ones are counted
	shortID         = 12   // digits of a container's id, as docker shows them
)

// TextOptions says how text is to look.
type TextOptions struct {
	// Tree shows a block of lines with the evidence for each creation, instead
	// of one line.
	Tree bool
	// Life shows the end of each namespace, too.
	Life bool
	// Color paints with terminal sequences.
	Color bool
	// Width is how many cells a row has; what is longer goes on below itself. 0 is
	// for files and programs: a line there is a row without an end.
	Width int
	// Wide shows all of what can be long, and on one row.
	Wide bool
	// Today is a moment of the day whose times have no date; those of other days have
	// theirs. With the zero Today none has.
	Today time.Time
}

// width is that of a row, 0 for one without an end.
func (o *TextOptions) width() int {
	if o.Wide {
		return 0
	}
	return o.Width
}

// limit is how much is shown of a command line, usually so many characters. On a terminal
// its middle is left out.
func (o *TextOptions) limit(usual int) int {
	switch {
	case o.Wide:
		return maxTreeCommand
	case o.Width > 0:
		return -min(usual, 2*o.Width)
	}
	return usual
}

type textPrinter struct {
	w, diag io.Writer
	opt     TextOptions
	paint   palette
	clock   clock
	// firsts says what ends a cause, in the tree of its first namespace; nil if nobody asks.
	firsts *report.Firsts
}

// NewText returns a consumer that prints for people. Creations and losses go to
// w; probes that are not live, losses once more and the summary to diag.
//
// It writes each line or block with one Write, and returns the error of that.
// It is for one goroutine.
func NewText(w, diag io.Writer, opt TextOptions) finding.Consumer {
	p := &textPrinter{w: w, diag: diag, opt: opt, paint: palette(opt.Color)}
	if opt.Tree {
		p.firsts = report.NewFirsts()
	}
	return p
}

// Consume prints a finding, unless it is one that text does not show.
func (p *textPrinter) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		p.clock.observe(f.Event)
		if p.firsts != nil {
			p.firsts.Observe(f.Event)
		}
	case *finding.Created:
		if f.Selected {
			return p.created(f.Attribution)
		}
	case *finding.NetnsFor:
		return p.becameKnown(f)
	case *finding.Joined:
		return p.joined(f)
	case *finding.Ended:
		return p.ended(f)
	case *finding.PernetInit:
		if f.Selected {
			return p.pernetInit(f)
		}
	case *finding.Lost:
		return p.lost(f)
	case *finding.Covered:
		return p.covered(f)
	case *finding.Damaged:
		return p.damaged(f)
	case *finding.Summary:
		return p.summary(f)
	}
	return nil
}

func (p *textPrinter) created(c *finding.Attribution) error {
	if p.opt.Tree {
		return write(p.w, p.tree(c))
	}
	return write(p.w, p.line(c))
}

func (p *textPrinter) lost(l *finding.Lost) error {
	text := fmt.Sprintf("lost %d: %s", l.Count, lossText(l.Kind)) + ofOwner(l.Owner)
	if err := write(p.w, p.note(l.BootNS, text, p.paint.bad)); err != nil {
		return err
	}
	return write(p.diag, "nsblame: "+text+"\n")
}

func (p *textPrinter) covered(c *finding.Covered) error {
	if c.Changed {
		return write(p.w, p.coverageText(c))
	}
	if c.Live {
		return nil
	}
	text := "nsblame: probe " + fitEscaped(string(c.Probe), maxName) + " is not attached"
	if c.Why != "" {
		text += ": " + fitEscaped(c.Why, maxTreeCommand)
	}
	return write(p.diag, text+"\n")
}

func (p *textPrinter) damaged(d *finding.Damaged) error {
	text := fmt.Sprintf("recording damaged: %d bytes at %d, at least %d block%s: %s",
		d.Bytes, d.Offset, d.Blocks, plural(d.Blocks), fitEscaped(damageText(d.Damage), maxName))
	if err := write(p.w, p.note(d.BootNS, text, p.paint.bad)); err != nil {
		return err
	}
	return write(p.diag, "nsblame: "+text+"\n")
}

func (p *textPrinter) summary(s *finding.Summary) error {
	text := fmt.Sprintf("%d namespace%s seen, %d printed%s, %s", s.Seen, plural(s.Seen), s.Printed, p.windowText(s.Within), LostText(s))
	text += fmt.Sprintf(", %d cut", s.Cut) + aliveText(s.Life)
	if n := s.Life.Unreported; n > 0 {
		text += fmt.Sprintf(", %d more join%s only counted", n, plural(n))
	}
	if s.BusCut > 0 {
		text += fmt.Sprintf(", %d bus message%s not captured far enough", s.BusCut, plural(s.BusCut))
	}
	if s.Damages > 0 {
		text += fmt.Sprintf(", %d part%s of the recording not readable (%d bytes, at least %d block%s)",
			s.Damages, plural(s.Damages), s.DamagedBytes, s.DamagedBlocks, plural(s.DamagedBlocks))
	}
	switch s.Redacted {
	case "":
	case "names":
		text += ", machine's name redacted"
	default:
		text += ", arguments redacted (" + fitEscaped(s.Redacted, maxName) + ")"
	}
	return write(p.diag, text+"\n")
}

// windowText says in which window creations were printed.
func (p *textPrinter) windowText(w finding.Window) string {
	text := ""
	for _, bound := range []struct {
		word string
		at   time.Time
	}{{" from ", w.Since}, {" until ", w.Until}} {
		if !bound.at.IsZero() {
			text += bound.word + bound.at.In(p.clock.location()).Format(dayAndTime)
		}
	}
	return text
}

// LostText tells in words how much was lost, and of what kinds.
func LostText(s *finding.Summary) string {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(s.Lost)) {
		if s.Lost[kind] > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", s.Lost[kind], fitEscaped(string(kind), maxName)))
		}
	}
	text := fmt.Sprintf("%d lost", s.LostTotal())
	if len(kinds) > 0 {
		text += " (" + strings.Join(kinds, ", ") + ")"
	}
	return text
}

// write writes a whole line or block.
func write(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("write text: %w", err)
	}
	return nil
}

func plural(n uint64) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// timeOf is the time of day on the machine that was observed, or the seconds
// since boot before it is known.
func (p *textPrinter) timeOf(bootNS uint64) string { return p.paint.faint(p.timeText(bootNS)) }

func (p *textPrinter) timeText(bootNS uint64) string {
	hour, day := p.hourAndDay(bootNS)
	if day != "" {
		return day + " " + hour
	}
	return hour
}

// hourAndDay is a time of day and its date, which is empty for today.
func (p *textPrinter) hourAndDay(bootNS uint64) (hour, day string) {
	t, ok := p.clock.wall(bootNS)
	if !ok {
		return fmt.Sprintf("+%d.%03d", bootNS/1e9, bootNS/1e6%1e3), ""
	}
	if day = t.Format(time.DateOnly); p.opt.Today.IsZero() || day == p.opt.Today.In(t.Location()).Format(time.DateOnly) {
		day = ""
	}
	return t.Format("15:04:05.000"), day
}

// durationText is a duration in milliseconds, or in seconds from one on.
func durationText(ns uint64) string {
	ms := float64(ns) / float64(time.Millisecond)
	switch {
	case ms >= 1000:
		return strconv.FormatFloat(ms/1000, 'f', 3, 64) + "s"
	case ms >= 0.1 || ns == 0:
		return strconv.FormatFloat(ms, 'f', 1, 64) + "ms"
	}
	return strconv.FormatFloat(ms, 'f', 3, 64) + "ms"
}

// width is the number of cells that s takes on a terminal. It is for aligning: what
// bounds a text counts characters, because some take no cell at all.
func width(s string) int { return ansi.StringWidth(s) }
