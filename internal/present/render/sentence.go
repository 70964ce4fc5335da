package render

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/nsblame/nsblame/findings"
)

// Sentence returns a sentence, such as an error's, with everything escaped that
// a terminal would act upon or not show: what comes from a command line or a
// file must not move the cursor, or make a line look like another. Backslashes
// are left alone, for most names within are quoted already.
func Sentence(s string) string {
	b := make([]byte, 0, len(s))
	var e escaper
	for len(s) > 0 {
		r, size, ok := next(s)
		if ok && r == '\\' {
			b = append(b, '\\')
		} else {
			b = e.append(b, r, !ok)
		}
		s = s[size:]
	}
	return string(b)
}

// Object returns v as encoding/json writes it, on one line, with everything
// escaped that a terminal would act upon or not show. Its strings have to be
// UTF-8; those that may not be go through Sentence before.
func Object(v any) ([]byte, error) {
	var raw bytes.Buffer
	enc := json.NewEncoder(&raw)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	line := bytes.TrimSuffix(raw.Bytes(), []byte("\n"))
	out := make([]byte, 0, len(line)+1)
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		if findings.Shown(r) && !findings.Mark(r) {
			out = append(out, line[:size]...) // quotes and backslashes are JSON's own
		} else {
			out = findings.AppendRune(out, r)
		}
		line = line[size:]
	}
	return append(out, '\n'), nil
}
