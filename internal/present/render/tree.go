package render

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/report"
)

const (
	titleWidth    = 10 // "  because   "
	evidenceFrom  = 78 // where the column of evidence begins
	evidenceWidth = len("inferred") + 1
	// minEvidenceFrom is where it begins at least, however narrow the terminal is.
	minEvidenceFrom = 30
	maxTreeIndent   = 2 * 12
)

// tree is a creation as a block: a heading, and rows with their evidence.
func (p *textPrinter) tree(c *finding.Attribution) string {
	b := p.block()
	b.heading(p, c)
	b.beneficiary(c.For)
	b.creator(c)
	b.causes(c)
	b.oldLog(&c.Netns)
	if p.firsts != nil {
		if m := p.firsts.Of(c); m != nil {
			b.remedies([]report.Remedy{*m})
		}
	}
	b.text.WriteByte('\n')
	return b.text.String()
}

// causes adds the ancestors of the creator, the chain and the origin.
func (b *block) causes(c *finding.Attribution) {
	b.place(c)
	b.unanswered(c)
	b.ancestry(c)
	for i := range c.Links {
		l := &c.Links[i]
		b.row(fitEscaped(kindText(l.Kind), titleWidth-2), linkText(l, c.For, b.limit()), l.Evidence)
	}
	b.origin(&c.Origin)
	if c.Netns.Cost != nil {
		b.cost(&c.Netns)
	}
}

// unanswered adds what is missing of the manager's answer about the unit.
func (b *block) unanswered(c *finding.Attribution) {
	for _, problem := range c.Unanswered.Problems {
		b.row("not read", fitEscaped(problem, maxTreeCommand), evidence.Unknown)
	}
	if c.Unanswered.Cut {
		b.row("cut", unitCutText, evidence.Unknown)
	}
}

// block builds the rows of a tree.
type block struct {
	text  strings.Builder
	paint palette
	// width is that of a row, 0 for one without an end.
	width int
}

// block begins a block of rows.
func (p *textPrinter) block() block { return block{paint: p.paint, width: p.opt.width()} }

// limit is how much is shown of a command line.
func (b *block) limit() int {
	if b.width == 0 {
		return maxTreeCommand
	}
	return -2 * b.width
}

// evidenceColumn is where the column of evidence begins: at the right, but not too far
// from the text.
func (b *block) evidenceColumn() int {
	if b.width == 0 {
		return evidenceFrom
	}
	return max(minEvidenceFrom, min(b.width-evidenceWidth, max(evidenceFrom, b.width*4/5)))
}

// row adds a line. The title of a row that continues the one above is empty.
func (b *block) row(title, text string, evidence evidence.Evidence) {
	if b.width > 0 {
		b.fittedRow(title, text, evidence)
		return
	}
	line := fmt.Sprintf("  %-*s%s", titleWidth, title, text)
	pad := max(2, evidenceFrom-width(line))
	b.text.WriteString(line)
	b.text.WriteString(strings.Repeat(" ", pad))
	b.text.WriteString(b.paint.faint(fitEscaped(string(evidence), maxName)))
	b.text.WriteByte('\n')
}

func (b *block) heading(p *textPrinter, c *finding.Attribution) {
	n := &c.Netns
	text := p.timeOf(c.BootNS) + "  netns "
	switch {
	case n.Errno != 0:
		text += "not created: " + p.paint.bad(failure(n.Errno)) + " after " + spentText(n)
	case n.EntryMissed:
		text += p.paint.strong(strconv.FormatUint(uint64(n.Inum), 10)) + " created (beginning not seen)"
	default:
		text += p.paint.strong(strconv.FormatUint(uint64(n.Inum), 10)) + " created in " + spentText(n)
	}
	b.text.WriteString(p.hanging(text, timeWidth))
}

// creator adds who called, how, and what it became.
func (b *block) creator(c *finding.Attribution) {
	process := &c.Process
	limit := commandLimit(c, b.limit())
	text := label(process, parentIn(c.Ancestry, -1), limit) + " " + detail(process)
	if process.Exec != nil {
		text += ", then " + commandText(process.Exec, nil, limit) + exeText(process.Exec)
	}
	if c.Child == nil {
		text += awaitedText(c)
	}
	b.row("by", text, evidence.Kernel)
	b.row("call", callText(&c.Netns), evidence.Kernel)
	switch {
	case c.Child != nil:
		text := pidText(c.Child) + " " + detail(c.Child)
		if c.Child.Exec != nil {
			text += ", then " + commandText(c.Child.Exec, nil, limit) + exeText(c.Child.Exec)
		}
		text += awaitedText(c)
		b.row("child", text, evidence.Kernel)
	case c.Netns.Call == event.CallClone && c.Netns.Errno == 0:
		b.row("child", "unknown", evidence.Unknown)
	}
}

// callText is the system call and the namespace that it came from.
func callText(n *event.NetnsCreate) string {
	out := "unknown"
	if n.Call != event.CallUnknown {
		out = fitEscaped(string(n.Call), maxName)
	}
	if n.ParentInum == 0 {
		return out
	}
	return out + ", from netns " + strconv.FormatUint(uint64(n.ParentInum), 10)
}

// place adds the unit and the container.
func (b *block) place(c *finding.Attribution) {
	p := &c.Placement
	title := "in"
	add := func(text string, ev evidence.Evidence) {
		b.row(title, text, ev)
		title = ""
	}
	if p.Unit != "" {
		text := unitText(p) + ", " + unitName(p.Slice)
		if p.SystemUnit != p.Unit {
			text += ", below " + unitName(p.SystemUnit)
		}
		if p.Session != "" {
			text += ", session " + fitEscaped(p.Session, maxName)
		}
		add(text, unitEvidence(p))
	}
	if p.Container != nil {
		text := "container " + fitEscaped(p.Container.Runtime, maxName) + ":" + b.id(p.Container.ID)
		if p.Outer == nil {
			text += claimText(&p.Container.Claim)
		}
		if p.Container.Pod != "" {
			text += ", pod " + fitEscaped(p.Container.Pod, maxName)
		}
		add(text, containerEvidence(p.Container))
	}
	if text := guestText(p); text != "" {
		add(text, evidence.Claimed)
	}
	if p.Outer != nil {
		add("which is within container "+containerText(p.Outer), containerEvidence(p.Outer))
	}
	if p.Monitor != nil {
		add("looks after container "+containerText(p.Monitor), containerEvidence(p.Monitor))
	}
	if title == "" {
		return
	}
	if c.Process.CgroupUnknown {
		b.row(title, "cgroup unknown", evidence.Unknown)
		return
	}
	add("no unit, cgroup "+fitEscaped(c.Process.Cgroup, maxName), evidence.Kernel)
}

// ancestry adds the lineage, each below the one that it forked.
func (b *block) ancestry(c *finding.Attribution) {
	title, indent, limit := "from", 0, commandLimit(c, b.limit())
	// found is set if the link to the next parent was read at the start. Otherwise
	// the fork was seen.
	found := c.Process.Preexisting
	for i := range c.Ancestry {
		a := &c.Ancestry[i]
		evidence := evidence.Kernel
		if found {
			evidence += ", found at start"
		}
		b.row(title, strings.Repeat(" ", indent)+label(a, parentIn(c.Ancestry, i), limit)+" "+detail(a), evidence)
		title, found = "", a.Preexisting
		indent = min(indent+2, maxTreeIndent)
	}
	if c.AncestryTruncated {
		b.row(title, strings.Repeat(" ", indent)+unknownAncestors(c.AncestryWhy), evidence.Unknown)
	}
}

// oldLog gives back the line that older kernels logged for ip_vs.
func (b *block) oldLog(n *event.NetnsCreate) {
	for i := range n.Init {
		ipvs := n.Init[i].IPVS
		if ipvs == nil {
			continue
		}
		b.row("old log", LogLine(ipvs.ID, ipvs.Size), evidence.Kernel)
	}
}

// LogLine is the line that older kernels logged for ip_vs. A size of 0 is not known.
func LogLine(id int32, size uint32) string {
	text := "?"
	if size != 0 {
		text = strconv.FormatUint(uint64(size), 10)
	}
	return fmt.Sprintf("IPVS: Creating netns size=%s id=%d", text, id)
}

// detail is what a tree adds to a process's label.
func detail(p *lineage.Process) string {
	if p.Unresolved {
		return "(nothing known)"
	}
	out := "uid " + strconv.FormatUint(uint64(p.UID), 10) + exeText(p)
	if p.TID != 0 && p.TID != p.ID.PID {
		out += ", thread " + commText(p.Comm)
	}
	if !p.Exited {
		return out
	}
	s := exitStatus(p.ExitCode)
	if s.signal != 0 {
		return out + fmt.Sprintf(", killed by signal %d", s.signal)
	}
	return out + fmt.Sprintf(", exit code %d", s.code)
}

// exeText is the executable where the command line doesn't tell it.
func exeText(p *lineage.Process) string {
	if p.Exe == "" || p.ArgvInherited || tellsExe(p) {
		return ""
	}
	exe := quoteName(p.Exe, maxName)
	if p.ExeTruncated {
		exe = ellipsis + exe
	}
	return ", exe " + exe
}

// systemDirs are where only the administrator puts programs: what is run by
// its bare name from there needs no path to be believed.
var systemDirs = map[string]bool{
	"/bin": true, "/sbin": true, "/usr/bin": true, "/usr/sbin": true,
	"/lib/systemd": true, "/usr/lib/systemd": true, "/usr/libexec": true,
}

// tellsExe reports whether the name that is shown for a process is that of its
// executable. A program may call itself anything.
func tellsExe(p *lineage.Process) bool {
	shown := p.Comm
	if len(p.Argv) > 0 && p.ID.PID != 1 {
		shown = p.Argv[0]
	}
	dir, base := path.Split(p.Exe)
	return shown == p.Exe || !p.ExeTruncated && systemDirs[path.Clean(dir)] &&
		(shown == base || systemDirs[path.Dir(shown)] && path.Base(shown) == base)
}

// linkText is a link in words: what it says, and the process that it is about with
// its ancestors. to is for whom the namespace was made.
func linkText(l *finding.Link, to *finding.For, limit int) string {
	text := fitEscaped(causeText(calledByName(l.Cause, to)), maxTreeCommand)
	if l.Process == nil {
		return text
	}
	if text != "" {
		text += ": "
	}
	return text + descent(l.Process, l.Ancestry, limit)
}

// descent is a process and its ancestors in one line.
func descent(p *lineage.Process, ancestry []lineage.Process, limit int) string {
	text := label(p, parentIn(ancestry, -1), limit) + exeText(p)
	for i := range ancestry {
		text += " < " + label(&ancestry[i], parentIn(ancestry, i), tighter(limit, maxLineCommand))
	}
	return text
}

// origin adds where the chain begins.
func (b *block) origin(o *finding.Origin) {
	text := originName(o, b.limit())
	if actor := o.Process != nil || o.Pod != nil || o.Container != nil; !o.Why.IsZero() && (actor || o.Trigger == finding.TriggerUnknown) {
		text += ": " + fitEscaped(reasonText(o.Why), maxTreeCommand)
	}
	b.row("origin", text, o.Evidence)
}

// originName is where the chain begins, without a reason.
func originName(o *finding.Origin, limit int) string {
	text := string(o.Trigger)
	switch {
	case o.Trigger == finding.TriggerUnknown && !o.Why.IsZero():
	case o.Trigger == finding.TriggerGuest:
		text = guestText(&o.Placement)
	case o.Pod != nil:
		text = podName(o.Pod, quoted)
		if o.Process != nil {
			text += ", asked for by " + actorText(o, limit)
		}
	case o.Container != nil:
		text += " of " + containerName(o.Container, quoted)
	case o.Process != nil:
		text = actorText(o, limit)
	case o.Unit != "":
		text += " " + unitText(&o.Placement)
	}
	return text
}

// actorText is the process at the origin, and where it runs.
func actorText(o *finding.Origin, limit int) string {
	text := label(o.Process, parentIn(o.Ancestry, -1), limit)
	if place := placeText(&o.Placement); place != nowhere {
		text += ", " + place
	}
	return text
}
