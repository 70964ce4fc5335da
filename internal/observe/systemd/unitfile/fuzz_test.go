package unitfile

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	sdunit "github.com/coreos/go-systemd/v22/unit"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzParse: what is read stands where it is said to stand, written again it
// reads the same, and where go-systemd takes a file it reads the same in it.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "[Unit]\nDescription=x\n", "[Service]\nPrivateNetwork=\\\n# c\n;d\n yes\n", "\ufeff[A]\nb=c",
		"[A]\r\nb=c\r\nd = e \r\n", "[A]\x00b=c\x00", "[A\nb=c", "[A]\nb=\xff\n", "[\"]\nb=c\n", "a=b\n[X]\n=c\nd\n",
		"[A]\nb=\\\\\nc=d\\", "[]\na=b\n", "[A]\n[B]\nx=1\nx=\nx=2\n", "[A]\n\v=\f\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := Parse(text)
		var syntax *syntaxError
		if err != nil && !errors.As(err, &syntax) && !(errors.Is(err, errTooLarge) && len(text) > MaxSize) {
			t.Fatalf("%v", err)
		}
		size, last := 0, 0
		for _, a := range list {
			checkAssignment(t, a)
			if a.Line < last || a.Line == last && last > 0 || syntax != nil && a.Line >= syntax.Line {
				t.Fatalf("line %d behind %d, error %v", a.Line, last, err)
			}
			last = a.Line
			size += len(a.Name) + len(a.Value)
		}
		if size > len(text) || last > len(text)+1 {
			t.Fatalf("%d bytes and %d lines in %d bytes", size, last, len(text))
		}
		checkAgain(t, list)
		if syntax == nil {
			checkAgainstGoSystemd(t, text, list)
		}
	})
}

func checkAssignment(t *testing.T, a Assignment) {
	t.Helper()
	if a.Section == "" || a.Name == "" || strings.Contains(a.Name, "=") || strings.ContainsAny(a.Section, "\"'\\") {
		t.Fatalf("%+v", a)
	}
	for _, s := range []string{a.Name, a.Value} {
		if strings.Trim(s, whitespace) != s || strings.ContainsAny(s, "\n\r\x00") || !utf8.ValidString(s) {
			t.Fatalf("%+v", a)
		}
	}
}

// checkAgain fails unless what was read, written as plainly as can be, reads
// the same.
func checkAgain(t *testing.T, list []Assignment) {
	t.Helper()
	var text strings.Builder
	var want []Assignment
	for _, a := range list {
		if strings.ContainsAny(a.Name[:1], comments+"[") || endsInBackslash(a.Value) || strings.HasPrefix(a.Name, byteOrderMark) {
			continue // it was written as a part of a longer line
		}
		text.WriteString("[" + a.Section + "]\n" + a.Name + "=" + a.Value + "\n")
		want = append(want, a)
	}
	got, err := Parse([]byte(text.String()))
	if text.Len() > MaxSize {
		return
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Assignment{}, "Line")); diff != "" || err != nil {
		t.Fatalf("written again: %v (-want +got):\n%s", err, diff)
	}
}

// checkAgainstGoSystemd compares with a reader that takes less: no continued
// lines, line ends of other systems and blanks that systemd doesn't count as
// such, and nothing behind a section's name.
func checkAgainstGoSystemd(t *testing.T, text []byte, list []Assignment) {
	t.Helper()
	// it skips all before the first bracket, wherever that stands
	first, _, _ := bytes.Cut(text, []byte("["))
	if bytes.ContainsAny(text, "\\\r\x00\ufeff") || len(bytes.TrimSpace(first)) > 0 || !utf8.Valid(text) || !plainBlanks(text) {
		return
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if bytes.HasPrefix(line, []byte("[")) && bytes.IndexByte(line, ']') != len(line)-1 {
			return // it ends a section's name at the first bracket, on whatever line
		}
	}
	theirs, err := sdunit.DeserializeOptions(bytes.NewReader(text))
	if err != nil {
		return
	}
	var got, want []sdunit.UnitOption
	for _, a := range list {
		got = append(got, sdunit.UnitOption{Section: a.Section, Name: a.Name, Value: a.Value})
	}
	for _, o := range theirs {
		if o.Name == "" || o.Section == "" {
			continue // systemd passes over both
		}
		want = append(want, *o)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("go-systemd differs (-theirs +ours):\n%s", diff)
	}
}

// plainBlanks reports whether all white space is of the kinds that systemd knows.
func plainBlanks(text []byte) bool {
	return bytes.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) && !strings.ContainsRune(whitespace, r) }) < 0
}
