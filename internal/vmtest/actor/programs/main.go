// Command programs prints the BPF programs that the kernel holds, a line each:
// type and name. What a tracer leaves behind shows here.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
)

func main() {
	if err := list(); err != nil {
		fmt.Fprintln(os.Stderr, "programs:", err)
		os.Exit(1)
	}
}

func list() error {
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		id = next
		p, err := ebpf.NewProgramFromID(id)
		if errors.Is(err, os.ErrNotExist) {
			continue // gone in between
		}
		if err != nil {
			return err
		}
		info, err := p.Info()
		if err = errors.Join(err, p.Close()); err != nil {
			return err
		}
		fmt.Println(info.Type, info.Name)
	}
}
