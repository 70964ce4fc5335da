// Command warden does what a container daemon does: a thread of it, which is
// not the leader, creates a network namespace, mounts it on a file and leaves it
// again. Later a thread enters it for a moment, once for each further argument.
//
// It is started as "warden FILE [NAME...]". The thread names itself
// "warden-make", then NAME. It writes PID to $VARS, and then stays until the
// file FILE.stop exists.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// The main goroutine keeps the leader, so that no other can get it. That it has it
// holds only until the end of the initialization.
func init() { runtime.LockOSThread() }

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "warden:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: warden FILE [NAME...]")
	}
	file := args[0]
	if err := inThread("warden-make", func() error { return create(file) }); err != nil {
		return err
	}
	for _, name := range args[1:] {
		if err := inThread(name, func() error { return enter(file) }); err != nil {
			return err
		}
	}
	vars, err := os.OpenFile(os.Getenv("VARS"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(vars, "PID=%d\n", unix.Getpid()); err != nil {
		return err
	}
	if err := errors.Join(vars.Close(), os.WriteFile(file+".ready", nil, 0o600)); err != nil {
		return err
	}
	for {
		if _, err := os.Stat(file + ".stop"); err == nil {
			return unix.Unmount(file, 0)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// inThread does something in a thread of that name, and comes back to the
// namespace of the process.
func inThread(name string, do func() error) error {
	result := make(chan error)
	go func() {
		// Not unlocked: it ends with the goroutine, whatever became of it.
		runtime.LockOSThread()
		err := os.WriteFile("/proc/thread-self/comm", []byte(name), 0)
		if err == nil {
			err = do()
		}
		if err == nil {
			err = join(fmt.Sprintf("/proc/%d/ns/net", unix.Getpid()))
		}
		result <- err
	}()
	return <-result
}

func create(file string) error {
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("/proc/thread-self/ns/net", file, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	return nil
}

func enter(file string) error {
	if err := join(file); err != nil {
		return err
	}
	// something that is done in there
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	return unix.Close(fd)
}

func join(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return errors.Join(fmt.Errorf("setns: %w", err), unix.Close(fd))
	}
	return unix.Close(fd)
}
