package render

import (
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"github.com/nsblame/nsblame/findings"
)

// encoder builds one line of JSON. Keys come out in the order of the calls.
type encoder struct {
	b []byte
	// written are processes that need not be written anew, nil where none is kept.
	written *writtenProcesses
}

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
	b := append(e.b, '"')
	b = append(b, name...)
	e.b = append(b, '"', ':')
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
	if valid = utf8.ValidString(s); !valid {
		s = escape(s)
	}
	e.b = findings.Text(s).AppendJSON(e.b)
	return valid
}

// base64 writes the bytes of s.
func (e *encoder) base64(s string) {
	e.b = append(e.b, '"')
	e.b = base64.StdEncoding.AppendEncode(e.b, []byte(s))
	e.b = append(e.b, '"')
}
