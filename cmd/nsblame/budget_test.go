package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/explain/blame"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/condition"
	"github.com/nsblame/nsblame/internal/explain/life"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/explain/request"
	"github.com/nsblame/nsblame/internal/observe/probe"
	"github.com/nsblame/nsblame/internal/present/journal"
	"github.com/nsblame/nsblame/internal/present/metrics"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

// maxMemory is what all budgets of one run may sum up to, and maxServe those of serve,
// which does all at once.
const (
	maxMemory = 128 << 20
	maxServe  = 136 << 20
)

// always are the budgets of every verb that reads a stream.
func always() []bounded.Budget {
	var list []bounded.Budget
	for _, budgets := range [][]bounded.Budget{
		lineage.Budgets(), blame.Budgets(), request.Budgets(), life.Budgets(), condition.Budgets(),
	} {
		list = append(list, budgets...)
	}
	return list
}

// inKernel are the budgets of the kernel part.
func inKernel(t *testing.T) []bounded.Budget {
	t.Helper()
	maps, err := probe.Budgets()
	if err != nil {
		t.Fatal(err)
	}
	var list []bounded.Budget
	for _, m := range maps {
		list = append(list, bounded.Budget{Name: m.Name, Bytes: m.Bytes})
	}
	return list
}

func sumOf(lists ...[]bounded.Budget) (n uint64) {
	for _, list := range lists {
		for _, b := range list {
			n += b.Bytes
		}
	}
	return n
}

// inUserSpace is what one process can take that does all at once.
func inUserSpace() uint64 { return sumOf(always(), recording.Budgets(), report.Budgets()) }

// All budgets together are less than what a machine can spare. trace and record write a
// recording, report and top make a report; no run does both.
func TestBudgetsSumUp(t *testing.T) {
	for verb, own := range map[string][]bounded.Budget{
		"record": slices.Concat(recording.Budgets(), report.FirstsBudgets(), journal.Budgets()), "report": report.Budgets(),
		"serve": slices.Concat(recording.Budgets(), metrics.Budgets(), journal.Budgets(), serveReportBudgets()),
	} {
		limit := uint64(maxMemory)
		if verb == "serve" {
			limit = maxServe
		}
		if got := sumOf(always(), inKernel(t), own); got > limit {
			t.Errorf("the budgets of %s sum up to %d KiB", verb, got>>10)
		} else {
			t.Logf("%s: %d KiB", verb, got>>10)
		}
	}
}

// serveReportBudgets are those of the report of serve.
func serveReportBudgets() (list []bounded.Budget) {
	for _, b := range report.Budgets() {
		if b.Name != "report: modules that were loaded" { // those of one machine are few
			b.Bytes /= serveShare
		}
		list = append(list, b)
	}
	return list
}

// docs/bounds.md has them all.
func TestBoundsAreDocumented(t *testing.T) {
	const (
		file       = "../../docs/bounds.md"
		begin, end = "<!-- budgets -->\n", "<!-- end -->\n"
	)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(text), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no marks", file)
	}
	want := head + begin + boundsTable(t) + end + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(text) {
		t.Errorf("%s is not up to date: go test ./cmd/nsblame -run %s -update", file, t.Name())
	}
}

func boundsTable(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("| what | KiB at most | in |\n|---|--:|---|\n")
	row := func(list []bounded.Budget, in string) {
		for _, b := range list {
			fmt.Fprintf(&out, "| %s | %d | %s |\n", b.Name, b.Bytes>>10, in)
		}
	}
	row(inKernel(t), "every trace")
	row(always(), "every verb")
	row(recording.Budgets(), "trace, record, serve")
	row(report.FirstsBudgets(), "trace")
	row(report.Budgets(), "report, top, serve")
	row(metrics.Budgets(), "serve")
	row(journal.Budgets(), "trace, record, serve, with --journal")
	return out.String()
}
