package bare

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// entry is a file of an archive for the kernel to unpack.
type entry struct {
	name string
	mode uint32 // with the type
	data []byte
}

const (
	directory = 0o040755
	program   = 0o100755
	text      = 0o100644
	symlink   = 0o120777
)

// writeArchive writes the form that the kernel reads
// (Documentation/driver-api/early-userspace/buffer-format.rst).
func writeArchive(w io.Writer, entries []entry) error {
	for i, e := range append(entries, entry{name: "TRAILER!!!"}) {
		head := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			i+1, e.mode, 0, 0, 1, 0, len(e.data), 0, 0, 0, 0, len(e.name)+1, 0)
		for _, part := range []string{head + e.name + "\x00", string(e.data)} {
			padding := strings.Repeat("\x00", -len(part)&3)
			if _, err := io.WriteString(w, part+padding); err != nil {
				return err
			}
		}
	}
	return nil
}

func readProgram(name, path string) (entry, error) {
	data, err := os.ReadFile(path)
	return entry{name, program, data}, err
}
