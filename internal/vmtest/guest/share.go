package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/vmtest/link"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// maxSharers bounds how many scenarios one run of nsblame serves: none of them
// has a verdict before all are done.
const maxSharers = 30

// sharedTimeout bounds the start and the end of such a run.
const sharedTimeout = 5 * time.Minute

// parts divides the scenarios into those that share runs of nsblame and those
// that do not. A run for one alone is not shared.
func (j *job) parts() (shared, alone []*scenario.Scenario) {
	for _, s := range j.Scenarios {
		if s.Shares() && !j.Alone {
			shared = append(shared, s)
		} else {
			alone = append(alone, s)
		}
	}
	if len(shared) == 1 {
		return nil, j.Scenarios
	}
	return shared, alone
}

// sharedRun is a run of nsblame that serves several scenarios.
type sharedRun struct {
	*runner
	tracer *child
	// offset is how much of the output was there when the present steps began:
	// it tells of earlier times.
	offset int64
}

// sharer is a scenario in a shared run.
type sharer struct {
	*runner
	begin, end uint64 // of its steps, in nanoseconds since boot; 0 if there were none
}

// runShared carries out scenarios in one run of nsblame. What of the output
// belongs to which is known by the time that it tells of. A scenario that fails
// is carried out alone, too, and both is reported.
func (j *job) runShared(scenarios []*scenario.Scenario) error {
	run := &sharedRun{runner: j.runner(scenario.ForSharing("shared", sharedTimeout))}
	var sharers []*sharer
	run.run(func() error {
		return run.serve(func() error {
			for _, s := range scenarios {
				if err := j.port.send(&link.Message{Started: s.Name}); err != nil {
					return err
				}
				sharers = append(sharers, j.share(s, run))
			}
			return nil
		})
	})
	return j.report(scenarios, sharers, run)
}

// serve has nsblame up while do runs.
func (run *sharedRun) serve(do func() error) (err error) {
	if run.tracer, err = run.startChild(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.endTracer(run.tracer)) }()
	if err := run.awaitReady(run.tracer); err != nil {
		return err
	}
	return do()
}

// share carries out a scenario in a run that is under way.
func (j *job) share(s *scenario.Scenario, run *sharedRun) *sharer {
	sh := &sharer{runner: j.runner(s)}
	sh.shared = run
	began := time.Now()
	sh.run(func() (err error) {
		if run.tracer.gone() {
			return errors.New("nsblame ended before the scenario began")
		}
		if run.offset, err = fileSize(run.path("stdout")); err != nil {
			return err
		}
		if sh.begin, err = sinceBoot(); err != nil {
			return err
		}
		err = sh.steps(run.tracer)
		var clockErr error
		sh.end, clockErr = sinceBoot()
		return errors.Join(err, clockErr)
	})
	sh.outcome.Duration = time.Since(began)
	sh.outcome.KernelWarnings = j.kernel.warnings()
	return sh
}

// report judges the scenarios of a run that has ended, and carries out alone
// those that failed or that the run did not get to.
func (j *job) report(scenarios []*scenario.Scenario, sharers []*sharer, run *sharedRun) error {
	leftOut := run.leftOut()
	wrong := run.s.Judge(run.outcome)
	for i, s := range scenarios {
		outcome, failures := &scenario.Outcome{}, wrong
		if i < len(sharers) { // the run got to it
			outcome = sharers[i].slice(run.outcome)
			failures = append(s.Judge(outcome), wrong...)
		}
		switch {
		case outcome.Skipped != "" && len(outcome.Errors) == 0:
		case leftOut:
			outcome = j.runAlone(s, 1)
		case len(failures) > 0:
			beside := outcome
			outcome = j.runAlone(s, 0)
			outcome.InShared, outcome.SharedStdout = failures, beside.Stdout
			outcome.Duration += beside.Duration
		}
		if err := j.port.send(&link.Message{Outcome: outcome}); err != nil {
			return err
		}
	}
	return nil
}

// slice returns the outcome with its part of what the run has yielded.
func (sh *sharer) slice(run *scenario.Outcome) *scenario.Outcome {
	sh.outcome.Slice = true
	sh.outcome.Stdout, sh.outcome.Stderr = scenario.Cut(run.Stdout, sh.begin, sh.end), run.Stderr
	return sh.outcome
}

// printed returns what nsblame has printed since the present steps began. It is
// whole lines: one that was begun before tells of an earlier time.
func (run *sharedRun) printed() ([]byte, error) {
	file, err := os.Open(run.path("stdout"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(max(run.offset-1, 0), io.SeekStart); err != nil {
		return nil, err
	}
	output, err := io.ReadAll(file)
	if err != nil || run.offset == 0 {
		return output, err
	}
	_, output, _ = bytes.Cut(output, []byte("\n"))
	return output, nil
}

// isTracer reports whether a process is the run's nsblame.
func (run *sharedRun) isTracer(pid int) bool {
	return run != nil && run.tracer != nil && run.tracer.cmd.Process.Pid == pid
}

func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// sinceBoot is the time on nsblame's clock.
func sinceBoot() (uint64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, fmt.Errorf("ask for the time since boot: %w", err)
	}
	return uint64(now.Nano()), nil
}
