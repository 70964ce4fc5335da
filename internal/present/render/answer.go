package render

import (
	"unicode/utf8"

	"github.com/nsblame/nsblame/findings"
)

// textOf returns a string as a field, and its bytes for the field beside it.
func textOf(s string) (findings.Text, []byte) {
	if utf8.ValidString(s) {
		return findings.Text(s), nil
	}
	return findings.Text(escape(s)), []byte(s)
}

// someText is textOf for a field that is there, though it can be null or absent.
func someText(s string) (*findings.Text, []byte) {
	t, raw := textOf(s)
	return &t, raw
}

// textOrNull is textOf for a field that is null or absent without a string.
func textOrNull(s string) (*findings.Text, []byte) {
	if s == "" {
		return nil, nil
	}
	return someText(s)
}

// textsOf returns a list of strings as a field, and if one of them isn't UTF-8,
// the bytes of all for the field beside it.
func textsOf(list []string) ([]findings.Text, [][]byte) {
	out, valid := make([]findings.Text, len(list)), true
	for i, s := range list {
		var raw []byte
		out[i], raw = textOf(s)
		valid = valid && raw == nil
	}
	if valid {
		return out, nil
	}
	raw := make([][]byte, len(list))
	for i, s := range list {
		raw[i] = []byte(s)
	}
	return out, raw
}

// each converts a list. The result is never nil.
func each[T, U any](list []T, convert func(*T) U) []U {
	out := make([]U, len(list))
	for i := range list {
		out[i] = convert(&list[i])
	}
	return out
}

// counts returns numbers by name.
func counts[K ~string](list map[K]uint64) findings.Counts {
	out := make(findings.Counts, len(list))
	for k, n := range list {
		name, _ := textOf(string(k))
		out[name] += n
	}
	return out
}

// time returns a time of day, nil where it is not known.
func (c *clock) time(bootNS uint64) *findings.Time {
	if t, ok := c.wall(bootNS); ok {
		return &findings.Time{Time: t}
	}
	return nil
}

func (c *clock) moment(bootNS uint64) findings.Moment {
	return findings.Moment{Time: c.time(bootNS), BootNS: bootNS}
}
