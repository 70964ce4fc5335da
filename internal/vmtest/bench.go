package vmtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/bench"
	"github.com/nsblame/nsblame/internal/vmtest/image"
	"github.com/nsblame/nsblame/internal/vmtest/link"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// Clock is what time is measured by in a guest.
type Clock string

// The clocks.
const (
	// ClockWall is the time of the day, on two CPUs.
	ClockWall Clock = "wall"
	// ClockInstructions counts the instructions of one CPU.
	ClockInstructions Clock = "instructions"
)

// BenchRun is a boot to measure in.
type BenchRun struct {
	Release string
	Clock   Clock
	// Args are given to meter.
	Args []string
}

// BenchRuns returns the runs that a list names: "bookworm:instructions trixie",
// where a release alone stands for both clocks.
func BenchRuns(list string, args []string) ([]BenchRun, error) {
	clocks := []Clock{ClockInstructions, ClockWall}
	var runs []BenchRun
	for _, name := range strings.Fields(list) {
		release, clock, chosen := strings.Cut(name, ":")
		if _, err := image.FindRelease(release); err != nil {
			return nil, err
		}
		if chosen && !slices.Contains(clocks, Clock(clock)) {
			return nil, fmt.Errorf("%s: %q is not a clock: instructions or wall", name, clock)
		}
		for _, c := range clocks {
			if !chosen || string(c) == clock {
				runs = append(runs, BenchRun{release, c, args})
			}
		}
	}
	return runs, nil
}

// Bench measures nsblame, and what people would use in its place, in a VM for
// each run, and prints a table of all.
func Bench(ctx context.Context, o Options, runs []BenchRun, out io.Writer) error {
	for pkg, name := range map[string]string{"cmd/nsblame": "nsblame", "internal/bench/meter": "meter"} {
		path := filepath.Join(o.Dir, name)
		if err := buildStatic(ctx, path, pkg); err != nil {
			return err
		}
		o.Files = append(o.Files, path)
	}
	var columns []*bench.Column
	var errs []error
	for _, run := range runs {
		column, err := measure(ctx, o, run)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s, %s: %w", run.Release, run.Clock, err))
		}
		columns = append(columns, column)
	}
	return errors.Join(append(errs, bench.Write(out, columns))...)
}

// measure returns what a run has yielded, also if it failed at some point.
func measure(ctx context.Context, o Options, run BenchRun) (*bench.Column, error) {
	o.Release, o.Bench, o.Counted = run.Release, true, run.Clock == ClockInstructions
	column := &bench.Column{Title: run.Release + ", " + string(run.Clock)}
	b, err := FindBoot(scenario.PlainBoot)
	if err != nil {
		return column, err
	}
	samples := &sampleWriter{column: column}
	code, err := Exec(ctx, o, b, link.Exec{Script: "exec meter" + quoted(run.Args)}, samples, o.Log)
	if err == nil && code != 0 {
		err = errors.New("not all could be measured, see above")
	}
	return column, errors.Join(err, samples.err)
}

// quoted returns words as a shell reads them back, a blank before each.
func quoted(words []string) string {
	var text strings.Builder
	for _, word := range words {
		text.WriteString(" '" + strings.ReplaceAll(word, "'", `'\''`) + "'")
	}
	return text.String()
}

// sampleWriter reads samples, a line of JSON each.
type sampleWriter struct {
	column *bench.Column
	rest   []byte
	err    error
}

func (w *sampleWriter) Write(data []byte) (int, error) {
	w.rest = append(w.rest, data...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(data), nil
		}
		w.rest = rest
		var s bench.Sample
		if err := json.Unmarshal(line, &s); err != nil {
			w.err = fmt.Errorf("meter wrote %q: %w", line, err)
			continue
		}
		w.column.Add(s)
	}
}
