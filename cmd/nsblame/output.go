package main

import (
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/term"

	"github.com/nsblame/nsblame/internal/present/render"
)

// errOutputClosed says that whoever read stdout no longer does (nsblame trace |
// head). That ends a command without a fuss.
var errOutputClosed = errors.New("stdout was closed")

// output is stdout. It tells a reader that left from other errors, so that
// EPIPE from elsewhere is not taken for it.
type output struct {
	file *os.File
	// gathers has what is written wait for Flush.
	gathers bool
	held    []byte
}

func newOutput(f *os.File) *output { return &output{file: f} }

// maxHeld is how much waits for Flush at most.
const maxHeld = 64 << 10

// Write writes to the file, now or with the next Flush.
func (o *output) Write(p []byte) (int, error) {
	if !o.gathers {
		return o.write(p)
	}
	o.held = append(o.held, p...)
	if len(o.held) < maxHeld {
		return len(p), nil
	}
	return len(p), o.Flush()
}

// Flush writes what waits. What fails to be written is dropped.
func (o *output) Flush() error {
	if len(o.held) == 0 {
		return nil
	}
	_, err := o.write(o.held)
	o.held = o.held[:0]
	return err
}

func (o *output) write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		err = errOutputClosed
	}
	return n, err
}

// gather has what is written to stdout wait for the function that is returned,
// which is nil where nothing waits.
func gather(stdout io.Writer) (flush func() error) {
	o, ok := stdout.(*output)
	if !ok {
		return nil
	}
	o.gathers = true
	return o.Flush
}

// isTerminal reports whether a person sees w.
func isTerminal(w io.Writer) bool {
	o, ok := w.(*output)
	return ok && term.IsTerminal(int(o.file.Fd()))
}

// Terminals that don't say how wide they are have the width of a VT100.
const (
	defaultWidth = 80
	minWidth     = 40
	maxWidth     = 1000
)

// terminalWidth is how many cells a row of w has, and 0 where rows have no end: in a
// file, or for a program that reads on. COLUMNS beats what the terminal says.
func terminalWidth(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return min(max(n, minWidth), maxWidth)
	}
	if !isTerminal(w) {
		return 0
	}
	n, _, err := term.GetSize(int(w.(*output).file.Fd()))
	if err != nil || n <= 0 {
		n = defaultWidth
	}
	return min(max(n, minWidth), maxWidth)
}

// writeJSON writes v as one line.
func writeJSON(w io.Writer, v any) error {
	line, err := render.Object(v)
	if err != nil {
		return err
	}
	_, err = w.Write(line)
	return err
}
