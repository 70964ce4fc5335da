// Package unitfile reads the text of a systemd unit file into assignments that
// know their line.
//
// The rules are those of systemd's own reader (src/shared/conf-parser.c,
// config_parse and parse_line). go-systemd's unit package reads the same
// format. But it drops the line of each option, which nsblame has to show, and
// refuses files that systemd accepts. So this is a reader of our own, and
// go-systemd's is the oracle in its tests.
//
// The package is pure, and takes any bytes: a user's own unit files are as
// hostile as the user.
package unitfile

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxSize is the largest size in bytes of a file that is read. Unit files are a few
// kilobytes long. systemd has a limit for a line, 1 MiB (LONG_LINE_MAX in
// src/basic/fileio.h).
const MaxSize = 256 << 10

// errTooLarge is returned for a text of more than MaxSize bytes.
var errTooLarge = errors.New("unit file is larger than 256 KiB")

// syntaxError is a line at which systemd stops reading the file. What comes
// before it counts.
type syntaxError struct {
	// Line is the number of the line, from 1.
	Line int
	// Reason says what is wrong with it.
	Reason string
}

// Error returns the reason with the line.
func (e *syntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Assignment is one "Name=Value" within a section.
type Assignment struct {
	// Section is the section's name, without brackets.
	Section string
	// Name is the setting's name as written; systemd minds the case.
	Name string
	// Value is the text after the "=", without white space around it, with
	// continued lines joined as systemd joins them, specifiers and quotes left
	// as they are. An empty value resets some settings.
	Value string
	// Line is the number of the line with the name, from 1. For a continued
	// line systemd's own messages give the last line instead.
	Line int
}

const (
	whitespace    = " \t\n\r"
	comments      = "#;"
	byteOrderMark = "\ufeff"
)

// Parse reads a unit file's text. Assignments outside of a section and lines
// without "=" are passed over, as systemd does. With a *syntaxError it also
// returns what the file holds before that line, which systemd has applied by
// then.
func Parse(text []byte) ([]Assignment, error) {
	if len(text) > MaxSize {
		return nil, errTooLarge
	}
	var p parser
	for line := 1; len(text) > 0; line++ {
		var raw string
		raw, text = cutLine(text)
		if err := p.physical(line, raw); err != nil {
			return p.assignments, err
		}
	}
	return p.assignments, p.end()
}

// cutLine takes one line off the text. As in src/basic/fileio.c,
// read_line_full, a line ends with any of LF, CR and NUL, or with several
// different ones in a row of which a NUL is the last.
func cutLine(text []byte) (line string, rest []byte) {
	end := 0
	for end < len(text) && !isEOL(text[end]) {
		end++
	}
	next := end
	for next < len(text) && isEOL(text[next]) && !contains(text[end:next], text[next]) {
		next++
		if text[next-1] == 0 {
			break
		}
	}
	return string(text[:end]), text[next:]
}

func isEOL(c byte) bool { return c == '\n' || c == '\r' || c == 0 }

// contains is for the one or two bytes that cutLine compares with.
func contains(seen []byte, c byte) bool {
	for _, s := range seen {
		if s == c {
			return true
		}
	}
	return false
}

// parser is the state that config_parse keeps between lines.
type parser struct {
	assignments []Assignment
	section     string
	bomSeen     bool
	// joined is the text of a line that goes on, begun on line start.
	joined strings.Builder
	start  int
}

// physical takes one line as it stands in the file.
func (p *parser) physical(number int, text string) error {
	if first := strings.TrimLeft(text, whitespace); first != "" && strings.Contains(comments, first[:1]) {
		return nil // within a continued line, too
	}
	if !p.bomSeen {
		text, p.bomSeen = strings.CutPrefix(text, byteOrderMark)
	}
	if p.start == 0 {
		p.start = number
	}
	if endsInBackslash(text) {
		p.joined.WriteString(text[:len(text)-1])
		p.joined.WriteByte(' ')
		return nil
	}
	p.joined.WriteString(text)
	return p.end()
}

// endsInBackslash reports whether the last character is a backslash that no
// other one escapes.
func endsInBackslash(text string) bool {
	n := len(text) - len(strings.TrimRight(text, `\`))
	return n%2 == 1
}

// end takes the line that has been put together, if there is one.
func (p *parser) end() error {
	text, line := strings.Trim(p.joined.String(), whitespace), p.start
	p.joined.Reset()
	p.start = 0
	switch {
	case text == "":
		return nil
	case !utf8.ValidString(text):
		return &syntaxError{Line: line, Reason: "not valid UTF-8"}
	case text[0] == '[':
		return p.header(line, text)
	}
	name, value, ok := strings.Cut(text, "=")
	if name = strings.Trim(name, whitespace); !ok || name == "" || p.section == "" {
		return nil
	}
	p.assignments = append(p.assignments, Assignment{
		Section: p.section, Name: name, Value: strings.Trim(value, whitespace), Line: line,
	})
	return nil
}

// header begins a section.
func (p *parser) header(line int, text string) error {
	name, ok := strings.CutSuffix(text[1:], "]")
	if !ok {
		return &syntaxError{Line: line, Reason: "section header without closing bracket"}
	}
	// src/basic/string-util.c, string_is_safe
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`"'\`, r) }) {
		return &syntaxError{Line: line, Reason: "section header with unsafe characters"}
	}
	p.section = name
	return nil
}

// Bool reads a value as systemd reads booleans (src/basic/parse-util.c,
// parse_boolean). ok is false for anything else, the empty value included;
// systemd ignores such an assignment.
func Bool(value string) (v, ok bool) {
	switch strings.ToLower(value) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}
