package vmtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/nsblame/nsblame/internal/vmtest/image"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// Cell is a column of the matrix: a release, and a way to attach.
type Cell struct{ Release, Attach string }

func (c Cell) String() string { return c.Release + ":" + c.Attach }

// attachModes are those that a matrix takes by itself. Where the kernel can do
// it, auto is fentry.
var attachModes = []string{defaultAttach, "kprobe"}

// Cells returns the columns that a list names: "bullseye:auto sid:kprobe", or
// a release alone for all ways to attach. An empty list is all releases.
func Cells(list string) ([]Cell, error) {
	named := strings.Fields(list)
	if len(named) == 0 {
		named = image.Releases()
	}
	var cells []Cell
	for _, name := range named {
		release, attach, chosen := strings.Cut(name, ":")
		if _, err := image.FindRelease(release); err != nil {
			return nil, err
		}
		modes := attachModes
		if chosen {
			modes = []string{attach}
		}
		for _, mode := range modes {
			if !slices.Contains([]string{defaultAttach, "fentry", "kprobe"}, mode) {
				return nil, fmt.Errorf("%s: %q is not auto, fentry or kprobe", name, mode)
			}
			cells = append(cells, Cell{release, mode})
		}
	}
	return cells, nil
}

// Part is the scenarios that a matrix runs in one of its cells.
type Part struct {
	Cell
	Scenarios []*scenario.Scenario
}

// Everywhere has the same scenarios run in each cell.
func Everywhere(cells []Cell, scenarios []*scenario.Scenario) []Part {
	var parts []Part
	for _, c := range cells {
		parts = append(parts, Part{c, scenarios})
	}
	return parts
}

// AtHome has scenarios run in a cell, but those in the cell of another release whose
// boots are for that one.
func AtHome(cell Cell, scenarios []*scenario.Scenario) []Part {
	var parts []Part
	for _, s := range scenarios {
		for home, boots := range homes(s, cell.Release) {
			at := Cell{home, cell.Attach}
			i := slices.IndexFunc(parts, func(p Part) bool { return p.Cell == at })
			if i < 0 {
				parts, i = append(parts, Part{Cell: at}), len(parts)
			}
			own := *s
			own.Boots = boots
			parts[i].Scenarios = append(parts[i].Scenarios, &own)
		}
	}
	slices.SortStableFunc(parts, func(a, b Part) int { return cmp.Compare(a.Release, b.Release) })
	return parts
}

// byCell makes one part of those for the same cell: each cell has a directory.
func byCell(parts []Part) []Part {
	var merged []Part
	for _, p := range parts {
		i := slices.IndexFunc(merged, func(m Part) bool { return m.Cell == p.Cell })
		if i < 0 {
			merged = append(merged, Part{p.Cell, slices.Clone(p.Scenarios)})
			continue
		}
		for _, s := range p.Scenarios {
			merged[i].add(s)
		}
	}
	return merged
}

// add adds a scenario, or the boots that it needs if it is there already.
func (p *Part) add(s *scenario.Scenario) {
	i := slices.IndexFunc(p.Scenarios, func(old *scenario.Scenario) bool { return old.Name == s.Name })
	if i < 0 {
		p.Scenarios = append(p.Scenarios, s)
		return
	}
	both := *p.Scenarios[i]
	both.Boots = slices.Clone(both.Boots)
	for _, boot := range s.Boots {
		if !slices.Contains(both.Boots, boot) {
			both.Boots = append(both.Boots, boot)
		}
	}
	p.Scenarios[i] = &both
}

// homes are the releases that a scenario is run on, each with the boots there.
func homes(s *scenario.Scenario, usual string) map[string][]string {
	at := map[string][]string{}
	for _, name := range s.Boots {
		b, err := FindBoot(name)
		if err != nil {
			continue // see checkBoots
		}
		home := cmp.Or(b.Home, usual)
		at[home] = append(at[home], name)
	}
	return at
}

// Matrix runs scenarios in cells. The VMs of all cells wait in one queue, for
// more tasks to fill it if there are any.
func Matrix(ctx context.Context, o SuiteOptions, parts []Part, out io.Writer, more ...Task) (Table, error) {
	if err := o.buildPrograms(ctx); err != nil {
		return Table{}, err
	}
	parts = byCell(parts)
	out, o.Log = &turns{to: out}, &turns{to: o.Log}
	o.shareCPUs()
	suites := make([]*suite, len(parts))
	tasks := make([][]Task, len(parts)+1)
	tasks[len(parts)] = more
	atOnce(o.vms(), len(parts), func(i int) {
		suites[i] = newSuite(o, parts[i].Cell, out)
		tasks[i] = suites[i].prepare(ctx, parts[i].Scenarios)
	})
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, errTimeout)
	defer cancel()
	runQueue(ctx, o.vms(), slices.Concat(tasks...))
	var t Table
	var errs []error
	for i, s := range suites {
		t.columns = append(t.columns, column{parts[i].Cell, s.Result})
		errs = append(errs, s.errs...)
	}
	return t, errors.Join(errs...)
}

// newSuite is what runs in a cell.
func newSuite(o SuiteOptions, c Cell, out io.Writer) *suite {
	o.Release, o.Attach = c.Release, c.Attach
	if !o.only {
		o.cell = c.String()
		o.Dir = filepath.Join(o.Dir, c.Release+"-"+c.Attach)
	}
	if o.Keep != "" && c != o.home {
		o.Keep = filepath.Join(o.Keep, c.Release+"-"+c.Attach)
	}
	return &suite{SuiteOptions: o, out: out}
}

// turns is a writer that several may write to: one after the other.
type turns struct {
	mu sync.Mutex
	to io.Writer
}

func (t *turns) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.to.Write(p)
}

// Table is what a matrix yielded.
type Table struct{ columns []column }

type column struct {
	Cell
	Result
}

func (c column) title() string {
	kernel, _, _ := strings.Cut(cmp.Or(c.Kernel, "no VM"), "-")
	kernel, _, _ = strings.Cut(kernel, "+")
	return c.Release + " " + kernel + " " + c.Attach
}

// Result is the sum of all cells.
func (t Table) Result() Result {
	var sum Result
	for _, c := range t.columns {
		sum.Passed += c.Passed
		sum.Failed += c.Failed
		sum.Skipped += c.Skipped
		sum.Origins += c.Origins
		sum.Unknown += c.Unknown
	}
	return sum
}

// WriteCounts prints a line for each cell.
func (t Table) WriteCounts(w io.Writer) error {
	var errs []error
	for _, c := range t.columns {
		_, err := fmt.Fprintf(w, "%s: %s\n", c.title(), c.Result)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Write prints the table in Markdown: a row for each scenario, a column for
// each cell, and below it what the skipped ones would need.
func (t Table) Write(w io.Writer) error {
	var text strings.Builder
	row := func(cells []string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	head, rule := []string{"scenario"}, []string{"---"}
	for _, c := range t.columns {
		head, rule = append(head, c.title()), append(rule, "---")
	}
	row(head)
	row(rule)
	var reasons []string
	for _, name := range t.rows() {
		cells := []string{name}
		for _, c := range t.columns {
			cells = append(cells, c.cell(name, &reasons))
		}
		row(cells)
	}
	for i, reason := range reasons {
		fmt.Fprintf(&text, "\nskip(%d): needs %s", i+1, reason)
	}
	if len(reasons) > 0 {
		text.WriteString("\n")
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// rows are the names of all scenarios, each once, in order.
func (t Table) rows() []string {
	var names []string
	for _, c := range t.columns {
		for _, one := range c.Cases {
			names = append(names, one.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// cell is the verdict on a scenario; a reason that is new gets a number.
func (c column) cell(name string, reasons *[]string) string {
	i := slices.IndexFunc(c.Cases, func(one Case) bool { return one.Name == name })
	if i < 0 {
		return "-"
	}
	one := c.Cases[i]
	if one.Verdict != skip {
		return one.Verdict
	}
	n := slices.Index(*reasons, one.Needs)
	if n < 0 {
		n = len(*reasons)
		*reasons = append(*reasons, one.Needs)
	}
	return fmt.Sprintf("skip(%d)", n+1)
}
