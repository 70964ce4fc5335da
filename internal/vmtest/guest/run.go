package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/vmtest/link"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

const (
	// poll is the pause between two looks at a condition, programPoll where a look starts
	// programs: that takes an emulated machine longer than the pause.
	poll        = 50 * time.Millisecond
	programPoll = 4 * poll
)

// maxFile bounds what is reported of one file of a scenario.
const maxFile = 4 << 20

// job is a plan under way.
type job struct {
	*link.Plan
	port   *port
	kernel *kernelLog
}

func (j *job) run() error {
	shared, alone := j.parts()
	for part := range slices.Chunk(shared, maxSharers) {
		if err := j.runShared(part); err != nil {
			return err
		}
	}
	for _, s := range alone {
		if err := j.port.send(&link.Message{Started: s.Name}); err != nil {
			return err
		}
		if err := j.port.send(&link.Message{Outcome: j.runAlone(s, 0)}); err != nil {
			return err
		}
	}
	return nil
}

// runAlone carries out a scenario with an nsblame of its own. It was begun so
// often before, because the kernel had left out a run of a probe.
func (j *job) runAlone(s *scenario.Scenario, before int) *scenario.Outcome {
	start := time.Now()
	repeated := before
	r := j.attempt(s)
	for ; r.leftOut() && repeated < maxRepeats; repeated++ {
		r = j.attempt(s)
	}
	r.outcome.Repeated = repeated
	r.outcome.Duration = time.Since(start)
	r.outcome.KernelWarnings = j.kernel.warnings()
	return r.outcome
}

// maxRepeats bounds how often a scenario is begun anew. On sid one attempt in some
// scenarios has a run left out more often than not.
const maxRepeats = 4

func (j *job) runner(s *scenario.Scenario) *runner {
	return &runner{s: s, attach: j.Attach, record: j.Record, outcome: &scenario.Outcome{Name: s.Name}}
}

func (j *job) attempt(s *scenario.Scenario) *runner {
	r := j.runner(s)
	r.run(r.trace)
	return r
}

// skippedLoss is how nsblame says so: in a line of its own, in a summary, in a
// report, and in words.
var skippedLoss = regexp.MustCompile(`"kind":"(bus_)?skipped"|"(bus_)?skipped":[1-9]|[(,] ?[0-9]+ (bus_)?skipped\b`)

// leftOut reports whether nsblame says that the kernel left out a run of a
// probe, as preemptible kernels do now and then: what it then shows is true but
// not whole, and nothing is to be learnt from the attempt.
func (r *runner) leftOut() bool {
	return !r.s.AtBoot && (skippedLoss.Match(r.outcome.Stdout) || skippedLoss.Match(r.outcome.Stderr))
}

// runner carries out one scenario. Its directory is the working directory of
// all scripts, which know it as $DIR.
type runner struct {
	s       *scenario.Scenario
	attach  string // what nsblame's --attach is given
	record  bool   // the stream is recorded, if the verb allows that
	outcome *scenario.Outcome
	dir     string     // what scripts may write to
	private string     // nsblame's output and what belongs to the runner
	shared  *sharedRun // which serves the scenario, nil if it has one of its own
	scripts *os.File
}

func (r *runner) path(name string) string { return filepath.Join(r.private, name) }

// run carries the scenario out; trace has nsblame look at its steps. What goes
// wrong is in the outcome.
func (r *runner) run(trace func() error) {
	if err := r.course(trace); err != nil {
		r.outcome.Errors = append(r.outcome.Errors, err.Error())
	}
}

func (r *runner) course(trace func() error) (err error) {
	if err := r.makeDirs(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.collect()) }()
	for _, c := range r.s.Conditions {
		switch err := r.script(&c.Script); {
		case isNo(err):
			r.outcome.Skipped = c.Reason
			return nil
		case err != nil:
			return fmt.Errorf("skip-unless: %w", err)
		}
	}
	defer func() { err = errors.Join(err, r.cleanUp()) }()
	for _, s := range r.s.Setup {
		if err := r.script(&s); err != nil {
			return fmt.Errorf("setup: %w", err)
		}
	}
	if err := r.quiet(); err != nil {
		return err
	}
	return trace()
}

// isNo reports whether a script ended by itself and said no. One that did not end in time,
// or could not be run, has said nothing.
func isNo(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Exited()
}

func (r *runner) makeDirs() error {
	base := filepath.Join("/var/tmp/vmtest", r.s.Name)
	if err := os.RemoveAll(base); err != nil {
		return err
	}
	r.dir, r.private = filepath.Join(base, "dir"), filepath.Join(base, "private")
	for _, dir := range []string{r.dir, r.private} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		// Ordinary users write here too. MkdirAll obeys the umask.
		if err := os.Chmod(dir, 0o1777); err != nil {
			return err
		}
	}
	vars := r.varsFile()
	if err := os.WriteFile(vars, nil, 0o666); err != nil {
		return err
	}
	if err := os.Chmod(vars, 0o666); err != nil {
		return err
	}
	var err error
	r.scripts, err = os.Create(r.path("scripts"))
	return err
}

// quiet waits until systemd has nothing left to do of the setup.
func (r *runner) quiet() error {
	if !bootedSystemd() {
		return nil
	}
	return r.awaitEvery(programPoll, "systemd to have no jobs", func(ctx context.Context) (bool, error) {
		out, err := exec.CommandContext(ctx, "systemctl", "list-jobs", "--no-legend").Output()
		return err == nil && strings.TrimSpace(string(out)) == "", nil
	})
}

// script runs a script to its end. Output goes to a file, so that processes
// that it leaves behind hold nothing up.
func (r *runner) script(s *scenario.Script) error {
	ctx, cancel := context.WithTimeout(context.Background(), r.s.Timeout)
	defer cancel()
	return r.scriptWithin(ctx, s)
}

func (r *runner) scriptWithin(ctx context.Context, s *scenario.Script) error {
	// In a file and not given to -c, for then bash would become its last
	// command instead of starting it, and the lineage would depend on that.
	file := r.path(fmt.Sprintf("line%d.sh", s.Line))
	if err := os.WriteFile(file, []byte(s.Text), 0o644); err != nil {
		return err
	}
	cmd, err := as(s.User, exec.Command("bash", append(slices.Clone(strict), file)...))
	if err != nil {
		return err
	}
	r.place(cmd)
	start, err := r.scripts.Seek(0, 2)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = r.scripts, r.scripts
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	if err := cmd.Wait(); err != nil {
		said, _ := os.ReadFile(r.scripts.Name())
		if ctx.Err() != nil {
			err = fmt.Errorf("not done after %s", r.s.Timeout)
		}
		return fmt.Errorf("script at line %d: %w\n%s", s.Line, err, said[min(int(start), len(said)):])
	}
	return nil
}

// place puts a command into the scenario's directory.
func (r *runner) place(cmd *exec.Cmd) {
	cmd.Dir = r.dir
	cmd.Env = append(cmd.Env, "DIR="+r.dir, "ATTACH="+r.attach, "VARS="+r.varsFile(),
		"STDOUT="+r.path("stdout"), "STDERR="+r.path("stderr"))
}

// await looks at a condition until it is true.
func (r *runner) await(what string, condition func(context.Context) (bool, error)) error {
	return r.awaitEvery(poll, what, condition)
}

func (r *runner) awaitEvery(pause time.Duration, what string, condition func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), r.s.Timeout)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		ok, err := condition(ctx)
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s, in vain", r.s.Timeout, what)
		case <-tick.C:
		}
	}
}

// trace starts nsblame, goes through the steps and ends it.
func (r *runner) trace() (err error) {
	t, err := r.startTracer()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.endTracer(t)) }()
	if err := r.awaitReady(t); err != nil {
		return err
	}
	return r.steps(t)
}

// awaitReady waits until nsblame can see what the steps do.
func (r *runner) awaitReady(t tracer) error {
	if !r.tracesOn() {
		return nil
	}
	ready := r.path(readyName)
	err := r.await("nsblame to be ready", func(context.Context) (bool, error) {
		_, err := os.Stat(ready)
		return err == nil || t.gone(), nil
	})
	if err != nil {
		return err
	}
	if _, err := os.Stat(ready); err != nil && len(r.s.Steps) > 0 {
		return errors.New("nsblame ended before it was ready")
	}
	return nil
}

// tracesOn reports whether nsblame goes on until it is stopped, and takes
// --ready-file.
func (r *runner) tracesOn() bool {
	return slices.Contains([]string{"trace", "record", "report"}, r.s.Args[0])
}

// startTracer starts nsblame, or takes over the one that the boot has started.
func (r *runner) startTracer() (tracer, error) {
	if r.s.AtBoot {
		return r.adoptUnit()
	}
	return r.startChild()
}

// endTracer interrupts nsblame as Ctrl-C does. One that takes no arguments to
// go on is left to end by itself.
func (r *runner) endTracer(t tracer) error {
	if r.tracesOn() && !t.gone() {
		if err := t.interrupt(); err != nil {
			return err
		}
	}
	err := r.await("nsblame to end", func(context.Context) (bool, error) { return t.gone(), nil })
	if err != nil {
		err = errors.Join(err, t.abort())
	}
	code, codeErr := t.exitCode()
	r.outcome.ExitCode = code
	return errors.Join(err, codeErr)
}

func (r *runner) steps(t tracer) error {
	for _, step := range r.s.Steps {
		if err := r.step(t, step); err != nil {
			return fmt.Errorf("line %d: %w", step.Line, err)
		}
	}
	return nil
}

func (r *runner) step(t tracer, step scenario.Step) error {
	switch {
	case step.Run != nil:
		return r.script(step.Run)
	case step.Exit:
		return r.await("nsblame to end by itself", func(context.Context) (bool, error) { return t.gone(), nil })
	case step.Until != nil:
		return r.awaitEvery(programPoll, "the script to succeed", func(ctx context.Context) (bool, error) {
			return r.scriptWithin(ctx, step.Until) == nil, nil
		})
	default:
		return r.awaitEvents(t, step.Events)
	}
}

func (r *runner) awaitEvents(t tracer, w *scenario.EventWait) error {
	var seen sizes
	return r.await(fmt.Sprintf("%d %s", w.Count, w.Type), func(context.Context) (bool, error) {
		// Asked before the output is read: what nsblame wrote last counts.
		gone := t.gone()
		now, err := r.sizes()
		if err != nil || now == seen && !gone {
			return false, err // nothing was written since the last look
		}
		seen = now
		output, err := r.printed()
		if err != nil {
			return false, err
		}
		vars, err := r.vars()
		if err != nil {
			return false, err
		}
		met, err := w.Met(output, vars)
		if err == nil && !met && gone {
			return false, errors.New("nsblame ended before they came")
		}
		return met, err
	})
}

// sizes are how much nsblame has printed, and the scripts have told, both in bytes. Neither
// takes anything back.
type sizes struct{ printed, told int64 }

func (r *runner) sizes() (s sizes, err error) {
	output := r.path("stdout")
	if r.shared != nil {
		output = r.shared.path("stdout")
	}
	if s.printed, err = fileSize(output); err != nil {
		return s, err
	}
	s.told, err = fileSize(r.varsFile())
	return s, err
}

// printed returns what nsblame has printed since the steps began.
func (r *runner) printed() ([]byte, error) {
	if r.shared != nil {
		return r.shared.printed()
	}
	return os.ReadFile(r.path("stdout"))
}

// varsFile is what scripts know as $VARS.
func (r *runner) varsFile() string { return filepath.Join(r.dir, "vars") }

func (r *runner) vars() (map[string]string, error) {
	data, err := os.ReadFile(r.varsFile())
	if err != nil {
		return nil, err
	}
	vars := map[string]string{}
	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\n"), "=")
		if !ok {
			return nil, fmt.Errorf("$VARS: %q is not NAME=value", line)
		}
		vars[name] = value
	}
	return vars, nil
}

// cleanUp runs the scenario's own cleanup and ends what its scripts have left
// behind in the agent's cgroup.
func (r *runner) cleanUp() error {
	var errs []error
	for _, s := range r.s.Cleanup {
		if err := r.script(&s); err != nil {
			errs = append(errs, fmt.Errorf("cleanup: %w", err))
		}
	}
	return errors.Join(append(errs, r.killLeftovers())...)
}

func (r *runner) killLeftovers() error {
	procs, err := ownCgroupProcs()
	if err != nil {
		return err
	}
	return r.await("left-over processes to end", func(context.Context) (bool, error) {
		pids, err := os.ReadFile(procs)
		if err != nil {
			return false, err
		}
		alone := true
		for _, field := range strings.Fields(string(pids)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return false, err
			}
			if pid != os.Getpid() && !r.shared.isTracer(pid) {
				alone = false
				_ = unix.Kill(pid, syscall.SIGKILL) // it may be gone already
			}
		}
		return alone, nil
	})
}

// ownCgroupProcs returns the file that lists the processes of the agent's
// cgroup, in whichever hierarchy systemd keeps.
func ownCgroupProcs() (string, error) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.SplitN(strings.TrimRight(line, "\n"), ":", 3)
		if len(fields) != 3 {
			continue
		}
		switch fields[1] {
		case "":
			for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
				procs := filepath.Join(root, fields[2], "cgroup.procs")
				if _, err := os.Stat(procs); err == nil {
					return procs, nil
				}
			}
		case "name=systemd":
			return filepath.Join("/sys/fs/cgroup/systemd", fields[2], "cgroup.procs"), nil
		}
	}
	return "", fmt.Errorf("no cgroup of systemd's in %q", data)
}

// collect gathers what the scenario has left.
func (r *runner) collect() error {
	err := r.scripts.Close()
	for name, to := range map[string]*[]byte{
		"stdout": &r.outcome.Stdout, "stderr": &r.outcome.Stderr, "scripts": &r.outcome.Scripts,
	} {
		data, readErr := os.ReadFile(r.path(name))
		if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) {
			err = errors.Join(err, readErr)
		}
		*to = data
	}
	var varsErr, filesErr, recordingErr error
	r.outcome.Vars, varsErr = r.vars()
	r.outcome.Files, filesErr = readFiles(r.dir)
	if r.record {
		r.outcome.Recording, recordingErr = r.recording()
	}
	return errors.Join(err, varsErr, filesErr, recordingErr)
}

// recording returns the recording that the runner asked for, or else the only
// one in the scenario's directory. There may be none.
func (r *runner) recording() ([]byte, error) {
	data, err := os.ReadFile(r.path(recordingName))
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	var found []byte
	for name, data := range r.outcome.Files {
		if filepath.Ext(name) != filepath.Ext(recordingName) {
			continue
		}
		if found != nil {
			return nil, nil // parts of one, or several: neither is the scenario's
		}
		found = data
	}
	return found, nil
}

// readFiles returns the regular files of a directory.
func readFiles(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if len(data) > maxFile {
			return nil, fmt.Errorf("%s is larger than %d bytes", e.Name(), maxFile)
		}
		files[e.Name()] = bytes.Clone(data)
	}
	return files, nil
}
