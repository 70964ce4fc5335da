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
)

const (
	titleWidth    = 10 // "  because   "
	evidenceFrom  = 78 // where the column of evidence begins
	maxTreeIndent = 2 * 12
)

// tree is a creation as a block: a heading, and rows with their evidence.
func (p *textPrinter) tree(c *finding.Attribution) string {
	b := block{paint: p.paint}
	b.heading(p, c)
	b.creator(c)
	b.causes(c)
	b.oldLog(&c.Netns)
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
		b.row(fitEscaped(kindText(l.Kind), titleWidth-2), linkText(l), l.Evidence)
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
}

// row adds a line. The title of a row that continues the one above is empty.
func (b *block) row(title, text string, evidence evidence.Evidence) {
	line := fmt.Sprintf("  %-*s%s", titleWidth, title, text)
	pad := max(2, evidenceFrom-width(line))
	b.text.WriteString(line)
	b.text.WriteString(strings.Repeat(" ", pad))
	b.text.WriteString(b.paint.faint(fitEscaped(string(evidence), maxName)))
	b.text.WriteByte('\n')
}

func (b *block) heading(p *textPrinter, c *finding.Attribution) {
	n := &c.Netns
	b.text.WriteString(p.timeOf(c.BootNS) + "  netns ")
	switch {
	case n.Errno != 0:
		b.text.WriteString("not created: " + p.paint.bad(failure(n.Errno)) + " after " + spentText(n))
	case n.EntryMissed:
		b.text.WriteString(p.paint.strong(strconv.FormatUint(uint64(n.Inum), 10)) + " created (beginning not seen)")
	default:
		b.text.WriteString(p.paint.strong(strconv.FormatUint(uint64(n.Inum), 10)) + " created in " + spentText(n))
	}
	b.text.WriteByte('\n')
}

// creator adds who called, how, and what it became.
func (b *block) creator(c *finding.Attribution) {
	process := &c.Process
	text := label(process, parentIn(c.Ancestry, -1), maxTreeCommand) + " " + detail(process)
	if process.Exec != nil {
		text += ", then " + commandText(process.Exec, nil, maxTreeCommand) + exeText(process.Exec)
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
			text += ", then " + commandText(c.Child.Exec, nil, maxTreeCommand) + exeText(c.Child.Exec)
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
		text := "container " + fitEscaped(p.Container.Runtime, maxName) + ":" + fitEscaped(p.Container.ID, maxName)
		if p.Outer == nil {
			text += claimText(&p.Container.Claim)
		}
		if p.Container.Pod != "" {
			text += ", pod " + fitEscaped(p.Container.Pod, maxName)
		}
		add(text, containerEvidence(p.Container))
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
	title, indent := "from", 0
	// found is set if the link to the next parent was read at the start. Otherwise
	// the fork was seen.
	found := c.Process.Preexisting
	for i := range c.Ancestry {
		a := &c.Ancestry[i]
		evidence := evidence.Kernel
		if found {
			evidence += ", found at start"
		}
		b.row(title, strings.Repeat(" ", indent)+label(a, parentIn(c.Ancestry, i), maxTreeCommand)+" "+detail(a), evidence)
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
		size := "?"
		if ipvs.Size != 0 {
			size = strconv.FormatUint(uint64(ipvs.Size), 10)
		}
		b.row("old log", fmt.Sprintf("IPVS: Creating netns size=%s id=%d", size, ipvs.ID), evidence.Kernel)
	}
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
// its ancestors.
func linkText(l *finding.Link) string {
	text := fitEscaped(causeText(l.Cause), maxTreeCommand)
	if l.Process == nil {
		return text
	}
	if text != "" {
		text += ": "
	}
	return text + descent(l.Process, l.Ancestry)
}

// descent is a process and its ancestors in one line.
func descent(p *lineage.Process, ancestry []lineage.Process) string {
	text := label(p, parentIn(ancestry, -1), maxTreeCommand) + exeText(p)
	for i := range ancestry {
		text += " < " + label(&ancestry[i], parentIn(ancestry, i), maxLineCommand)
	}
	return text
}

// origin adds where the chain begins.
func (b *block) origin(o *finding.Origin) {
	text := string(o.Trigger)
	switch {
	case o.Trigger == finding.TriggerUnknown && !o.Why.IsZero():
		text += ": " + fitEscaped(reasonText(o.Why), maxTreeCommand)
	case o.Process != nil:
		text = label(o.Process, parentIn(o.Ancestry, -1), maxTreeCommand)
		if place := placeText(&o.Placement); place != nowhere {
			text += ", " + place
		}
		if !o.Why.IsZero() {
			text += ": " + fitEscaped(reasonText(o.Why), maxTreeCommand)
		}
	case o.Unit != "":
		text += " " + unitText(&o.Placement)
	}
	b.row("origin", text, o.Evidence)
}
