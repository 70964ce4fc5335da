package render

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/inventory"
	"github.com/nsblame/nsblame/internal/explain/life"
)

// minColumn is how wide a column of a table stays, however narrow the terminal is.
const minColumn = 8

// layOut writes a table, the first row of which is its head. Columns are as wide as they
// need be. Where a row ends, the widest give way, and cells go on below themselves.
func (p *listText) layOut(rows [][]string, paint func(row, column int) func(string) string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], ansi.StringWidth(text))
			if !p.opt.Wide {
				widths[i] = min(widths[i], maxCell)
			}
		}
	}
	broken := p.opt.width() > 0
	if broken {
		narrow(widths, p.opt.width()-gap*(len(widths)-1))
	}
	var b strings.Builder
	for i, row := range rows {
		columns := make([]slot, len(row))
		for j, text := range row {
			columns[j] = slot{cell{text, unpainted}, widths[j]}
			switch {
			case i == 0:
				columns[j].paint = p.paint.faint
			case j == 0:
				columns[j].paint = p.paint.strong
			default:
				columns[j].paint = paint(i-1, j)
			}
		}
		if broken {
			b.WriteString(inColumns(columns))
		} else {
			b.WriteString(inOneRow(columns))
		}
	}
	return b.String()
}

// narrow takes from the widest columns until all fit.
func narrow(widths []int, room int) {
	sum := 0
	for _, w := range widths {
		sum += w
	}
	for ; sum > room; sum-- {
		i := slices.Index(widths, slices.Max(widths))
		if widths[i] <= minColumn {
			return
		}
		widths[i]--
	}
}

// inOneRow writes cells beside each other, whole.
func inOneRow(columns []slot) string {
	var b strings.Builder
	for i, c := range columns {
		b.WriteString(c.paint(c.text))
		if i < len(columns)-1 {
			b.WriteString(strings.Repeat(" ", max(0, c.width-ansi.StringWidth(c.text))+gap))
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// addColumn adds a column with what text says, if it says anything of any namespace.
func (p *listText) addColumn(rows [][]string, title string, text func(*inventory.Namespace) string) {
	var column []string
	said := false
	for _, n := range p.list.Namespaces {
		t := text(n)
		said = said || t != ""
		if t == "" {
			t = nowhere
		}
		column = append(column, t)
	}
	if !said {
		return
	}
	rows[0] = append(rows[0], title)
	for i, t := range column {
		rows[i+1] = append(rows[i+1], t)
	}
}

// addUse adds who moved in last, if a recording has that.
func (p *listText) addUse(rows [][]string) {
	p.addColumn(rows, "LAST USED BY", func(n *inventory.Namespace) string {
		if u := p.list.Created[n.Inum].LastUse; u != nil {
			return p.useText(u)
		}
		return ""
	})
}

func (p *listText) useText(u *life.Use) string {
	ago := p.list.NowNS - min(p.list.NowNS, u.BootNS)
	return fmt.Sprintf("%s[%d] %s ago", commText(u.Comm), u.PID, roughly(ago))
}

// addFrees adds what would free those that nobody is in.
func (p *listText) addFrees(rows [][]string) {
	if p.list.Leaked {
		p.addColumn(rows, "FREED BY", freesText)
	}
}

// keptWords has the words for why no command frees a namespace.
var keptWords = map[inventory.KeptBy]string{
	inventory.KeptByNothing: "no command: what holds it can't be seen",
	inventory.KeptByRuntime: "its container runtime: remove the container or the pod there",
	inventory.KeptByMounts:  "unmounting it in the mount namespaces that have it",
	inventory.KeptByProcess: "the end of what holds it",
	inventory.KeptByInside:  "the end of those in it",
}

// freesText is the commands that would free a namespace, or what else would.
func freesText(n *inventory.Namespace) string {
	commands, why := n.Frees()
	if why != "" {
		return inWords(keptWords, why)
	}
	var list []string
	for _, argv := range commands {
		list = append(list, string(appendArgv(nil, argv, maxTreeCommand)))
	}
	return strings.Join(list, " && ")
}

// use adds who moved in last.
func (p *listText) use(b *block, n *inventory.Namespace) {
	if u := p.list.Created[n.Inum].LastUse; u != nil {
		b.row("last used", "by "+p.useText(u), evidence.Kernel)
	}
}

// frees adds what would free a namespace that nobody is in.
func (p *listText) frees(b *block, n *inventory.Namespace) {
	if n.Leaked() {
		b.row("freed by", freesText(n), evidence.Inferred)
	}
}

// GroupKey is what namespaces are counted by.
type GroupKey string

// The keys.
const (
	// ByPod: the pod, or the container, that they are for.
	ByPod GroupKey = "pod"
	// ByCreator: the unit or the container that created them, or else the process.
	ByCreator GroupKey = "creator"
)

// group is the namespaces with the same key.
type group struct {
	name          string
	count, leaked uint64
	oldest        *inventory.Namespace
}

// ListGroups counts namespaces by a key, most of them first. What is missing goes to diag.
func ListGroups(w, diag io.Writer, l *List, key GroupKey, opt TextOptions) error {
	p := newListText(l, opt)
	var groups []*group
	known := make(map[string]*group)
	for _, n := range l.Namespaces {
		name := p.keyOf(n, key)
		g := known[name]
		if g == nil {
			g = &group{name: name}
			known[name], groups = g, append(groups, g)
		}
		g.add(n)
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return int(b.count) - int(a.count) })
	rows := [][]string{{"COUNT", "LEAKED", "OLDEST", strings.ToUpper(string(key))}}
	for _, g := range groups {
		rows = append(rows, []string{
			strconv.FormatUint(g.count, 10), strconv.FormatUint(g.leaked, 10), p.age(g.oldest), g.name,
		})
	}
	text := p.layOut(rows, func(int, int) func(string) string { return unpainted })
	if err := write(w, text); err != nil {
		return err
	}
	return write(diag, p.closing())
}

func (g *group) add(n *inventory.Namespace) {
	g.count++
	if n.Leaked() {
		g.leaked++
	}
	switch {
	case g.oldest == nil, g.oldest.Age.Bound == inventory.Unknown,
		n.Age.Bound != inventory.Unknown && n.Age.SinceNS < g.oldest.Age.SinceNS:
		g.oldest = n
	}
}

// keyOf is the group that a namespace belongs to.
func (p *listText) keyOf(n *inventory.Namespace, key GroupKey) string {
	if n.Initial {
		return "the machine"
	}
	if key == ByPod {
		if f := p.list.beneficiary(n); f != nil {
			return forName(f)
		}
		return "no pod or container that is known"
	}
	c := p.list.Created[n.Inum].Attribution
	if c == nil {
		return "not known"
	}
	if place := placeText(&c.Placement); place != nowhere {
		return place
	}
	return commText(c.Process.Comm)
}
