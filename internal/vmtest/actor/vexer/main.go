// Command vexer is an ordinary user's process that nsblame, as root, looks at to
// its harm, if it is not careful. It does so until its input ends.
//
// command-line MIB has a command line of so many MiB, which the kernel takes from a
// mapping that nobody has ever touched.
//
// manager SOCKET PATH answers on SOCKET in place of the user's own service manager:
// each unit's file is PATH.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "vexer:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: vexer command-line MIB | vexer manager SOCKET PATH")

func run(args []string) error {
	var err error
	switch {
	case len(args) == 2 && args[0] == "command-line":
		err = stretch(args[1])
	case len(args) == 3 && args[0] == "manager":
		err = manage(args[1], args[2])
	default:
		err = errUsage
	}
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// mmMap is struct prctl_mm_map (include/uapi/linux/prctl.h).
type mmMap struct {
	startCode, endCode, startData, endData, startBrk, brk, startStack uint64
	argStart, argEnd, envStart, envEnd                                uint64
	auxv                                                              uint64
	auxvSize, exeFD                                                   uint32
}

// stretch makes the kernel take a mapping for the command line.
func stretch(size string) error {
	mib, err := strconv.Atoi(size)
	if err != nil {
		return errUsage
	}
	text, err := unix.Mmap(-1, 0, mib<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return fmt.Errorf("map %d MiB: %w", mib, err)
	}
	copy(text, "innocent\x00")
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	field := func(n int) uint64 { // as proc(5) counts them
		v, _ := strconv.ParseUint(fields[n-3], 10, 64)
		return v
	}
	begin := uint64(uintptr(unsafe.Pointer(&text[0])))
	brk, _, _ := unix.Syscall(unix.SYS_BRK, 0, 0, 0)
	m := mmMap{
		startCode: field(26), endCode: field(27), startStack: field(28), startData: field(45), endData: field(46),
		startBrk: field(47), brk: uint64(brk), envStart: field(50), envEnd: field(51), exeFD: ^uint32(0),
		argStart: begin, argEnd: begin + uint64(len(text)),
	}
	if err := unix.Prctl(unix.PR_SET_MM, unix.PR_SET_MM_MAP, uintptr(unsafe.Pointer(&m)), unsafe.Sizeof(m), 0); err != nil {
		return fmt.Errorf("set the command line: %w", err)
	}
	return nil
}
