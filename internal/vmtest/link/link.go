// Package link carries messages from the guest of a test VM to the host over a
// serial port, and the plan of what to do into the guest in a file.
//
// Each message is one line: a tag, a checksum and the compressed JSON in
// base64. A serial port shows neither where a message ends nor whether somebody
// else wrote in between. So there are a tag and a checksum.
package link

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// Tag begins each message.
const Tag = "vmtest1"

// ErrCorrupt says that a line of the serial port is not a message, or is
// damaged.
var ErrCorrupt = errors.New("corrupt message from the guest")

// Plan is what the guest shall do. Either Exec or Scenarios is set.
type Plan struct {
	// Exec is a shell script to run.
	Exec *Exec `json:",omitempty"`
	// Scenarios are run one after the other.
	Scenarios []*scenario.Scenario `json:",omitempty"`
	// Attach is given to nsblame's --attach, unless a scenario gives its own.
	Attach string
	// Record has nsblame write a recording of each scenario, for its Outcome.
	Record bool `json:",omitempty"`
	// Alone gives each scenario an nsblame of its own, even if it shares.
	Alone bool `json:",omitempty"`
}

// Exec is a single shell script.
type Exec struct {
	// Script is given to bash -c.
	Script string
	// User runs it, root if empty.
	User string
}

// Message is one report of the guest. Exactly one of its fields is set.
type Message struct {
	// Hello opens the conversation when the system has settled.
	Hello *Hello `json:",omitempty"`
	// Output is what a script of Plan.Exec wrote, as it comes.
	Output *Output `json:",omitempty"`
	// Started names the scenario that begins.
	Started string `json:",omitempty"`
	// Outcome is what a scenario yielded.
	Outcome *scenario.Outcome `json:",omitempty"`
	// End closes the conversation.
	End *End `json:",omitempty"`
}

// Hello describes the guest.
type Hello struct {
	// Kernel is the release of the running kernel.
	Kernel string
	// Init is the first line of systemctl --version, or that there is no
	// systemd.
	Init string
}

// Output is a piece of a script's output.
type Output struct {
	// Stderr is set for standard error.
	Stderr bool
	// Data is the piece.
	Data []byte
}

// End is the guest's last word.
type End struct {
	// ExitCode is that of Plan.Exec's script.
	ExitCode int
	// Error says what went wrong in the guest itself, empty if nothing did.
	Error string
	// KernelWarnings are the kernel's complaints that no outcome has listed.
	KernelWarnings []string
}

// Write sends a message.
func Write(w io.Writer, m *Message) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if _, err := z.Write(raw); err != nil {
		return fmt.Errorf("compress message: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("compress message: %w", err)
	}
	line := fmt.Sprintf("%s %08x %s\n", Tag, crc32.ChecksumIEEE(packed.Bytes()),
		base64.StdEncoding.EncodeToString(packed.Bytes()))
	if _, err := io.WriteString(w, line); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return nil
}

// Reader receives messages.
type Reader struct{ r *bufio.Reader }

// NewReader returns a Reader of what the serial port yields.
func NewReader(r io.Reader) *Reader { return &Reader{bufio.NewReader(r)} }

// Next returns the next message, or io.EOF after the guest has ended. A line
// that is cut off then is ErrCorrupt.
func (r *Reader) Next() (*Message, error) {
	line, err := r.r.ReadString('\n')
	if err != nil {
		if errors.Is(err, io.EOF) && line != "" {
			return nil, fmt.Errorf("%w: cut off after %d bytes", ErrCorrupt, len(line))
		}
		return nil, err
	}
	return decode(line)
}

func decode(line string) (*Message, error) {
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != Tag {
		return nil, fmt.Errorf("%w: %.80q", ErrCorrupt, line)
	}
	packed, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if sum := fmt.Sprintf("%08x", crc32.ChecksumIEEE(packed)); sum != fields[1] {
		return nil, fmt.Errorf("%w: checksum %s, expected %s", ErrCorrupt, sum, fields[1])
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	m := new(Message)
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return m, nil
}
