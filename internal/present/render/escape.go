package render

import (
	"strings"
	"unicode/utf8"

	"github.com/nsblame/nsblame/findings"
)

const hexDigits = "0123456789abcdef"

// next decodes the first rune of s. ok is false for a byte that isn't UTF-8,
// which is then r.
func next(s string) (r rune, size int, ok bool) {
	r, size = utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 {
		return rune(s[0]), 1, false
	}
	return r, size, true
}

// maxMarks bounds the marks over and under one character. More would reach into
// the lines above and below. Scripts that use marks have up to three.
const maxMarks = 3

// escaper makes the characters of a text safe to show, one after the other.
type escaper struct {
	// special are characters to escape by a backslash, as is the backslash.
	special string
	// base is set behind a character that a mark may stand on, with so many marks.
	base  bool
	marks int
}

// shows reports whether the next character is shown as it is.
func (e *escaper) shows(r rune, raw bool) bool {
	shown := !raw && findings.Shown(r)
	if !shown || !findings.Mark(r) {
		e.base, e.marks = shown && r != ' ', 0
		return shown
	}
	e.marks++
	return e.base && e.marks <= maxMarks
}

// append appends r so that it is safe to show: itself, or an escape. raw marks a
// byte that isn't UTF-8.
func (e *escaper) append(dst []byte, r rune, raw bool) []byte {
	shown := e.shows(r, raw)
	switch {
	case raw:
		return appendHex(append(dst, `\x`...), uint32(r), 2)
	case r == '\\' || r < utf8.RuneSelf && r >= ' ' && strings.IndexByte(e.special, byte(r)) >= 0:
		return append(dst, '\\', byte(r))
	case shown:
		return utf8.AppendRune(dst, r)
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r < utf8.RuneSelf:
		return appendHex(append(dst, `\x`...), uint32(r), 2)
	case r <= 0xffff:
		return appendHex(append(dst, `\u`...), uint32(r), 4)
	}
	return appendHex(append(dst, `\U`...), uint32(r), 8)
}

// appendHex appends n as so many hexadecimal digits.
func appendHex(dst []byte, n uint32, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[n>>shift&0xf])
	}
	return dst
}

// appendEscaped appends s with all that isn't printable escaped.
func appendEscaped(dst []byte, s, special string) []byte {
	e := escaper{special: special}
	for len(s) > 0 {
		r, size, ok := next(s)
		dst = e.append(dst, r, !ok)
		s = s[size:]
	}
	return dst
}

// escape returns s so that it is safe to show and still tells every byte.
func escape(s string) string {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '\\' {
			return string(appendEscaped(make([]byte, 0, len(s)+16), s, ""))
		}
	}
	return s
}

// quoting is how an argument must be written for a shell.
type quoting int

const (
	bare   quoting = iota // as it is
	single                // 'a b'
	ansiC                 // $'a\nb'
)

// quotingOf returns the least quoting that keeps s one word and safe to show.
func quotingOf(s string) quoting {
	q := bare
	if s == "" {
		q = single
	}
	var e escaper
	for len(s) > 0 {
		if isBare[s[0]] {
			e.base, e.marks = true, 0
			s = s[1:]
			continue
		}
		r, size, ok := next(s)
		if !e.shows(r, !ok) {
			return ansiC
		}
		if !plain(r) {
			q = single
		}
		s = s[size:]
	}
	return q
}

// plain reports whether r means nothing but itself to a shell.
func plain(r rune) bool {
	if r >= utf8.RuneSelf {
		return true
	}
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		strings.IndexByte("_@%+=:,./-", byte(r)) >= 0
}

// isBare are the characters of ASCII that are plain: most of what is shown.
var isBare = func() (is [256]bool) {
	for c := range rune(utf8.RuneSelf) {
		is[c] = plain(c)
	}
	return is
}()

// appendQuoted appends s as one word of a shell's command line.
func appendQuoted(dst []byte, s string) []byte {
	switch quotingOf(s) {
	case bare:
		return append(dst, s...)
	case single:
		dst = append(dst, '\'')
		dst = append(dst, strings.ReplaceAll(s, "'", `'\''`)...)
		return append(dst, '\'')
	}
	dst = appendEscaped(append(dst, `$'`...), s, "'")
	return append(dst, '\'')
}

// ellipsis marks what is not shown though it is known.
const ellipsis = "…"

// appendArgv appends a command line of about limit characters at most, and
// ellipsis if that isn't all of it. With a limit below 0 the middle is left out, see
// appendMiddleCut.
func appendArgv(dst []byte, argv []string, limit int) []byte {
	if limit < 0 {
		return appendMiddleCut(dst, argv, -limit)
	}
	for i, arg := range argv {
		if i > 0 {
			dst = append(dst, ' ')
			limit--
		}
		if limit <= 0 {
			return append(dst, ellipsis...)
		}
		head := fit(arg, limit)
		from := len(dst)
		if i == 0 && strings.IndexByte(head, '=') >= 0 && quotingOf(head) == bare {
			// Pasted, it would set a variable instead.
			dst = append(append(append(dst, '\''), head...), '\'')
		} else if head != "" || arg == "" {
			dst = appendQuoted(dst, head)
		}
		if len(head) < len(arg) {
			return append(dst, ellipsis...)
		}
		limit -= utf8.RuneCount(dst[from:])
	}
	return dst
}

// fit returns the longest beginning of s that takes no more than limit
// characters when escaped, quotes not counted.
func fit(s string, limit int) string {
	var scratch [16]byte
	e := escaper{special: "'"}
	for i := 0; i < len(s); {
		if isBare[s[i]] && limit > 0 {
			e.base, e.marks = true, 0
			limit--
			i++
			continue
		}
		r, size, ok := next(s[i:])
		limit -= utf8.RuneCount(e.append(scratch[:0], r, !ok))
		if limit < 0 {
			return s[:i]
		}
		i += size
	}
	return s
}

// fitEscaped is escape for at most limit characters, with ellipsis if s goes
// on.
func fitEscaped(s string, limit int) string {
	head := fit(s, limit)
	if len(head) < len(s) {
		return escape(head) + ellipsis
	}
	return escape(head)
}

// quoteName is a name or a path quoted like an argument, of at most limit
// characters, with ellipsis if it goes on.
func quoteName(s string, limit int) string {
	head := fit(s, limit)
	quoted := string(appendQuoted(nil, head))
	if len(head) < len(s) {
		return quoted + ellipsis
	}
	return quoted
}

// unitName is the name of a unit or a slice. No byte of a valid one needs an
// escape, and the backslash of those that are part of it is left alone.
func unitName(s string) string {
	return strings.ReplaceAll(fitEscaped(s, 2*maxName), `\\`, `\`)
}

// Escape returns s with what a terminal would act upon or hide escaped, as in the
// fields of JSON beside which the bytes stand.
func Escape(s string) string { return escape(s) }
