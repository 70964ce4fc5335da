// Command daemon does what daemons do: it forks twice, both parents exit, and
// only then the last process, an orphan by now, creates a network namespace.
//
// It is started as "daemon FILE" and runs itself as "daemon middle FILE" and
// "daemon orphan FILE", so that its arguments identify each generation. The
// orphan waits until the file exists, which tells it that both parents are gone
// and reaped, creates the namespace and stays until the file is removed. Each
// writes its pid to $VARS: FIRST, MIDDLE, ORPHAN.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "daemon:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1:
		return generation("FIRST", "middle", args[0], false)
	case len(args) == 2 && args[0] == "middle":
		return generation("MIDDLE", "orphan", args[1], true)
	case len(args) == 2 && args[0] == "orphan":
		return orphan(args[1])
	default:
		return errors.New("usage: daemon FILE")
	}
}

// generation notes its pid, starts the next one and ends without waiting.
func generation(name, next, file string, session bool) error {
	if err := note(name); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(program, next, file)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
	return cmd.Start()
}

func orphan(file string) error {
	if err := note("ORPHAN"); err != nil {
		return err
	}
	if err := await(file, true); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	return await(file, false)
}

// await waits until the file exists, or until it does not.
func await(file string, exists bool) error {
	for {
		_, err := os.Stat(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if (err == nil) == exists {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func note(name string) error {
	vars, err := os.OpenFile(os.Getenv("VARS"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(vars, "%s=%d\n", name, os.Getpid()); err != nil {
		return err
	}
	return vars.Close()
}
