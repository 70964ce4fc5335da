// Package tinyelf writes the smallest programs that actors start. Under
// emulation the dynamic linker alone takes longer than fork and exec.
package tinyelf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
)

var machines = map[string]uint16{"amd64": 62, "arm64": 183}

// Write writes an ELF executable of one segment to path. The machine code has
// one entry for each architecture, by its Go name, and starts at its first
// byte. It is an error if there is none for this one.
func Write(path string, code map[string][]byte) error {
	const (
		base       = 0x400000
		headerSize = 64 + 56
	)
	own, ok := code[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("no program for %s", runtime.GOARCH)
	}
	size := uint64(headerSize + len(own))
	var file bytes.Buffer
	file.WriteString("\x7fELF\x02\x01\x01")
	file.Write(make([]byte, 9))
	for _, field := range []any{
		// The file header: an executable whose entry follows the headers.
		uint16(2), machines[runtime.GOARCH], uint32(1), uint64(base + headerSize), uint64(64), uint64(0),
		uint32(0), uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0),
		// The segment: the whole file, readable and executable.
		uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x1000),
	} {
		if err := binary.Write(&file, binary.LittleEndian, field); err != nil {
			return err
		}
	}
	file.Write(own)
	return os.WriteFile(path, file.Bytes(), 0o755)
}
