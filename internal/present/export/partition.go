package export

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/nsblame/nsblame/internal/event"
)

// nullPartition is what Hive, and whoever follows it, takes for null.
const nullPartition = "__HIVE_DEFAULT_PARTITION__"

// maxName bounds the name of a directory, in bytes. File systems take 255.
const maxName = 200

// partition is a machine on a day.
type partition struct{ host, day string }

// dayOf is the day of a moment in UTC, as a directory has it.
func dayOf(at moment) string {
	if !at.known {
		return nullPartition
	}
	return time.UnixMicro(at.unixUS).UTC().Format(time.DateOnly)
}

// hostOf is a machine as a directory has it: its name, or else its id.
func hostOf(h *event.Host) string {
	switch {
	case h.Hostname != "":
		return escapeName(h.Hostname)
	case h.MachineID != "":
		return escapeName("machine-" + h.MachineID)
	}
	return nullPartition
}

// escapeName writes a name so that it is one directory on every system: all but
// letters, digits, '.', '-' and '_' are %XX, as readers of such directories undo it.
// A name that is too long ends in a hash of all of it.
func escapeName(name string) string {
	var b strings.Builder
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	out := b.String()
	if out == nullPartition {
		return "%5F" + out[1:]
	}
	if rest, dot := strings.CutSuffix(out, "."); dot {
		out = rest + "%2E" // Windows drops it
	}
	if len(out) <= maxName {
		return out
	}
	sum := sha256.Sum256([]byte(name))
	head := out[:maxName-33]
	if i := strings.LastIndexByte(head, '%'); i >= 0 && i > len(head)-3 {
		head = head[:i]
	}
	return head + "-" + hex.EncodeToString(sum[:16])
}
