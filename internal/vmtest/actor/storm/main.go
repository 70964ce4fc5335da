// Command storm starts short-lived programs, as many as it can, until a file
// exists: "storm FILE LEAST", and until they are LEAST at least. It writes
// EXECS, their number, to $VARS.
//
// The program that it starts is as small as one can be.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/nsblame/nsblame/internal/vmtest/tinyelf"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "storm:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: storm FILE LEAST")
	}
	least, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	program := filepath.Join(os.Getenv("DIR"), "drop")
	if err := tinyelf.Write(program, exitCode); err != nil {
		return err
	}
	var execs atomic.Int64
	enough := func() bool {
		_, err := os.Stat(args[0])
		return err == nil && execs.Load() >= least
	}
	errs := make([]error, runtime.NumCPU())
	var loops sync.WaitGroup
	for i := range errs {
		loops.Go(func() {
			for errs[i] == nil && !enough() {
				if errs[i] = spawn(program); errs[i] == nil {
					execs.Add(1)
				}
			}
		})
	}
	loops.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	vars, err := os.OpenFile(os.Getenv("VARS"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(vars, "EXECS=%d\n", execs.Load()); err != nil {
		return err
	}
	return vars.Close()
}

func spawn(program string) error {
	pid, err := syscall.ForkExec(program, []string{program, "storm"}, nil)
	if err != nil {
		return err
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		return err
	}
	if status.ExitStatus() != 0 {
		return fmt.Errorf("the program ended with %d", status)
	}
	return nil
}

// exitCode is the machine code of exit(0).
var exitCode = map[string][]byte{
	"amd64": {0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05},                        // mov eax, 60; xor edi, edi; syscall
	"arm64": {0xa8, 0x0b, 0x80, 0xd2, 0, 0, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4}, // mov x8, 93; mov x0, 0; svc 0
}
