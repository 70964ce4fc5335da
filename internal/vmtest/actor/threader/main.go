// Command threader creates a network namespace in a thread that is not the
// leader of its thread group. The thread names itself "threader-worker". It
// writes PID and TID to $VARS.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// The main goroutine keeps the leader, so that the other can't get it. That it has it
// holds only until the end of the initialization.
func init() { runtime.LockOSThread() }

func main() {
	result := make(chan error)
	go func() { result <- unshare() }()
	if err := <-result; err != nil {
		fmt.Fprintln(os.Stderr, "threader:", err)
		os.Exit(1)
	}
}

func unshare() error {
	// Not unlocked: a thread in another namespace must not serve other
	// goroutines, and ends with this one.
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		return errors.New("this thread is the leader")
	}
	if err := os.WriteFile("/proc/thread-self/comm", []byte("threader-worker"), 0); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	vars, err := os.OpenFile(os.Getenv("VARS"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(vars, "PID=%d\nTID=%d\n", unix.Getpid(), unix.Gettid()); err != nil {
		return err
	}
	return vars.Close()
}
