package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/present/render"
)

const (
	// maxBrief is how many lines doctor prints unless it is asked for more.
	maxBrief = 30
	// maxBriefDetail bounds, in characters, what is said of one check.
	maxBriefDetail = 200
	// minRoom is what a text gets on a terminal that is too narrow for it.
	minRoom = 20
)

// group is the checks that one remedy mends.
type group struct {
	remedy   string
	blocks   bool
	findings []kernel.Finding
}

// groups are the checks that are not ok, by what to do about them. Those that make
// tracing impossible come first, those about which nothing can be done last.
func (d diagnosis) groups() (list []*group, ok int) {
	for _, f := range d.all() {
		if f.Verdict == kernel.OK {
			ok++
			continue
		}
		i := slices.IndexFunc(list, func(g *group) bool { return g.remedy == f.Remedy })
		if i < 0 {
			i = len(list)
			list = append(list, &group{remedy: f.Remedy})
		}
		list[i].findings = append(list[i].findings, f)
		list[i].blocks = list[i].blocks || f.Blocks()
	}
	rank := func(g *group) int {
		switch {
		case g.blocks:
			return 0
		case g.remedy != "":
			return 1
		}
		return 2
	}
	slices.SortStableFunc(list, func(a, b *group) int { return rank(a) - rank(b) })
	return list, ok
}

// brief is the verdict, and what to do: at most maxBrief lines of this width.
func (d diagnosis) brief(color bool, width int) string {
	p := briefText{table: table{color: color}, width: width}
	p.add("", d.verdict()+".")
	groups, ok := d.groups()
	for _, g := range groups {
		p.group(g)
	}
	more := ""
	if cut := len(p.lines) - (maxBrief - 2); cut > 0 {
		p.lines = p.lines[:maxBrief-3]
		more = "This is not all. "
	}
	p.lines = append(p.lines, "")
	p.add("", fmt.Sprintf("%s%d of %d checks are ok: nsblame doctor --verbose shows them.", more, ok, len(d.all())))
	return strings.Join(p.lines, "\n") + "\n"
}

// briefText gathers lines.
type briefText struct {
	table

	width int
	lines []string
}

// add adds a text, its rows behind the first as far in as the first begins.
func (p *briefText) add(before, text string) {
	room := 0 // any
	if p.width > 0 {
		room = max(minRoom, p.width-len(before))
	}
	for i, row := range render.Wrap(render.Sentence(text), room) {
		if i > 0 {
			before = strings.Repeat(" ", len(before))
		}
		p.lines = append(p.lines, before+row)
	}
}

func (p *briefText) group(g *group) {
	p.lines = append(p.lines, "")
	if g.remedy != "" {
		p.add("To do: ", g.remedy+".")
	} else {
		p.add("", "Nothing to do about:")
	}
	for _, v := range []kernel.Verdict{kernel.Missing, kernel.Degraded, kernel.Unknown} {
		var of []kernel.Finding
		for _, f := range g.findings {
			if f.Verdict == v {
				of = append(of, f)
			}
		}
		if len(of) > 0 {
			p.verdict(v, of, g.remedy == "")
		}
	}
}

// verdict adds the checks of a group with this verdict. Each has its detail if that is
// all there is to say, or if it is alone.
func (p *briefText) verdict(v kernel.Verdict, of []kernel.Finding, each bool) {
	from := len(p.lines)
	before := fmt.Sprintf("  %-*s  ", verdictWidth, v)
	if len(of) == 1 || each {
		for _, f := range of {
			p.add(before, f.Name+": "+shortened(f.Detail))
		}
	} else {
		var names []string
		for _, f := range of {
			names = append(names, f.Name)
		}
		p.add(before, strings.Join(names, ", "))
	}
	for i := from; i < len(p.lines); i++ {
		p.lines[i] = strings.Replace(p.lines[i], "  "+string(v)+" ", "  "+p.paint(v)+" ", 1)
	}
}

// shortened is a detail that is not too long for a first look.
func shortened(s string) string {
	if r := []rune(s); len(r) > maxBriefDetail {
		return strings.TrimSpace(string(r[:maxBriefDetail])) + "…"
	}
	return s
}
