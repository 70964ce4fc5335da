package findings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// LineType is a type of line.
type LineType struct {
	// Type is what stands in the line's field of that name.
	Type string
	// New returns a pointer to a new struct for such a line.
	New func() any
}

// Lines are all types of line. The last line of list has its own struct, though
// its type is "summary" as well: it is the one that has "listed".
var Lines = []LineType{
	{"netns_create", func() any { return new(NetnsCreate) }},
	{"netns_for", func() any { return new(NetnsFor) }},
	{"netns_release", func() any { return new(NetnsRelease) }},
	{"netns_free", func() any { return new(NetnsFree) }},
	{"netns_join", func() any { return new(NetnsJoin) }},
	{"pernet_init", func() any { return new(PernetInit) }},
	{"coverage", func() any { return new(Coverage) }},
	{"loss", func() any { return new(Loss) }},
	{"damage", func() any { return new(Damage) }},
	{"summary", func() any { return new(Summary) }},
	{"report", func() any { return new(Report) }},
	{"netns", func() any { return new(ListedNetns) }},
	{"summary", func() any { return new(ListSummary) }},
	{"check", func() any { return new(Check) }},
	{"probe", func() any { return new(Check) }},
	{"verdict", func() any { return new(Verdict) }},
	{"version", func() any { return new(Version) }},
}

// Encode writes a line, as nsblame does.
func Encode(w io.Writer, line any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // what a terminal acts upon is escaped already
	if err := e.Encode(line); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	return nil
}

// UnknownTypeError says that a line has a type that this version does not know.
type UnknownTypeError struct{ Type string }

func (e *UnknownTypeError) Error() string { return fmt.Sprintf("line of unknown type %q", e.Type) }

// SchemaError says that a line has another version of the schema than this package.
type SchemaError struct{ Schema int }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("line of schema %d: this version reads schema %d", e.Schema, Schema)
}

// Decode reads a line. It returns a pointer to the struct of the line, an
// *UnknownTypeError or a *SchemaError. Fields that this version does not know are
// passed over.
func Decode(line []byte) (any, error) { return decode(json.NewDecoder(bytes.NewReader(line)), line) }

// DecodeStrict reads a line as Decode does, and fails on a field that the
// line's struct does not have.
func DecodeStrict(line []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	return decode(d, line)
}

func decode(d *json.Decoder, line []byte) (any, error) {
	v, err := newLine(line)
	if err != nil {
		return nil, err
	}
	if err := d.Decode(v); err != nil {
		return nil, fmt.Errorf("read a line: %w", err)
	}
	return v, nil
}

// newLine returns a new struct for a line.
func newLine(line []byte) (any, error) {
	var h struct {
		Schema int     `json:"schema"`
		Type   string  `json:"type"`
		Listed *uint64 `json:"listed"`
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, fmt.Errorf("read the type of a line: %w", err)
	}
	if h.Schema != Schema {
		return nil, &SchemaError{h.Schema}
	}
	if h.Type == "summary" && h.Listed != nil {
		return new(ListSummary), nil
	}
	for _, l := range Lines {
		if l.Type == h.Type {
			return l.New(), nil
		}
	}
	return nil, &UnknownTypeError{h.Type}
}
