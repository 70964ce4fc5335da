package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tracer is the nsblame under test.
type tracer interface {
	// gone reports whether it has ended.
	gone() bool
	// interrupt asks it to end, as Ctrl-C does.
	interrupt() error
	// abort ends one that does not. The stacks of its goroutines are worth
	// more than a silent end.
	abort() error
	// exitCode is known when it is gone: -1 if a signal ended it.
	exitCode() (int, error)
}

// abortAfter is how long nsblame has to write its stacks.
const abortAfter = 10 * time.Second

// child is an nsblame that the agent has started.
type child struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it is gone
}

func (r *runner) startChild() (*child, error) {
	stdout, err := os.Create(r.path("stdout"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = stdout.Close() }()
	stderr, err := os.Create(r.path("stderr"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = stderr.Close() }()
	cmd, err := as(r.s.User, exec.Command("nsblame", r.args()...))
	if err != nil {
		return nil, err
	}
	r.place(cmd)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start nsblame: %w", err)
	}
	c := &child{cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the state tells
		close(c.ended)
	}()
	return c, nil
}

const (
	// readyName is the file that tells that the probes are attached.
	readyName = "ready"
	// recordingName is the file for the recording of a scenario.
	recordingName = "recording.avro"
)

// execWait is how long nsblame holds a line back for an exec that follows:
// longer than it does by itself, for between a creation and the exec an
// emulated machine that has much to do lets more than a second pass.
const execWait = "10s"

// nameWait is how long nsblame holds it back for a container's name, likewise: a CNI
// plugin of an emulated pod comes seconds after the creation.
const nameWait = "30s"

// args is nsblame's command line with what the agent adds; what a scenario
// gives prevails.
func (r *runner) args() []string {
	verb, rest := r.s.Args[0], r.s.Args[1:]
	args := []string{verb}
	if r.tracesOn() {
		args = append(args, "--ready-file", r.path(readyName))
	}
	if verb == "trace" || verb == "report" {
		args = append(args, "--exec-wait", execWait, "--name-wait", nameWait)
	}
	if r.attach != "" && (r.tracesOn() || verb == "doctor") {
		args = append(args, "--attach", r.attach)
	}
	if r.record && verb == "trace" && !slices.Contains(rest, "--record") {
		args = append(args, "--record", r.path(recordingName))
	}
	return append(args, rest...)
}

func (c *child) gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

func (c *child) interrupt() error {
	err := c.cmd.Process.Signal(os.Interrupt)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func (c *child) abort() error {
	_ = c.cmd.Process.Signal(unix.SIGQUIT) // it may have ended after all
	time.AfterFunc(abortAfter, func() { _ = c.cmd.Process.Kill() })
	<-c.ended
	return nil
}

func (c *child) exitCode() (int, error) { return c.cmd.ProcessState.ExitCode(), nil }

// What a boot that starts nsblame calls its unit, and where its output goes.
const (
	nsblameUnit = "nsblame.service"
	nsblameRun  = "/run/nsblame." // and stdout, stderr, ready
)

// unit is an nsblame that the boot has started.
type unit struct{}

// adoptUnit puts the output of the boot's nsblame where that of a child would
// be. There is one for each boot.
func (r *runner) adoptUnit() (tracer, error) {
	if (unit{}).gone() {
		return nil, errors.New(nsblameUnit + " does not run (any more): it serves one scenario, the first that says \"nsblame at boot\"")
	}
	for name, path := range map[string]string{
		"stdout": r.path("stdout"), "stderr": r.path("stderr"), readyName: r.path(readyName),
		recordingName: r.path(recordingName),
	} {
		if err := os.Symlink(nsblameRun+name, path); err != nil {
			return nil, err
		}
	}
	return unit{}, nil
}

func (unit) gone() bool {
	pid, err := unitProperty("MainPID")
	return err == nil && pid == 0
}

func (unit) interrupt() error { return killUnit("INT") }

func (u unit) abort() error {
	err := killUnit("QUIT")
	for until := time.Now().Add(abortAfter); !u.gone() && time.Now().Before(until); {
		time.Sleep(poll)
	}
	return errors.Join(err, systemctl("stop", nsblameUnit))
}

func (unit) exitCode() (int, error) {
	how, err := unitProperty("ExecMainCode")
	if err != nil {
		return 0, err
	}
	if how != 1 { // CLD_EXITED
		return -1, nil
	}
	return unitProperty("ExecMainStatus")
}

func killUnit(signal string) error {
	return systemctl("kill", "--kill-who=main", "--signal="+signal, nsblameUnit)
}

// unitProperty asks systemd for a number.
func unitProperty(name string) (int, error) {
	out, err := exec.Command("systemctl", "show", "--value", "--property="+name, nsblameUnit).Output()
	if err != nil {
		return 0, fmt.Errorf("ask systemd for %s of %s: %w", name, nsblameUnit, err)
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}

func systemctl(args ...string) error {
	if said, err := exec.Command("systemctl", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, said)
	}
	return nil
}
