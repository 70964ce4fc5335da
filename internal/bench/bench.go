// Package bench turns measurements in test VMs into a table: the figures of
// interleaved runs into medians, medians into ratios, and ratios into Markdown.
//
// The program in meter/ measures, inside the VM.
package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// untraced stands for runs in which nothing observes.
const untraced = ""

// Sample is one figure of one run, as meter writes it: a line of JSON each.
type Sample struct {
	// Row is what was measured, one of the rows of the table.
	Row string
	// Beside is what observed, or a part of it: a program, a map.
	Beside string `json:",omitempty"`
	// Value is in the unit of the row.
	Value float64
}

// Column is what was measured in one boot.
type Column struct {
	// Title is the kernel and the clock.
	Title string
	// Samples are those of all rounds, in the order in which they came.
	Samples []Sample
}

// Add takes a sample.
func (c *Column) Add(s Sample) { c.Samples = append(c.Samples, s) }

func (c *Column) values(row, beside string) []float64 {
	var list []float64
	for _, s := range c.Samples {
		if s.Row == row && s.Beside == beside {
			list = append(list, s.Value)
		}
	}
	return list
}

// row is a row of the table, or one for each of what it was measured beside.
type row struct {
	name   string // of the samples
	what   string
	target string // of nsblame alone, empty for none
	cell   func(c *Column, name, beside string) string
}

const nsblame = "nsblame"

// rows are all rows, in the order of the table.
var rows = []row{
	{"create", "`unshare -n true` in a loop, time to untraced", "1.10", ratio},
	{"first", "the first creations of a unit, CPU ms of it and of systemd, which it asks about the unit", "", number},
	{"kernel", "BPF programs within a creation, share of the time in copy_net_ns", "2 %", percent},
	{"exec", "fork and exec of `true` in a loop, time to untraced", "1.02", ratio},
	{"pingpong", "1 byte to and fro over a unix stream socket, time to untraced", "1.02", ratio},
	{"poll", "a client of docker's that polls: a request and an answer, time to untraced", "", ratio},
	{"status", "a client of containerd's that polls: a call by gRPC and an answer, time to untraced", "", ratio},
	{"poll-programs", "a poll of docker's: time of BPF programs, ns", "", number},
	{"poll-cpu", "the same: CPU of user space, ns", "", number},
	{"status-programs", "a poll of containerd's: time of BPF programs, ns", "", number},
	{"status-cpu", "the same: CPU of user space, ns", "", number},
	{"bus", "1,000 calls a second between strangers on the system bus, CPU of user space", "1 %", percent},
	{"buses", "the same by four callers in turn", "1 %", percent},
	{"wakeups", "10 s of idleness, times that it ran", "0", number},
	{"storm", "1,000 execs a second for a minute, CPU of user space", "0.5 %", percent},
	{"start", "from start to attached, ms", "", number},
	{"end", "from SIGINT to its end, ms", "", number},
	{"gone", "from SIGINT until the kernel has let go of its programs, ms", "", number},
	{"memory", "resident memory, MiB", "40", number},
	{"soak", "resident memory before and during the soak, MiB", "40", list},
	{"entries", "entries in the tables of the kernel part, before and after the soak", "", list},
	{"program", "BPF program, ns a run", "", number},
	{"map", "map, KiB", "", number},
	{"loss", "20,000 creations by 8 loops: lost, or not attributed right", "0", number},
	{"overflow", "buffer overflown while user space was stopped: seconds from SIGCONT until the loss is told", "1", number},
	{"seconds", "20,000 creations by 8 loops: seconds", "", number},
}

// Write writes the table. A figure that a boot did not measure is left out
// there. A row that no boot measured is left out altogether.
func Write(w io.Writer, columns []*Column) error {
	var text strings.Builder
	header, rule := "| what | of | target |", "|---|---|---|"
	for _, c := range columns {
		header += " " + c.Title + " |"
		rule += "---|"
	}
	text.WriteString(header + "\n" + rule + "\n")
	for _, r := range rows {
		for _, beside := range besides(columns, r.name) {
			r.write(&text, columns, beside)
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (r row) write(text *strings.Builder, columns []*Column, beside string) {
	target := r.target
	if beside != nsblame {
		target = ""
	}
	fmt.Fprintf(text, "| %s | %s | %s |", r.what, beside, target)
	for _, c := range columns {
		cell := ""
		if len(c.values(r.name, beside)) > 0 {
			cell = r.cell(c, r.name, beside)
		}
		text.WriteString(" " + cell + " |")
	}
	text.WriteString("\n")
}

// besides are those that a row was measured beside, nsblame first.
func besides(columns []*Column, row string) []string {
	var names []string
	for _, c := range columns {
		for _, s := range c.Samples {
			if s.Row == row && s.Beside != untraced && !slices.Contains(names, s.Beside) {
				names = append(names, s.Beside)
			}
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(rank(a), rank(b))
	})
	return names
}

func rank(name string) int {
	if name == nsblame {
		return 0
	}
	return 1
}

// ratio is that of the medians, with the least and the greatest of the rounds.
func ratio(c *Column, name, beside string) string {
	with, without := c.values(name, beside), c.values(name, untraced)
	if len(without) == 0 {
		return "no untraced run"
	}
	var each []float64
	for i := range min(len(with), len(without)) {
		each = append(each, with[i]/without[i])
	}
	return fmt.Sprintf("%.3f (%.3f to %.3f)", median(with)/median(without), slices.Min(each), slices.Max(each))
}

func percent(c *Column, name, beside string) string {
	return spread(c.values(name, beside), func(v float64) string { return strconv.FormatFloat(100*v, 'f', 2, 64) }) + " %"
}

func number(c *Column, name, beside string) string { return spread(c.values(name, beside), short) }

func list(c *Column, name, beside string) string {
	var each []string
	for _, v := range c.values(name, beside) {
		each = append(each, short(v))
	}
	return strings.Join(each, ", ")
}

// short has as many digits as tell something.
func short(v float64) string {
	digits := 1
	if v >= 100 || v == float64(int64(v)) {
		digits = 0
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

// spread is the median, with the least and the greatest where there are several.
func spread(values []float64, format func(float64) string) string {
	text := format(median(values))
	if len(values) > 1 {
		text += " (" + format(slices.Min(values)) + " to " + format(slices.Max(values)) + ")"
	}
	return text
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}
