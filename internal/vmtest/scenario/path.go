package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// path leads to values within a JSON object.
type path []segment

// segment is one step of a path: a member of an object, or elements of an
// array.
type segment struct {
	kind  segmentKind
	name  string // member, filter: the member's name
	value string // filter: the member's value as text
	index int    // index
}

type segmentKind int

const (
	member segmentKind = iota
	index              // [0], [-1]
	all                // [*]
	filter             // [name=value]
)

func (s segment) String() string {
	switch s.kind {
	case member:
		return "." + s.name
	case index:
		return fmt.Sprintf("[%d]", s.index)
	case all:
		return "[*]"
	default:
		return fmt.Sprintf("[%s=%s]", s.name, s.value)
	}
}

func (p path) String() string {
	var b strings.Builder
	for _, s := range p {
		b.WriteString(s.String())
	}
	return b.String()
}

func parsePath(text string) (path, error) {
	var p path
	for rest := text; rest != ""; {
		var s segment
		var err error
		switch rest[0] {
		case '.':
			s, rest, err = parseMember(rest[1:])
		case '[':
			s, rest, err = parseElement(rest[1:])
		default:
			err = fmt.Errorf("expected . or [ before %q", rest)
		}
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", text, err)
		}
		p = append(p, s)
	}
	if len(p) == 0 {
		return nil, fmt.Errorf("empty path")
	}
	return p, nil
}

func parseMember(text string) (s segment, rest string, err error) {
	end := strings.IndexAny(text, ".[")
	if end < 0 {
		end = len(text)
	}
	if !isName(text[:end]) {
		return segment{}, "", fmt.Errorf("%q is not a name", text[:end])
	}
	return segment{kind: member, name: text[:end]}, text[end:], nil
}

func parseElement(text string) (s segment, rest string, err error) {
	inside, rest, ok := strings.Cut(text, "]")
	if !ok {
		return segment{}, "", fmt.Errorf("[ without ]")
	}
	if inside == "*" {
		return segment{kind: all}, rest, nil
	}
	if name, value, ok := strings.Cut(inside, "="); ok {
		if !isName(name) {
			return segment{}, "", fmt.Errorf("%q is not a name", name)
		}
		return segment{kind: filter, name: name, value: value}, rest, nil
	}
	n, err := strconv.Atoi(inside)
	if err != nil {
		return segment{}, "", fmt.Errorf("[%s] is none of [NUMBER], [*], [NAME=VALUE]", inside)
	}
	return segment{kind: index, index: n}, rest, nil
}

func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// many reports whether the path can lead to several values.
func (p path) many() bool {
	return slices.ContainsFunc(p, func(s segment) bool { return s.kind == all || s.kind == filter })
}

// find returns the values that the path leads to: at least one, or an error
// that says where the path ends.
func (p path) find(root any) ([]any, error) {
	values := []any{root}
	for i, s := range p {
		var next []any
		for _, v := range values {
			found, err := s.step(v)
			if err != nil {
				return nil, fmt.Errorf("no %s: %w", p[:i+1], err)
			}
			next = append(next, found...)
		}
		if len(next) == 0 {
			return nil, fmt.Errorf("no %s: no such element", p[:i+1])
		}
		values = next
	}
	return values, nil
}

func (s segment) step(v any) ([]any, error) {
	if s.kind == member {
		object, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s is no object", show(v))
		}
		found, ok := object[s.name]
		if !ok {
			return nil, fmt.Errorf("there is only %s", strings.Join(slices.Sorted(maps.Keys(object)), ", "))
		}
		return []any{found}, nil
	}
	array, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s is no array", show(v))
	}
	switch s.kind {
	case all:
		return array, nil
	case filter:
		return slices.DeleteFunc(slices.Clone(array), func(e any) bool { return !s.picks(e) }), nil
	default:
		i := s.index
		if i < 0 {
			i += len(array)
		}
		if i < 0 || i >= len(array) {
			return nil, fmt.Errorf("the array has %d elements", len(array))
		}
		return []any{array[i]}, nil
	}
}

func (s segment) picks(element any) bool {
	object, ok := element.(map[string]any)
	if !ok {
		return false
	}
	v, ok := object[s.name]
	if !ok {
		return false
	}
	if text, ok := v.(string); ok {
		return text == s.value
	}
	return show(v) == s.value
}

// show renders a value for people, cut if it is long.
func show(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const limit = 300
	if len(raw) > limit {
		return string(raw[:limit]) + "…"
	}
	return string(raw)
}
