package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/bench/busynode"
)

// creationsFlag is for a benchmark that takes less time.
var creationsFlag = flag.Int("creations", 1_000_000, "how many creations a report is measured of")

// BenchmarkReport measures the report of a node with a million creations, by pods and by
// commands, on one core: the time on the CPU, which other programs do not lengthen, and the
// memory at its most.
func BenchmarkReport(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
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
			b.ResetTimer()
			for b.Loop() {
				began := onCPU(b)
				root := newRootCmd()
				root.SetArgs([]string{"report", name})
				root.SetOut(io.Discard)
				root.SetErr(os.Stderr)
				if err := root.ExecuteContext(context.Background()); err != nil {
					b.Fatal(err)
				}
				spent += onCPU(b) - began
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/float64(creations), "cpu-ns/creation")
		})
	}
}

// onCPU is the time that this process has spent on a CPU.
func onCPU(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Ten times the input takes twelve times as long at most. What counts is the time on a
// CPU of a process of its own, the least of some rounds in which both take turns.
func TestReportIsLinear(t *testing.T) {
	leaveUnraced(t)
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
					if spent := reportTime(t, file); least[i] == 0 || spent < least[i] {
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

// reportTime is the time on a CPU that a report takes.
func reportTime(t *testing.T, file string) time.Duration {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "report", file)
	cmd.Args[0] = "nsblame" // which TestMain has the binary be
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
