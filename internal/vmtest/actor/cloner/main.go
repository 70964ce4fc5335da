// Command cloner starts the program that its arguments name by clone(2) with
// CLONE_NEWNET: the child is born in the new namespace and the caller stays
// where it was. It writes CALLER and CHILD, the two pids, to $VARS.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cloner:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: cloner PROGRAM [ARGUMENT]")
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		return err
	}
	vars, err := os.OpenFile(os.Getenv("VARS"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(vars, "CALLER=%d\nCHILD=%d\n", os.Getpid(), cmd.Process.Pid); err != nil {
		return err
	}
	if err := vars.Close(); err != nil {
		return err
	}
	return cmd.Wait()
}
