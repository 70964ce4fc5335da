package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
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
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printable returns s with everything escaped that a terminal would act upon
// or not show: what comes from a command line or a file must not move the
// cursor, or make a line look like another.
func printable(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		i += size
	}
	return b.String()
}
