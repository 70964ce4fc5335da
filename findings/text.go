package findings

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// Text is a string that is safe to show: in JSON, what a terminal would act
// upon or hide is written as \uNNNN.
type Text string

// MarshalJSON returns the text as a JSON string.
func (t Text) MarshalJSON() ([]byte, error) {
	return t.AppendJSON(make([]byte, 0, len(t)+2)), nil
}

// AppendJSON appends the text as a JSON string. The text must be UTF-8.
func (t Text) AppendJSON(dst []byte) []byte {
	dst = append(dst, '"')
	for len(t) > 0 {
		n := verbatim(t)
		dst = append(dst, t[:n]...)
		if t = t[n:]; t == "" {
			break
		}
		r, size := utf8.DecodeRuneInString(string(t))
		dst, t = AppendRune(dst, r), t[size:]
	}
	return append(dst, '"')
}

// verbatim is how many bytes t begins with that stand for themselves in a JSON
// string. Nearly always that is all of them.
func verbatim(t Text) int {
	for i := range len(t) {
		if !isVerbatim[t[i]] {
			return i
		}
	}
	return len(t)
}

// isVerbatim holds for printable ASCII except quotes and backslashes.
var isVerbatim = func() (is [256]bool) {
	for c := ' '; c <= '~'; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// AppendRune appends r as it stands in a JSON string.
func AppendRune(dst []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r == '\r':
		return append(dst, `\r`...)
	case Shown(r) && !Mark(r):
		return utf8.AppendRune(dst, r)
	case r <= 0xffff:
		return appendUnit(dst, r)
	}
	// JSON counts in UTF-16.
	r -= 0x10000
	return appendUnit(appendUnit(dst, 0xd800+r>>10), 0xdc00+r&0x3ff)
}

// appendUnit appends a UTF-16 code unit as \uNNNN.
func appendUnit(dst []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[unit>>12&0xf], digits[unit>>8&0xf], digits[unit>>4&0xf], digits[unit&0xf])
}

// Shown reports whether a terminal shows r as one visible character where it
// stands. The space is one. Other blanks, controls, format characters (bidi,
// zero-width), private and unassigned code points are not. Letters and marks
// that Unicode says to ignore (fillers, variation selectors) are not, either, nor
// is what is written from right to left: a terminal that knows how to, and a
// ticket, would show what stands beside it in another order.
func Shown(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r < 0x7f
	}
	return unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, rightToLeft) &&
		r != '\u2800' // a Braille pattern without dots
}

// rightToLeft are the blocks whose code points, also those that are not assigned
// yet, are written from right to left (Unicode, DerivedBidiClass.txt, @missing).
var rightToLeft = &unicode.RangeTable{
	R16: []unicode.Range16{{0x0590, 0x08ff, 1}, {0xfb1d, 0xfdff, 1}, {0xfe70, 0xfeff, 1}},
	R32: []unicode.Range32{{0x10800, 0x10fff, 1}, {0x1e800, 0x1efff, 1}},
}

// Mark reports whether r is a mark that takes no room: it is drawn over or under
// the character before.
func Mark(r rune) bool { return r >= utf8.RuneSelf && unicode.In(r, unicode.Mn, unicode.Me) }

// Bytes returns a string as it was observed, out of a field and the one beside
// it that holds its bytes.
func Bytes(text Text, raw []byte) string {
	if raw != nil {
		return string(raw)
	}
	return string(text)
}

// List returns a list of strings as it was observed, as Bytes does.
func List(texts []Text, raw [][]byte) []string {
	out := make([]string, 0, max(len(texts), len(raw)))
	if raw != nil {
		for _, b := range raw {
			out = append(out, string(b))
		}
		return out
	}
	for _, t := range texts {
		out = append(out, string(t))
	}
	return out
}

// Counts are numbers by name, sorted by name.
type Counts map[Text]uint64

// MarshalJSON returns the numbers as a JSON object.
func (c Counts) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(c)) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(name.AppendJSON(out), ':')
		out = strconv.AppendUint(out, c[name], 10)
	}
	return append(out, '}'), nil
}

// TimeLayout is RFC 3339 with all nine digits, so that lines sort and align.
const TimeLayout = "2006-01-02T15:04:05.000000000Z07:00"

// Time is a time of day in the zone of the machine that was observed.
type Time struct{ time.Time }

// MarshalJSON returns the time in RFC 3339, with all nine digits.
func (t Time) MarshalJSON() ([]byte, error) {
	return append(t.AppendFormat([]byte{'"'}, TimeLayout), '"'), nil
}

// Maybe is a value that can be absent, where it was not asked for, and null, where
// it was asked for and is not known.
type Maybe[T any] struct {
	Present bool
	Value   *T
}

// IsZero reports whether the value is absent.
func (m Maybe[T]) IsZero() bool { return !m.Present }

// MarshalJSON returns the value, or null.
func (m Maybe[T]) MarshalJSON() ([]byte, error) { return json.Marshal(m.Value) }

// UnmarshalJSON reads a value, or null.
func (m *Maybe[T]) UnmarshalJSON(data []byte) error {
	m.Present = true
	return json.Unmarshal(data, &m.Value)
}
