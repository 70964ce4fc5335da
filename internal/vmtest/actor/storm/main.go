// Command storm starts short-lived programs, as many as it can, until a file
// exists: "storm FILE LEAST", and until they are LEAST at least. It writes
// EXECS, their number, to $VARS.
//
// The program that it starts is as small as one can be, for under emulation
// the dynamic linker alone takes longer than the fork and the exec.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
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
	program, err := writeProgram()
	if err != nil {
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

var elfMachine = map[string]uint16{"amd64": 62, "arm64": 183}

// writeProgram writes an ELF executable of one segment to the scenario's
// directory.
func writeProgram() (string, error) {
	const (
		base       = 0x400000
		headerSize = 64 + 56
	)
	code, ok := exitCode[runtime.GOARCH]
	if !ok {
		return "", fmt.Errorf("no program for %s", runtime.GOARCH)
	}
	size := uint64(headerSize + len(code))
	var file bytes.Buffer
	file.WriteString("\x7fELF\x02\x01\x01")
	file.Write(make([]byte, 9))
	for _, field := range []any{
		// The file header: an executable whose entry follows the headers.
		uint16(2), elfMachine[runtime.GOARCH], uint32(1), uint64(base + headerSize), uint64(64), uint64(0),
		uint32(0), uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0),
		// The segment: the whole file, readable and executable.
		uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x1000),
	} {
		if err := binary.Write(&file, binary.LittleEndian, field); err != nil {
			return "", err
		}
	}
	file.Write(code)
	path := filepath.Join(os.Getenv("DIR"), "drop")
	return path, os.WriteFile(path, file.Bytes(), 0o755)
}
