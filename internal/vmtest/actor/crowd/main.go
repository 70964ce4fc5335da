// Command crowd becomes a process with many children, all of which wait for a
// signal, as it does itself: "crowd CHILDREN". If there is no room for so many it
// ends with 1.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/nsblame/nsblame/internal/vmtest/tinyelf"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: crowd CHILDREN")
	}
	children, err := strconv.ParseUint(args[0], 10, 31)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "crowd")
	if err != nil {
		return err
	}
	program := filepath.Join(dir, "crowd")
	if err := tinyelf.Write(program, code(uint32(children))); err != nil {
		return err
	}
	return syscall.Exec(program, []string{"crowd", args[0]}, nil)
}

// code is the machine code that forks so many children.
func code(children uint32) map[string][]byte {
	count := binary.LittleEndian.AppendUint32([]byte{0xbb}, children) // mov ebx, children
	return map[string][]byte{"amd64": slices.Concat(count, []byte{
		0xb8, 57, 0, 0, 0, 0x0f, 0x05, // mov eax, 57 (fork); syscall
		0x85, 0xc0, // test eax, eax
		0x74, 6, // jz wait
		0x78, 13, // js fail
		0xff, 0xcb, // dec ebx
		0x75, 0xef, // jnz fork
		0xb8, 34, 0, 0, 0, 0x0f, 0x05, // wait: mov eax, 34 (pause); syscall
		0xeb, 0xf7, // jmp wait
		0xb8, 60, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0x0f, 0x05, // fail: mov eax, 60 (exit); mov edi, 1; syscall
	})}
}
