package findings

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// DefaultMaxLine is how long a line may be, in bytes, unless a Reader has another
// MaxLine. Only reports are longer than some hundred KiB.
const DefaultMaxLine = 64 << 20

// readAhead is how many bytes are read at once.
const readAhead = 64 << 10

// ErrLineTooLong says that a line is longer than the Reader's MaxLine. The line is
// passed over. Raise MaxLine to read it.
var ErrLineTooLong = errors.New("the line is too long")

// LineError says that a line could not be read. Reading can go on with the next one.
type LineError struct {
	// Line is the number of the line, from 1.
	Line uint64
	// Err is ErrLineTooLong, an *UnknownTypeError, a *SchemaError, io.ErrUnexpectedEOF
	// for a last line that breaks off, or what encoding/json says.
	Err error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Err) }

// Unwrap returns what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }

// Reader reads the lines of nsblame's JSON out of a stream, one at a time. It holds
// one line in memory. It is for one goroutine.
type Reader struct {
	// MaxLine bounds the length of a line, in bytes. NewReader sets it to
	// DefaultMaxLine.
	MaxLine int

	in   *bufio.Reader
	line []byte
	n    uint64
}

// NewReader returns a Reader of the lines in r.
func NewReader(r io.Reader) *Reader {
	return &Reader{MaxLine: DefaultMaxLine, in: bufio.NewReaderSize(r, readAhead)}
}

// Next returns the next line as a pointer to its struct, as Decode does. Empty lines
// are passed over. At the end it returns io.EOF. After a *LineError, Next can be
// called again and goes on with the next line. Any other error is r's and final.
func (r *Reader) Next() (any, error) {
	for {
		whole, err := r.read()
		switch {
		case errors.Is(err, io.EOF) && len(r.line) == 0:
			return nil, io.EOF
		case errors.Is(err, ErrLineTooLong):
			return nil, &LineError{r.n, err}
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("read after line %d: %w", r.n, err)
		}
		if len(bytes.TrimSpace(r.line)) == 0 {
			continue
		}
		v, err := Decode(r.line)
		if err == nil {
			return v, nil
		}
		var of *UnknownTypeError
		if !whole && !errors.As(err, &of) {
			err = io.ErrUnexpectedEOF // whoever wrote it was killed, or still writes
		}
		return nil, &LineError{r.n, err}
	}
}

// All returns the lines that are left, each as Next does. It ends after the last line
// and after a final error, and goes on after a *LineError.
func (r *Reader) All() iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		for {
			v, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			var line *LineError
			if !yield(v, err) || err != nil && !errors.As(err, &line) {
				return
			}
		}
	}
}

// Line returns the number of the line that was read last, from 1; 0 before the first.
func (r *Reader) Line() uint64 { return r.n }

// read reads a line into r.line, without its end. It reports whether the line had one.
func (r *Reader) read() (whole bool, err error) {
	r.line = r.line[:0]
	long := false
	for first := true; ; first = false {
		part, err := r.in.ReadSlice('\n')
		if first && (len(part) > 0 || err == nil) {
			r.n++
		}
		whole = err == nil
		if whole {
			part = part[:len(part)-1]
		}
		if long = long || len(r.line)+len(part) > r.MaxLine; !long {
			r.line = append(r.line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if long && (err == nil || errors.Is(err, io.EOF)) {
			r.line = nil
			return whole, ErrLineTooLong
		}
		return whole, err
	}
}
