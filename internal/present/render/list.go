package render

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/inventory"
	"github.com/nsblame/nsblame/internal/explain/life"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/machinery"
)

// List is what nsblame list prints.
type List struct {
	// Host has the clock and the zone of the machine.
	Host *event.Host
	// Inventory is what there is.
	*inventory.Inventory
	// Created has the creations that are known, by inode number, and for the
	// others why they are not.
	Created map[uint32]life.Match
	// Recordings are those that were read.
	Recordings []Recording
	// Leaked is set if only those are in it that nobody is in.
	Leaked bool
}

// Recording is one in which creations were looked up.
type Recording struct {
	// Name is that of its first file.
	Name string
	// FromNS and UntilNS are the times between which it was taken, nanoseconds
	// since boot.
	FromNS, UntilNS uint64
	// GoesOn is set where it is still being written.
	GoesOn bool
	// Why says why it was not used, empty if it was.
	Why Unused
	// Damages counts the parts of it that could not be read.
	Damages uint64
}

// Unused says why a recording was not used.
type Unused string

// The reasons. The zero value stands for none.
const (
	// UnusedOtherBoot: it is of another machine, or of another run of this one.
	UnusedOtherBoot Unused = "other_boot"
)

// tally is the namespaces by what holds them.
type tally struct {
	listed, occupied, held, created uint64
	// Nothing was found to hold them: nothing visible does, or something may
	// that could not be seen.
	unheld, unexplained uint64
}

func (l *List) tally() tally {
	c := tally{listed: uint64(len(l.Namespaces))}
	for _, n := range l.Namespaces {
		switch {
		case n.Initial:
		case n.Threads > 0:
			c.occupied++
		case n.Held():
			c.held++
		case l.Gaps.Incomplete():
			c.unexplained++
		default:
			c.unheld++
		}
		if l.Created[n.Inum].Attribution != nil {
			c.created++
		}
	}
	return c
}

// knowsInitial reports whether it is known which namespace is the machine's own:
// an ordinary user may not see that. It comes first, and somebody is always in it.
func (l *List) knowsInitial() bool {
	return l.Leaked || len(l.Namespaces) > 0 && l.Namespaces[0].Initial
}

// present is a process that was found, in the form in which all are shown.
func present(p *inventory.Process) *lineage.Process {
	tid := p.TID
	if tid == 0 {
		tid = p.ID.PID
	}
	return &lineage.Process{
		ID: p.ID, TID: tid, Comm: p.Comm, Argv: p.Program.Argv, ArgvTruncated: p.Program.ArgvTruncated,
		ArgvUnread: p.Program.ArgvUnread || !p.Described, Exe: p.Program.Exe, UID: p.UID,
		Cgroup: p.Cgroup, CgroupUnknown: !p.CgroupKnown, CgroupDelegated: p.Delegated,
	}
}

// ListText writes a list for people: a line for each namespace, or with tree a
// block of lines. What is missing goes to diag.
func ListText(w, diag io.Writer, l *List, opt TextOptions) error {
	p := newListText(l, opt)
	var text string
	if opt.Tree {
		text = p.blocks()
	} else {
		text = p.table()
	}
	if err := write(w, text); err != nil {
		return err
	}
	return write(diag, p.closing())
}

type listText struct {
	list  *List
	opt   TextOptions
	paint palette
	clock clock
}

func newListText(l *List, opt TextOptions) listText {
	p := listText{list: l, opt: opt, paint: palette(opt.Color)}
	p.clock.observe(event.Event{Body: l.Host})
	return p
}

// maxCell bounds a column of the table.
const maxCell = 60

// table is a line for each namespace, in columns as wide as they need be.
func (p *listText) table() string {
	rows := [][]string{{"NETNS", "AGE", "NAME", "IN IT", "HELD BY", "CREATED BY"}}
	for _, n := range p.list.Namespaces {
		rows = append(rows, []string{
			strconv.FormatUint(uint64(n.Inum), 10), p.age(n), namesText(n), inText(n), p.heldBy(n), p.createdBy(n),
		})
	}
	held := p.addFor(rows)
	p.addUse(rows)
	p.addFrees(rows)
	return p.layOut(rows, func(row, column int) func(string) string {
		if column == held && p.list.Namespaces[row].Unheld {
			return p.paint.bad
		}
		return unpainted
	})
}

// addFor adds a column that says for whom the namespaces are, if that is known of any. It
// returns which column says what holds them.
func (p *listText) addFor(rows [][]string) (held int) {
	const inIt = 3
	known := slices.ContainsFunc(p.list.Namespaces, func(n *inventory.Namespace) bool { return p.list.beneficiary(n) != nil })
	if !known {
		return inIt + 1
	}
	rows[0] = slices.Insert(rows[0], inIt+1, "FOR")
	for i, n := range p.list.Namespaces {
		text := nowhere
		if f := p.list.beneficiary(n); f != nil {
			text = forName(f)
		}
		rows[i+1] = slices.Insert(rows[i+1], inIt+1, text)
	}
	return inIt + 2
}

// beneficiary is for whom a namespace is: as its creation says, or else the files of the
// runtimes whose containers have processes in it. It is nil if nothing tells.
func (l *List) beneficiary(n *inventory.Namespace) *finding.For {
	if c := l.Created[n.Inum].Attribution; c != nil && knownFor(c.For) {
		return c.For
	}
	var first *finding.For
	for i := range n.Containers {
		f := finding.ForFacts(&n.Containers[i])
		if f != nil && f.Pod != nil {
			return f
		}
		if first == nil {
			first = f
		}
	}
	return first
}

// age is how long a namespace has been there.
func (p *listText) age(n *inventory.Namespace) string {
	age := roughly(p.list.NowNS - min(p.list.NowNS, n.Age.SinceNS))
	switch n.Age.Bound {
	case inventory.Exact:
		return age
	case inventory.AtLeast:
		return age + "+"
	case inventory.Inferred:
		return "~" + age
	case inventory.Unknown:
	}
	return "?"
}

// roughly is a duration in its two largest units.
func roughly(ns uint64) string {
	d := time.Duration(ns)
	day := 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func namesText(n *inventory.Namespace) string {
	var names []string
	for _, name := range n.Names() {
		names = append(names, quoteName(name.Name, maxName))
	}
	if len(names) == 0 {
		return nowhere
	}
	return strings.Join(names, ",")
}

// inText is who is in a namespace: the oldest of them, and how many more.
func inText(n *inventory.Namespace) string {
	switch {
	case n.Initial:
		return fmt.Sprintf("%d process%s", n.Processes, es(n.Processes))
	case len(n.Listed) == 0:
		return "nobody"
	}
	p := present(&n.Listed[0])
	place := finding.Place(p)
	out := label(p, nil, maxCell/2)
	if where := placeText(&place); where != nowhere {
		out += " " + where
	}
	if n.Processes > 1 {
		out += fmt.Sprintf(" and %d more", n.Processes-1)
	}
	return out
}

func es(n uint64) string {
	if n == 1 {
		return ""
	}
	return "es"
}

// heldBy is what else holds a namespace.
func (p *listText) heldBy(n *inventory.Namespace) string {
	var held []string
	add := func(count uint64, what string, first string) {
		switch {
		case count == 1 || count > 0 && what == "":
			held = append(held, first)
		case count > 1:
			held = append(held, fmt.Sprintf("%d %s, e.g. %s", count, what, first))
		}
	}
	if len(n.Mounts) > 0 {
		add(n.MountCount, "mounts", "mount "+quoteName(n.Mounts[0].Path, maxCell)+elsewhereText(&n.Mounts[0]))
	}
	if len(n.Files) > 0 {
		add(n.FileCount, "open files", "file of "+holderLabel(n, &n.Files[0].Process))
	}
	if len(n.Sockets) > 0 {
		add(n.SockCount, "sockets", "socket of "+holderLabel(n, &n.Sockets[0].Process))
	}
	if len(n.Messages) > 0 {
		add(n.MessageCount, "messages", "message to "+holderLabel(n, &n.Messages[0].Process))
	}
	if len(held) > 0 {
		return strings.Join(held, "; ")
	}
	if n.Unheld {
		return p.nothing(n)
	}
	return nowhere
}

// nothing says that nothing was found that holds a namespace.
func (p *listText) nothing(n *inventory.Namespace) string {
	out := "nothing visible"
	if p.list.Gaps.Incomplete() {
		out = "nothing that could be seen"
	}
	if n.Kernel != nil && n.Kernel.HasReferences {
		out += fmt.Sprintf(" (%d reference%s)", n.Kernel.References, plural(uint64(n.Kernel.References)))
	}
	return out
}

// holderLabel is a process that holds a namespace. Where one that has nothing to do with
// it does, that may be the leak, so the table says where that process belongs.
func holderLabel(n *inventory.Namespace, p *inventory.Process) string {
	out := label(present(p), nil, maxCell/2)
	if !unrelated(n, p) {
		return out
	}
	place := finding.Place(present(p))
	return out + " " + placeText(&place) + ", unrelated"
}

// unrelated reports whether a process has nothing to do with the processes in a
// namespace, where there are any: it belongs to another unit and another container. The
// engine that made the container is related to it, and so is the service manager, which
// holds the sockets of units.
func unrelated(n *inventory.Namespace, p *inventory.Process) bool {
	shown := present(p)
	if len(n.Places) == 0 || n.Elsewhere > 0 || !p.CgroupKnown || p.ID.PID == 1 {
		return false
	}
	if _, engine := (machinery.Machine{}).EngineOf(shown); engine {
		return false
	}
	holder := finding.Place(shown)
	return !slices.ContainsFunc(n.Places, func(in inventory.Place) bool {
		place := cgroup.ParseDelegated(in.Cgroup, in.Delegated)
		if place.Container != nil && holder.Monitor != nil && *place.Container == *holder.Monitor {
			return true
		}
		if place.Container != nil || holder.Container != nil {
			return place.Container != nil && holder.Container != nil && *place.Container == *holder.Container
		}
		return place.Unit == holder.Unit && place.Manager == holder.Manager && place.OwnerUID == holder.OwnerUID
	})
}

func (p *listText) createdBy(n *inventory.Namespace) string {
	c := p.list.Created[n.Inum].Attribution
	switch {
	case n.Initial:
		return "the boot"
	case c == nil:
		return "?"
	}
	out := label(&c.Process, nil, maxCell)
	if place := placeText(&c.Placement); place != nowhere {
		out += " in " + place
	}
	if text := originText(c, maxLineCommand); text != "" {
		out += "  " + text
	}
	return out
}

// blocks is all that is known of each namespace.
func (p *listText) blocks() string {
	var out strings.Builder
	for _, n := range p.list.Namespaces {
		b := block{paint: p.paint, width: p.opt.width()}
		p.block(&b, n)
		out.WriteString(b.text.String())
		out.WriteByte('\n')
	}
	return out.String()
}

func (p *listText) block(b *block, n *inventory.Namespace) {
	b.text.WriteString("netns " + p.paint.strong(strconv.FormatUint(uint64(n.Inum), 10)))
	if n.Initial {
		b.text.WriteString(", the machine's own")
	}
	b.text.WriteByte('\n')
	for _, name := range n.Names() {
		b.row("name", quoteName(name.Name, maxName)+" ("+name.By+")", evidence.Kernel)
	}
	p.ageRow(b, n)
	p.occupants(b, n)
	if c := p.list.Created[n.Inum].Attribution; c == nil || !knownFor(c.For) { // with the creation, else
		b.beneficiary(p.list.beneficiary(n))
	}
	rows(b, "mount", len(n.Mounts), n.MountCount, func(i int) string { return mountText(&n.Mounts[i]) })
	rows(b, "file", len(n.Files), n.FileCount, func(i int) string { return fileText(n, &n.Files[i]) })
	rows(b, "socket", len(n.Sockets), n.SockCount, func(i int) string { return socketText(n, &n.Sockets[i]) })
	rows(b, "message", len(n.Messages), n.MessageCount, func(i int) string {
		return "not received yet, to socket " + fileText(n, &n.Messages[i])
	})
	if n.Unheld {
		b.row("held by", p.nothing(n), evidence.Kernel)
	}
	p.use(b, n)
	p.frees(b, n)
	if k := n.Kernel; k != nil {
		b.row("owner", fmt.Sprintf("user namespace %d, of uid %d", k.UserInum, k.OwnerUID), evidence.Kernel)
	}
	p.creation(b, n)
}

func (p *listText) ageRow(b *block, n *inventory.Namespace) {
	since := "+" + roughly(n.Age.SinceNS) + " after the boot"
	if t, ok := p.clock.wall(n.Age.SinceNS); ok {
		since = t.Format(dayAndTime)
	}
	switch n.Age.Bound {
	case inventory.Exact:
		b.row("since", since, evidence.Kernel)
	case inventory.AtLeast:
		b.row("since", since+" at the latest", evidence.Kernel)
	case inventory.Inferred:
		b.row("since", since+", when the oldest process in it started", evidence.Inferred)
	case inventory.Unknown:
		b.row("since", "unknown", evidence.Unknown)
	}
}

// occupants adds who is in a namespace; of the initial one only how many.
func (p *listText) occupants(b *block, n *inventory.Namespace) {
	if n.Initial {
		b.row("in it", inText(n), evidence.Kernel)
		return
	}
	rows(b, "in it", len(n.Listed), n.Processes, func(i int) string {
		process := present(&n.Listed[i])
		text := label(process, nil, maxTreeCommand)
		if n.Listed[i].Described {
			text += " " + detail(process)
		}
		place := finding.Place(process)
		if where := placeText(&place); where != nowhere {
			text += ", " + where
		}
		return text
	})
}

// rows adds a row for each that is listed, and how many there are besides.
func rows(b *block, title string, listed int, all uint64, text func(int) string) {
	for i := range listed {
		b.row(title, text(i), evidence.Kernel)
		title = ""
	}
	if more := all - min(all, uint64(listed)); more > 0 {
		b.row(title, fmt.Sprintf("%s %d more", ellipsis, more), evidence.Kernel)
	}
}

func mountText(m *inventory.Mount) string {
	out := quoteName(m.Path, maxName)
	switch {
	case m.Own:
	case m.Process.ID.PID == 0:
		out += fmt.Sprintf(" in mount namespace %d", m.MountInum)
	default:
		out += elsewhereText(m) + fmt.Sprintf(" %d, as %s sees it", m.MountInum, label(present(&m.Process), nil, maxLineCommand))
	}
	if m.Others > 0 {
		out += fmt.Sprintf(", and in %d more", m.Others)
	}
	return out
}

// elsewhereText says in whose mount namespace a mount is, if it is in another one than
// nsblame's.
func elsewhereText(m *inventory.Mount) string {
	if m.Own || m.Process.ID.PID == 0 {
		return ""
	}
	process := present(&m.Process)
	place := finding.Place(process)
	whose := label(process, nil, maxCell/2)
	switch {
	case place.Container != nil:
		whose = containerText(place.Container)
	case place.Unit != "":
		whose = unitText(&place)
	}
	return " in " + whose + "'s mount namespace"
}

func fileText(n *inventory.Namespace, f *inventory.File) string {
	return fmt.Sprintf("%d of %s", f.FD, holderText(n, &f.Process))
}

func socketText(n *inventory.Namespace, f *inventory.File) string {
	return fmt.Sprintf("%d (%s) of %s", f.FD, familyName(f.Family), holderText(n, &f.Process))
}

func holderText(n *inventory.Namespace, p *inventory.Process) string {
	out := label(present(p), nil, maxLineCommand)
	place := finding.Place(present(p))
	if where := placeText(&place); where != nowhere {
		out += ", " + where
	}
	if unrelated(n, p) {
		out += ", unrelated to those in it"
	}
	return out
}

// families are the names of address families (AF_*) without the prefix.
var families = map[uint32]string{
	1: "unix", 2: "inet", 10: "inet6", 16: "netlink", 17: "packet", 15: "key", 29: "can", 38: "alg", 40: "vsock", 44: "xdp",
}

func familyName(family uint32) string {
	if name, known := families[family]; known {
		return name
	}
	return "family " + strconv.FormatUint(uint64(family), 10)
}

// creation adds who created a namespace, as a trace would have shown it.
func (p *listText) creation(b *block, n *inventory.Namespace) {
	m := p.list.Created[n.Inum]
	switch {
	case n.Initial:
	case m.Attribution == nil:
		b.row("by", "unknown: "+fitEscaped(unmatchedText(m.Why), maxName), evidence.Unknown)
	default:
		c := m.Attribution
		b.beneficiary(c.For)
		b.creator(c)
		b.place(c)
		b.ancestry(c)
		for i := range c.Links {
			l := &c.Links[i]
			b.row(fitEscaped(kindText(l.Kind), titleWidth-2), linkText(l, c.For, maxTreeCommand), l.Evidence)
		}
		b.origin(&c.Origin)
	}
}

// closing counts, and says what is missing.
func (p *listText) closing() string {
	c := p.list.tally()
	var b strings.Builder
	fmt.Fprintf(&b, "%d network namespace%s: %d with processes, %d held otherwise, ", c.listed, plural(c.listed), c.occupied, c.held)
	if p.list.Gaps.Incomplete() {
		fmt.Fprintf(&b, "%d held by nothing that could be seen\n", c.unexplained)
	} else {
		fmt.Fprintf(&b, "%d held by nothing visible\n", c.unheld)
	}
	for _, gap := range gapTexts(&p.list.Gaps) {
		b.WriteString("nsblame: " + gap + "\n")
	}
	for i := range p.list.Recordings {
		if r := &p.list.Recordings[i]; r.Why != "" {
			b.WriteString("nsblame: " + quoteName(r.Name, maxName) + " was not used: " + fitEscaped(unusedText(r.Why), maxTreeCommand) + "\n")
		}
	}
	return b.String()
}

// gapTexts says in words what could not be seen.
func gapTexts(g *inventory.Gaps) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if g.Kernel != "" {
		text := "namespaces held by nothing visible, or by a socket or a message alone, can't be listed: " + fitEscaped(g.Kernel, maxTreeCommand)
		if g.Remedy != "" {
			text += "; " + fitEscaped(g.Remedy, maxTreeCommand)
		}
		add("%s", text)
	}
	if g.KernelCut {
		add("there are more namespaces than are read of the kernel's list: those created last are missing unless something visible holds them")
	}
	if g.Processes > 0 {
		add("not allowed to see in which namespace %d process%s %s", g.Processes, es(g.Processes), areOrIs(g.Processes))
	}
	if g.Files > 0 {
		add("not allowed to see the open files of %d process%s", g.Files, es(g.Files))
	}
	if g.Mounts > 0 {
		add("not allowed to see which mounts %d process%s %s", g.Mounts, es(g.Mounts), haveOrHas(g.Mounts))
	}
	if g.Processes+g.Files+g.Mounts > 0 && g.Rights != "" {
		add("to see all, %s", fitEscaped(rightsText(g.Rights), maxTreeCommand))
	}
	if g.Messages > 0 {
		add("in %d socket%s more messages wait than were looked at", g.Messages, plural(g.Messages))
	}
	if g.Hidden != "" {
		add("there may be more: %s", fitEscaped(hiddenText(g.Hidden), maxTreeCommand))
	}
	if g.Failed > 0 {
		add("%d thing%s could not be read, the first: %s", g.Failed, plural(g.Failed), fitEscaped(g.Why, maxTreeCommand))
	}
	if g.Cut > 0 {
		add("%d path%s or command line%s not listed: too many were found", g.Cut, plural(g.Cut), plural(g.Cut)+" "+areOrIs(g.Cut))
	}
	if g.Changing > 0 {
		add("%d namespace%s came or went meanwhile, and %s left out", g.Changing, plural(g.Changing), areOrIs(g.Changing))
	}
	return out
}

func areOrIs(n uint64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func haveOrHas(n uint64) string {
	if n == 1 {
		return "has"
	}
	return "have"
}
