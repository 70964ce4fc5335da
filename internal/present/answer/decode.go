package answer

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Lines has a function for each type of line that returns a new one. The key is
// the line's type, but for the summary of list, which is "summary" as well.
var Lines = map[string]func() any{
	"netns_create":  func() any { return new(NetnsCreate) },
	"netns_release": func() any { return new(NetnsRelease) },
	"netns_free":    func() any { return new(NetnsFree) },
	"netns_join":    func() any { return new(NetnsJoin) },
	"netns_init":    func() any { return new(PernetInit) },
	"coverage":      func() any { return new(Coverage) },
	"loss":          func() any { return new(Loss) },
	"damage":        func() any { return new(Damage) },
	"summary":       func() any { return new(Summary) },
	"report":        func() any { return new(Report) },
	"netns":         func() any { return new(ListedNetns) },
	listSummary:     func() any { return new(ListSummary) },
}

// listSummary is the key of the summary of list.
const listSummary = "list summary"

// UnknownTypeError says that a line has a type that this version does not know.
type UnknownTypeError struct{ Type string }

func (e *UnknownTypeError) Error() string { return fmt.Sprintf("line of unknown type %q", e.Type) }

// Decode reads a line. It returns a pointer to the type of the line, or an
// *UnknownTypeError. Fields that this version does not know are passed over.
func Decode(line []byte) (any, error) {
	_, v, err := decode(line, false)
	return v, err
}

// DecodeStrict reads a line as Decode does, and fails on a field that its type
// does not have. It also returns the line's key in Lines.
func DecodeStrict(line []byte) (key string, v any, err error) { return decode(line, true) }

func decode(line []byte, strict bool) (string, any, error) {
	key, err := keyOf(line)
	if err != nil {
		return "", nil, err
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if strict {
		d.DisallowUnknownFields()
	}
	v := Lines[key]()
	if err := d.Decode(v); err != nil {
		return "", nil, fmt.Errorf("read a line of type %s: %w", key, err)
	}
	return key, v, nil
}

// keyOf returns a line's key in Lines.
func keyOf(line []byte) (string, error) {
	var h struct {
		Type   string  `json:"type"`
		Listed *uint64 `json:"listed"`
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return "", fmt.Errorf("read the type of a line: %w", err)
	}
	switch {
	case h.Type == "summary" && h.Listed != nil:
		return listSummary, nil
	case Lines[h.Type] == nil:
		return "", &UnknownTypeError{h.Type}
	}
	return h.Type, nil
}
