// Command narrow creates a network namespace by the call for programs of 32 bits, which
// has a number of its own. It becomes a tiny program that does so and ends.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/vmtest/tinyelf"
)

// code has the machine code for unshare(CLONE_NEWNET), and exit with its result.
var code = map[string][]byte{
	"amd64": {
		0xb8, 0x36, 0x01, 0x00, 0x00, // mov $310, %eax
		0xbb, 0x00, 0x00, 0x00, 0x40, // mov $0x40000000, %ebx
		0xcd, 0x80, // int $0x80
		0x89, 0xc3, // mov %eax, %ebx
		0xb8, 0x01, 0x00, 0x00, 0x00, // mov $1, %eax
		0xcd, 0x80, // int $0x80
	},
}

func main() {
	fmt.Fprintln(os.Stderr, "narrow:", run())
	os.Exit(1)
}

// run returns only if it fails.
func run() error {
	program := filepath.Join(os.Getenv("DIR"), "narrow-32")
	if err := tinyelf.Write(program, code); err != nil {
		return err
	}
	return unix.Exec(program, []string{"narrow-32"}, os.Environ())
}
