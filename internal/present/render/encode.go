package render

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"
)

// encoder builds one line of JSON. Keys come out in the order of the calls.
type encoder struct{ b []byte }

// comma separates what comes from what precedes it in the same object or
// list.
func (e *encoder) comma() {
	if n := len(e.b); n > 0 && e.b[n-1] != '{' && e.b[n-1] != '[' && e.b[n-1] != ':' {
		e.b = append(e.b, ',')
	}
}

// key begins a field; name must not need escaping.
func (e *encoder) key(name string) {
	e.comma()
	e.b = append(e.b, '"')
	e.b = append(e.b, name...)
	e.b = append(e.b, '"', ':')
}

func (e *encoder) open(c byte) { e.comma(); e.b = append(e.b, c) }

func (e *encoder) close(c byte) { e.b = append(e.b, c) }

func (e *encoder) null(name string) { e.key(name); e.b = append(e.b, "null"...) }

func (e *encoder) uint(name string, n uint64) { e.key(name); e.number(n) }

// number writes a value behind its key.
func (e *encoder) number(n uint64) { e.b = strconv.AppendUint(e.b, n, 10) }

func (e *encoder) int(name string, n int64) { e.key(name); e.b = strconv.AppendInt(e.b, n, 10) }

func (e *encoder) bool(name string, v bool) { e.key(name); e.b = strconv.AppendBool(e.b, v) }

// flag is bool for fields that are absent unless set.
func (e *encoder) flag(name string, v bool) {
	if v {
		e.bool(name, v)
	}
}

// str writes a string field, and its base64 beside it where it takes that to
// keep every byte.
func (e *encoder) str(name, s string) {
	e.key(name)
	if !e.text(s) {
		e.key(name + "_base64")
		e.base64(s)
	}
}

// strings writes a list of strings, and the whole list in base64 beside it if
// any of them isn't UTF-8.
func (e *encoder) strings(name string, list []string) {
	valid := true
	e.key(name)
	e.open('[')
	for _, s := range list {
		e.comma()
		valid = e.text(s) && valid
	}
	e.close(']')
	if valid {
		return
	}
	e.key(name + "_base64")
	e.open('[')
	for _, s := range list {
		e.comma()
		e.base64(s)
	}
	e.close(']')
}

// text writes a JSON string: s, or its escaped form if s isn't UTF-8, which it
// reports.
func (e *encoder) text(s string) (valid bool) {
	e.b = append(e.b, '"')
	n := verbatim(s)
	if valid = n == len(s) || utf8.ValidString(s[n:]); !valid {
		s = escape(s)
		n = verbatim(s)
	}
	for {
		e.b = append(e.b, s[:n]...)
		if s = s[n:]; s == "" {
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		e.b, s = appendJSONRune(e.b, r), s[size:]
		n = verbatim(s)
	}
	e.b = append(e.b, '"')
	return valid
}

// verbatim is how many bytes s begins with that stand for themselves in a JSON
// string, which is nearly always all of them.
func verbatim(s string) int {
	for i := range len(s) {
		if !isVerbatim[s[i]] {
			return i
		}
	}
	return len(s)
}

// isVerbatim holds for printable ASCII but for quotes and backslashes.
var isVerbatim = func() (is [256]bool) {
	for c := ' '; c <= '~'; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// base64 writes the bytes of s.
func (e *encoder) base64(s string) {
	e.b = append(e.b, '"')
	e.b = base64.StdEncoding.AppendEncode(e.b, []byte(s))
	e.b = append(e.b, '"')
}

// appendJSONRune appends r as it stands in a JSON string. All that a terminal
// doesn't simply show is written as \uNNNN.
func appendJSONRune(dst []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r == '\r':
		return append(dst, `\r`...)
	case shown(r):
		return utf8.AppendRune(dst, r)
	case r <= 0xffff:
		return appendHex(append(dst, `\u`...), uint32(r), 4)
	}
	// JSON counts in UTF-16.
	r -= 0x10000
	dst = appendHex(append(dst, `\u`...), 0xd800+uint32(r>>10), 4)
	return appendHex(append(dst, `\u`...), 0xdc00+uint32(r&0x3ff), 4)
}
