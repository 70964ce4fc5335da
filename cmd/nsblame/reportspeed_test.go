package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nsblame/nsblame/internal/bench/busynode"
	"github.com/nsblame/nsblame/internal/present/top"
	"github.com/nsblame/nsblame/internal/unraced"
)

// creationsFlag is for a benchmark that takes less time.
var creationsFlag = flag.Int("creations", 1_000_000, "how many creations a report is measured of")

// BenchmarkReport measures what reads the recording of a node with a million creations, by
// pods and by commands, on one core: the time on the CPU, which other programs do not
// lengthen, and the memory at its most.
func BenchmarkReport(b *testing.B) { benchmarkRead(b, "report") }

// BenchmarkReplay measures the same of replay as JSON, whose output nobody reads.
func BenchmarkReplay(b *testing.B) { benchmarkRead(b, "replay", "--output", "json") }

func benchmarkRead(b *testing.B, args ...string) {
	b.Helper()
	creations := *creationsFlag
	for _, kind := range []struct {
		name string
		plan busynode.Plan
	}{
		{"pods", busynode.Of(creations)},
		{"commands", busynode.Plan{Commands: creations, Span: uint64(creations)}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			name := filepath.Join(b.TempDir(), "busy.avro")
			writeBusy(b, name, kind.plan)
			var spent time.Duration
			var most int64
			b.ResetTimer()
			for b.Loop() {
				usage := runAlone(b, append(args, name)...)
				spent += onCPU(usage)
				most = max(most, usage.Maxrss)
			}
			each := float64(spent.Nanoseconds()) / float64(b.N) / float64(creations)
			b.ReportMetric(each, "cpu-ns/creation")
			b.ReportMetric(1e9/each, "creations/cpu-s")
			b.ReportMetric(float64(most)/1024, "MiB")
		})
	}
}

// BenchmarkTopFirst measures how long it takes until top shows a table of such a node.
func BenchmarkTopFirst(b *testing.B) {
	name := filepath.Join(b.TempDir(), "busy.avro")
	writeBusy(b, name, busynode.Of(*creationsFlag))
	view := newReportView()
	opt := &topOptions{from: []string{name}, by: view.by, sort: view.sort, color: newColorFlag(), live: newLiveFlags(), memory: newMemoryFlag()}
	b.ResetTimer()
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		p := newPlayer(opt, opt.from, io.Discard)
		p.send = func(m tea.Msg) {
			if u, ok := m.(top.Update); ok && u.Report != nil && len(u.Report.Causes) > 0 {
				cancel()
			}
		}
		src, err := p.open(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.play(ctx, src); err != nil {
			b.Fatal(err)
		}
	}
}

// onCPU is the time that a process has spent on a CPU.
func onCPU(usage *syscall.Rusage) time.Duration {
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// runAlone runs nsblame on one core as a process of its own, and returns what it took.
func runAlone(tb testing.TB, args ...string) *syscall.Rusage {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "nsblame" // which TestMain has the binary be
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	var notes strings.Builder
	cmd.Stderr = &notes
	if err := cmd.Run(); err != nil {
		tb.Fatalf("%v: %s", err, notes.String())
	}
	return cmd.ProcessState.SysUsage().(*syscall.Rusage)
}

// Ten times the input takes twelve times as long at most. What counts is the time on a
// CPU of a process of its own, the least of some rounds in which both take turns.
func TestReportIsLinear(t *testing.T) {
	unraced.Leave(t)
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	const small, factor, rounds = 1500, 10, 3
	for name, plan := range map[string]func(int) busynode.Plan{
		"pods":     busynode.Of,
		"commands": func(n int) busynode.Plan { return busynode.Plan{Commands: n, Span: uint64(n)} },
	} {
		t.Run(name, func(t *testing.T) {
			var files [2]string
			var least [2]time.Duration
			for i, n := range []int{small, small * factor} {
				files[i] = filepath.Join(t.TempDir(), fmt.Sprint(n, ".avro"))
				writeBusy(t, files[i], plan(n))
			}
			for range rounds {
				for i, file := range files {
					if spent := onCPU(runAlone(t, "report", file)); least[i] == 0 || spent < least[i] {
						least[i] = spent
					}
				}
				if least[1] <= 12*least[0] {
					return
				}
			}
			t.Errorf("%d creations take %s, %d take %s", small, least[0], small*factor, least[1])
		})
	}
}
