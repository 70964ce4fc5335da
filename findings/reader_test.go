package findings

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

const versionLine = `{"schema":2,"type":"version","version":"v1.0.0","later":[1]}`

// what names what Next returns.
func what(v any, err error) string {
	var (
		line    *LineError
		unknown *UnknownTypeError
		schema  *SchemaError
	)
	switch {
	case errors.Is(err, io.EOF):
		return "EOF"
	case err != nil && !errors.As(err, &line):
		return "final"
	case errors.Is(err, ErrLineTooLong):
		return "long"
	case errors.As(err, &unknown):
		return "unknown " + unknown.Type
	case errors.As(err, &schema):
		return "schema"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut"
	case err != nil:
		return "bad"
	}
	if _, ok := v.(*Version); ok {
		return "version"
	}
	return "other"
}

func TestReader(t *testing.T) {
	long := `{"schema":2,"type":"version","version":"` + strings.Repeat("x", 3*readAhead) + `"}`
	for _, tc := range []struct {
		about, in string
		want      []string
		line      uint64
	}{
		{"nothing", "", nil, 0},
		{"blank lines", "\n \n\r\n", nil, 3},
		{"a line", versionLine + "\n", []string{"version"}, 1},
		{"a line without an end", versionLine, []string{"version"}, 1},
		{"carriage returns", versionLine + "\r\n" + versionLine + "\r\n", []string{"version", "version"}, 2},
		{"a later type", `{"schema":2,"type":"later"}` + "\n" + versionLine + "\n", []string{"unknown later", "version"}, 2},
		{"a later schema", `{"schema":3,"type":"version"}` + "\n" + versionLine + "\n", []string{"schema", "version"}, 2},
		{"no schema", "{}\n", []string{"schema"}, 1},
		{"no JSON", "nsblame: oh\n" + versionLine + "\n", []string{"bad", "version"}, 2},
		{"two on a line", versionLine + versionLine + "\n", []string{"bad"}, 1},
		{"a wrong type", `{"schema":2,"type":"version","version":1}` + "\n", []string{"bad"}, 1},
		{"cut off", versionLine + "\n" + versionLine[:20], []string{"version", "cut"}, 2},
		{"a long line", long + "\n" + versionLine + "\n", []string{"long", "version"}, 2},
		{"a long line without an end", versionLine + "\n" + long, []string{"version", "long"}, 2},
		{"one as long as it may be", versionLine + strings.Repeat(" ", readAhead-len(versionLine)) + "\n", []string{"version"}, 1},
		{"one byte longer", versionLine + strings.Repeat(" ", readAhead-len(versionLine)+1) + "\n", []string{"long"}, 1},
	} {
		r := NewReader(iotest.OneByteReader(strings.NewReader(tc.in)))
		r.MaxLine = readAhead
		var got []string
		for v, err := range r.All() {
			got = append(got, what(v, err))
		}
		if strings.Join(got, ",") != strings.Join(tc.want, ",") || r.Line() != tc.line {
			t.Errorf("%s: %q up to line %d, want %q and %d", tc.about, got, r.Line(), tc.want, tc.line)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: after the end: %v", tc.about, err)
		}
	}
}

// An error of the stream is final, and All ends with it.
func TestReaderPassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	r := NewReader(io.MultiReader(strings.NewReader(versionLine+"\n"+versionLine), iotest.ErrReader(broken)))
	var got []string
	var last error
	for v, err := range r.All() {
		got, last = append(got, what(v, err)), err
	}
	if strings.Join(got, ",") != "version,final" || !errors.Is(last, broken) {
		t.Errorf("%q, %v", got, last)
	}
}

// However long a line is, no more than MaxLine of it is held.
func TestReaderIsBounded(t *testing.T) {
	r := NewReader(io.MultiReader(io.LimitReader(endless{}, 64<<20), strings.NewReader("\n"+versionLine)))
	r.MaxLine = 1 << 20
	if got := what(r.Next()); got != "long" {
		t.Error(got)
	}
	if cap(r.line) > 4<<20 {
		t.Errorf("%d bytes are held", cap(r.line))
	}
	if got := what(r.Next()); got != "version" || r.Line() != 2 {
		t.Errorf("%s on line %d", got, r.Line())
	}
}

// endless is a line that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// FuzzReader holds that whatever is read, each line is either read or said to be bad.
func FuzzReader(f *testing.F) {
	f.Add(versionLine + "\n{}\n\n" + versionLine)
	f.Fuzz(func(t *testing.T, in string) {
		r := NewReader(strings.NewReader(in))
		r.MaxLine = 1 << 10
		n := 0
		for v, err := range r.All() {
			if n++; (v == nil) == (err == nil) {
				t.Fatalf("%v and %v", v, err)
			}
		}
		if lines := strings.Count(in, "\n") + 1; n > lines {
			t.Errorf("%d results of %d lines", n, lines)
		}
	})
}
