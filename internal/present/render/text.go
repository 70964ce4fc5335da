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

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// How much text shows of what can be long, in characters. JSON shows all.
const (
	maxLineCommand  = 120  // the creator's command line, in a line
	maxLineAncestor = 60   // an ancestor's, in a line
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
}

type textPrinter struct {
	w, diag io.Writer
	opt     TextOptions
	paint   palette
	clock   clock
}

// NewText returns a consumer that prints for people. Creations and losses go to
// w; probes that are not live, losses once more and the summary to diag.
//
// It writes each line or block with one Write, and returns the error of that.
// It is for one goroutine.
func NewText(w, diag io.Writer, opt TextOptions) finding.Consumer {
	return &textPrinter{w: w, diag: diag, opt: opt, paint: palette(opt.Color)}
}

// Consume prints a finding, unless it is one that text does not show.
func (p *textPrinter) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		p.clock.observe(f.Event)
	case *finding.Created:
		if f.Selected {
			return p.created(f.Attribution)
		}
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
	text := fmt.Sprintf("lost %d: %s", l.Count, lossText(l.Kind))
	if err := write(p.w, p.timeOf(l.BootNS)+"  "+p.paint.bad(text)+"\n"); err != nil {
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
		d.Bytes, d.Offset, d.Blocks, plural(d.Blocks), fitEscaped(d.Why, maxName))
	if err := write(p.w, p.timeOf(d.BootNS)+"  "+p.paint.bad(text)+"\n"); err != nil {
		return err
	}
	return write(p.diag, "nsblame: "+text+"\n")
}

func (p *textPrinter) summary(s *finding.Summary) error {
	text := fmt.Sprintf("%d namespace%s seen, %d printed, %s", s.Seen, plural(s.Seen), s.Printed, LostText(s))
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

// line is a creation in one line: when, which namespace, how long, in which
// unit, by whom, and from whom that descends.
func (p *textPrinter) line(c *finding.Attribution) string {
	var b strings.Builder
	b.WriteString(p.timeOf(c.BootNS))
	b.WriteString("  netns " + p.paint.strong(inumText(&c.Netns)) + "  ")
	if c.Netns.Errno != 0 {
		b.WriteString(p.paint.bad("failed: "+failure(c.Netns.Errno)) + "  ")
	} else {
		b.WriteString(spentText(&c.Netns) + "  ")
	}
	b.WriteString(p.paint.place(placeText(&c.Placement)) + "  ")
	b.WriteString(creatorText(c, maxLineCommand))
	for _, a := range ancestorTexts(c.Ancestry, c.AncestryTruncated, c.AncestryWhy) {
		b.WriteString(p.paint.faint("  < " + a))
	}
	if text := originText(c); text != "" {
		b.WriteString("  " + p.paint.strong(text))
	}
	b.WriteByte('\n')
	if c.Netns.Cost != nil {
		b.WriteString(p.costLine(&c.Netns))
	}
	return b.String()
}

// originText is where the chain begins, where that is not the creator itself.
func originText(c *finding.Attribution) string {
	o := &c.Origin
	switch {
	case o.Trigger == finding.TriggerUnknown:
		return "origin unknown"
	case o.Process != nil && o.Process.ID == c.Process.ID:
		return ""
	case o.Process != nil:
		return "asked by " + label(o.Process, parentIn(o.Ancestry, -1), maxLineCommand) + " in " + placeText(&o.Placement)
	default:
		return "because of " + string(o.Trigger) + " " + unitText(&o.Placement)
	}
}

// ancestorTexts returns what stands behind each "<": the nearest ancestors,
// and in place of too many their count and the root.
//
// cut and why say that and why the list doesn't reach the root, if it doesn't.
func ancestorTexts(list []lineage.Process, cut bool, why lineage.Cut) []string {
	var out []string
	for i := range list {
		if len(list) > maxAncestors && i == maxAncestors-2 {
			out = append(out, fmt.Sprintf("%s %d more", ellipsis, len(list)-maxAncestors+1))
			i = len(list) - 1
			out = append(out, label(&list[i], nil, maxLineAncestor))
			break
		}
		out = append(out, label(&list[i], parentIn(list, i), maxLineAncestor))
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

// timeOf is the time of day on the machine that was observed, or the seconds
// since boot before it is known.
func (p *textPrinter) timeOf(bootNS uint64) string {
	if t, ok := p.clock.wall(bootNS); ok {
		return p.paint.faint(t.Format("15:04:05.000"))
	}
	return p.paint.faint(fmt.Sprintf("+%d.%03d", bootNS/1e9, bootNS/1e6%1e3))
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

// nowhere stands for a place without unit and container.
const nowhere = "-"

// placeText is the unit and the container, or nowhere.
func placeText(p *cgroup.Placement) string {
	var parts []string
	if p.Unit != "" {
		parts = append(parts, unitText(p))
	}
	if p.Container != nil {
		parts = append(parts, containerText(p.Container))
	}
	if len(parts) == 0 {
		return nowhere
	}
	return strings.Join(parts, " ")
}

// unitText is a unit's name, with the user it belongs to if that is not the
// system. Ids in the names of container units are shortened. Names of units
// hold no byte that would have to be escaped, and are shown with the escapes
// that are part of them.
func unitText(p *cgroup.Placement) string {
	name := unitName(p.Unit)
	for _, c := range []*cgroup.Container{p.Container, p.Outer, p.Monitor} {
		if c != nil && len(c.ID) == 64 {
			name = strings.Replace(name, c.ID, c.ID[:shortID]+ellipsis, 1)
		}
	}
	switch {
	case p.Manager != event.ManagerUser:
		return name
	case p.HasOwner:
		return fmt.Sprintf("%s (user %d)", name, p.OwnerUID)
	}
	return name + " (user)"
}

// containerText is "runtime:id" with a long id shortened.
func containerText(c *cgroup.Container) string {
	id := c.ID
	if len(id) == 64 {
		id = id[:shortID]
	}
	return fitEscaped(c.Runtime, maxName) + ":" + fitEscaped(id, maxName)
}

// parentIn returns the parent of ancestor i, and for -1 of the process whose
// ancestry that is; nil where it is not known.
func parentIn(ancestry []lineage.Process, i int) *lineage.Process {
	if i+1 < len(ancestry) {
		return &ancestry[i+1]
	}
	return nil
}

// creatorText is who created a namespace and what became of it: the exec that
// followed, or the child that was born in it.
func creatorText(c *finding.Attribution, limit int) string {
	out := label(&c.Process, parentIn(c.Ancestry, -1), limit)
	if c.Child != nil {
		return "by " + out + " child " + pidText(c.Child) + thenText(c.Child, limit)
	}
	if c.Netns.Call == event.CallClone && c.Netns.Errno == 0 {
		out = "by " + out + " child ?"
	}
	return out + thenText(&c.Process, limit)
}

// thenText is the exec that followed.
func thenText(p *lineage.Process, limit int) string {
	if p.Exec == nil {
		return ""
	}
	return " then " + commandText(p.Exec, nil, limit)
}

// label is how every process is shown: its command line and its pid.
func label(p, parent *lineage.Process, limit int) string {
	return commandText(p, parent, limit) + pidText(p)
}

// pidText is "[pid]", with the thread if it isn't the leader, and with a mark
// for a process that has ended.
func pidText(p *lineage.Process) string {
	out := "[" + strconv.FormatUint(uint64(p.ID.PID), 10)
	if p.TID != 0 && p.TID != p.ID.PID {
		out += "/" + strconv.FormatUint(uint64(p.TID), 10)
	}
	if p.Exited {
		out += " exited"
	}
	return out + "]"
}

// commandText is a process's command line, or its name where that tells more:
// pid 1 is known by its name; and a process that has not called exec yet has
// the command line of its parent, which is shown there. So a child of
// systemd's that is still to become its service is "(name)".
func commandText(p, parent *lineage.Process, limit int) string {
	switch {
	case p.Unresolved:
		return "?"
	case len(p.Argv) == 0 && !p.ArgvUnread, p.ID.PID == 1 && p.Comm != "", p.ArgvInherited && parent != nil:
		return commText(p.Comm)
	case p.ArgvUnread:
		return commText(p.Comm) + " (arguments unknown)"
	}
	out := appendArgv(nil, p.Argv, limit)
	if p.ArgvTruncated {
		out = append(out, " (cut)"...)
	}
	return string(out)
}

// commText is a name quoted where it could be mistaken for anything else: it
// may be "x[1] < init", for any program can choose its own.
func commText(comm string) string {
	if parenthesised(comm) && len(comm) <= maxName {
		return comm
	}
	return quoteName(comm, maxName)
}

// parenthesised reports whether comm is "(name)" with a harmless name.
func parenthesised(comm string) bool {
	rest, opened := strings.CutPrefix(comm, "(")
	name, closed := strings.CutSuffix(rest, ")")
	return opened && closed && name != "" && quotingOf(name) == bare
}

// width is the number of cells that s takes on a terminal. It is for aligning: what
// bounds a text counts characters, because some take no cell at all.
func width(s string) int { return ansi.StringWidth(s) }
