package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/nsblame/nsblame/internal/render"
)

// errOutputClosed says that whoever read stdout no longer does (nsblame trace |
// head). That ends a command without a fuss.
var errOutputClosed = errors.New("stdout was closed")

// output is stdout. It tells a reader that left from other errors, so that
// EPIPE from elsewhere is not taken for it.
type output struct{ file *os.File }

func newOutput(f *os.File) *output { return &output{file: f} }

// Write writes to the file.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if errors.Is(err, unix.EPIPE) {
		err = errOutputClosed
	}
	return n, err
}

// isTerminal reports whether a person sees w.
func isTerminal(w io.Writer) bool {
	o, ok := w.(*output)
	return ok && term.IsTerminal(int(o.file.Fd()))
}

// schema is the version of the JSON objects. It changes when a field changes
// its meaning.
const schema = 1

// writeJSON writes v as one line.
func writeJSON(w io.Writer, v any) error {
	line, err := render.Object(v)
	if err != nil {
		return err
	}
	_, err = w.Write(line)
	return err
}
