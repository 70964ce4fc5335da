package main

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/vmtest/tinyelf"
)

// ancestors starts processes, each of which is the end of a line of forks. Whoever has
// forked ends at once.
func ancestors(arg string, began func()) error {
	count, err := strconv.Atoi(arg)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "attacker")
	if err != nil {
		return err
	}
	program := filepath.Join(dir, "line")
	const depth = 127
	if err := tinyelf.Write(program, line(depth)); err != nil {
		return err
	}
	for range count {
		if err := exec.Command(program).Run(); err != nil {
			return err
		}
	}
	began()
	for {
		if err := unix.Pause(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// line is the machine code that forks so many times in a row, and waits.
func line(depth uint32) map[string][]byte {
	count := binary.LittleEndian.AppendUint32([]byte{0xbb}, depth) // mov ebx, depth
	return map[string][]byte{"amd64": slices.Concat(count, []byte{
		0xb8, 57, 0, 0, 0, 0x0f, 0x05, // fork: mov eax, 57 (fork); syscall
		0x85, 0xc0, // test eax, eax
		0x75, 13, // jnz end
		0xff, 0xcb, // dec ebx
		0x75, 0xf1, // jnz fork
		0xb8, 34, 0, 0, 0, 0x0f, 0x05, // wait: mov eax, 34 (pause); syscall
		0xeb, 0xf7, // jmp wait
		0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05, // end: mov eax, 60 (exit); xor edi, edi; syscall
	})}
}
