package export

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/present/render"
)

// Type is the type of a column. Every column may be null.
type Type string

// The types of columns.
const (
	// Text is UTF-8.
	Text Type = "text"
	// Int is a number of 64 bits with a sign.
	Int Type = "int"
	// Bool is true or false.
	Bool Type = "bool"
	// Time is a moment to the microsecond, in UTC.
	Time Type = "time"
)

// Column is a column of a table.
type Column struct {
	// Name is its name.
	Name string
	// Type is the type of its values.
	Type Type
	// About says what it is, in words.
	About string
}

// Table is a kind of thing with a row for each.
type Table struct {
	// Name is its name, and that of its directory.
	Name string
	// About says what a row is.
	About string
	// Columns are its columns, in their order.
	Columns []Column
}

// value is a value of a column. The zero value is null.
type value struct {
	set  bool
	num  int64  // of Int, of Bool (0 or 1), and of Time (microseconds since 1970)
	text string // of Text
	list []string
	// lost are the texts that stand in text escaped, nil for none.
	lost []string
}

func number[N ~int64 | ~uint64 | ~uint32 | ~int](n N) value {
	if n > 0 && uint64(n) > math.MaxInt64 {
		return value{set: true, num: math.MaxInt64}
	}
	return value{set: true, num: int64(n)}
}

// numberIf is null unless known is set.
func numberIf[N ~int64 | ~uint64 | ~uint32 | ~int](n N, known bool) value {
	if !known {
		return value{}
	}
	return number(n)
}

func truth(b bool) value {
	if b {
		return value{set: true, num: 1}
	}
	return value{set: true}
}

// text is null if there is none.
func text[S ~string](s S) value {
	if s == "" {
		return value{}
	}
	return value{set: true, text: string(s)}
}

// list is a list of texts, as the text of a JSON array.
func list(l []string) value {
	if l == nil {
		return value{}
	}
	return value{set: true, list: l}
}

// field is a column with how a thing has it.
type field[T any] struct {
	name string
	kind Type
	is   string
	of   func(*T) value
}

// rawColumn keeps what the other columns could not.
const rawColumn = "raw_base64"

// columns returns the columns of a table.
func columns[T any](fields []field[T]) []Column {
	list := make([]Column, 0, len(fields)+1)
	for _, f := range fields {
		list = append(list, Column{f.name, f.kind, f.is})
	}
	return append(list, Column{rawColumn, Text, "the bytes of texts that are escaped in this row: a JSON object from a column to base64, or to a list; null for none"})
}

// appendRow appends the row of a thing. Texts that are not verbatim are escaped, and
// their bytes stand in the last column.
func appendRow[T any](row []value, fields []field[T], of *T, verbatim func(string) bool) []value {
	var raw map[string]any
	keep := func(name string, bytes any) {
		if raw == nil {
			raw = make(map[string]any)
		}
		raw[name] = bytes
	}
	for i := range fields {
		v := fields[i].of(of)
		switch {
		case v.list != nil:
			var kept bool
			if v.text, kept = listText(v.list, verbatim); !kept {
				keep(fields[i].name, listBytes(v.list))
			}
			v.list = nil
		case v.lost != nil:
			keep(fields[i].name, listBytes(v.lost))
			v.lost = nil
			if !verbatim(v.text) {
				v.text = render.Escape(v.text)
			}
		case !verbatim(v.text):
			keep(fields[i].name, []byte(v.text))
			v.text = render.Escape(v.text)
		}
		row = append(row, v)
	}
	if raw == nil {
		return append(row, value{})
	}
	out, err := json.Marshal(raw)
	if err != nil {
		panic(err) // bytes can always be encoded
	}
	return append(row, value{set: true, text: string(out)})
}

// listText is a list as a JSON array. It reports whether all of it is verbatim.
func listText(l []string, verbatim func(string) bool) (out string, kept bool) {
	kept = true
	b := []byte{'['}
	for i, s := range l {
		if i > 0 {
			b = append(b, ',')
		}
		if !utf8.ValidString(s) {
			s = render.Escape(s)
			kept = false
		}
		b = findings.Text(s).AppendJSON(b)
	}
	b = append(b, ']')
	return string(b), kept && verbatim(string(b))
}

func listBytes(l []string) []string {
	out := make([]string, len(l))
	for i, s := range l {
		out[i] = base64.StdEncoding.EncodeToString([]byte(s))
	}
	return out
}

// isUTF8 is what a form takes that has a way to carry any text.
func isUTF8(s string) bool { return utf8.ValidString(s) }

// isShown is what a form takes whose text a terminal may get as it is.
func isShown(s string) bool {
	for i, r := range s {
		if !findings.Shown(r) || findings.Mark(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return false
		}
	}
	return true
}
