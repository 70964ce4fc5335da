package dbuswire

import (
	"errors"
	"strings"
)

// ErrNoProperties is returned for a reply whose body is something else.
var ErrNoProperties = errors.New("the reply holds no properties")

// Room is what may still be kept of what a manager says, in bytes. Each text costs
// its own length, and some for being one.
type Room struct {
	// Left is for everything, Lists of that for what stands in lists, Text for
	// one text.
	Left, Lists, Text int
	// Cut is set once something was left out because there was no room.
	Cut bool
}

// perText is what a text takes besides its bytes.
const perText = 32

// Take reports whether there is room for n more bytes, and takes it.
func (m *Room) Take(n int) bool {
	if n > m.Text || m.Left < n+perText {
		m.Cut = true
		return false
	}
	m.Left -= n + perText
	return true
}

// takeInList is Take for a text in a list.
func (m *Room) takeInList(n int) bool {
	if m.Lists < n+perText || !m.Take(n) {
		m.Cut = true
		return false
	}
	m.Lists -= n + perText
	return true
}

// Properties reads the body of a whole reply that is a dictionary of variants
// (a{sv}), of which it keeps those that are wanted and that there is room for. Of a
// type that an [Arg] can't hold, a property is left out.
func Properties(reply []byte, wanted func(name string) bool, room *Room) (map[string]Arg, error) {
	m, r, err := replyBody(reply)
	if err != nil {
		return nil, err
	}
	if m.Signature != "a{sv}" {
		return nil, ErrNoProperties
	}
	end, err := r.array('{')
	if err != nil {
		return nil, err
	}
	found := make(map[string]Arg)
	for r.pos < end {
		if err := r.align(8); err != nil {
			return nil, err
		}
		name, err := r.string('s')
		if err != nil {
			return nil, err
		}
		arg, kept, err := r.variant(wanted(name), room)
		if err != nil {
			return nil, err
		}
		if kept {
			found[name] = arg
		}
	}
	return found, nil
}

// Property reads the body of a whole reply that is a variant. ok is false for one
// that an [Arg] can't hold, or for which there is no room.
func Property(reply []byte, room *Room) (arg Arg, ok bool, err error) {
	m, r, err := replyBody(reply)
	if err != nil {
		return Arg{}, false, err
	}
	if m.Signature != "v" {
		return Arg{}, false, ErrNoProperties
	}
	return r.variant(true, room)
}

// replyBody reads a message up to its body.
func replyBody(reply []byte) (m Message, r reader, err error) {
	r = reader{text: string(reply), end: preludeSize}
	fields, body, err := m.readPrelude(&r)
	if err != nil {
		return m, r, err
	}
	bodyStart := (preludeSize + fields + 7) &^ 7
	r.end = preludeSize + fields
	if err := m.readFields(&r); err != nil {
		return m, r, err
	}
	r.end = bodyStart
	if err := r.align(8); err != nil {
		return m, r, err
	}
	r.end = bodyStart + body
	return m, r, checkBody(m.Signature, body)
}

// Pairs is the type of a list of two texts each. The Texts of an [Arg] have them one
// after the other.
const Pairs = "a(ss)"

// variant reads a variant, and keeps its value if it is wanted and there is room.
func (r *reader) variant(wanted bool, room *Room) (arg Arg, kept bool, err error) {
	kind, err := r.variantType()
	if err != nil {
		return arg, false, err
	}
	switch {
	case wanted && kind == Pairs:
		arg.Signature = kind
		arg.Texts, err = r.somePairs(room)
		return arg, err == nil, err
	case !wanted || argType(kind) != kind:
		return arg, false, r.skip(kind, 1)
	case kind == "as":
		arg.Signature = kind
		arg.Texts, err = r.someStrings(room)
		return arg, err == nil, err
	}
	if arg, err = r.arg(kind); err != nil {
		return arg, false, err
	}
	if !room.Take(len(arg.Text)) {
		return Arg{}, false, nil
	}
	arg.Text = strings.Clone(arg.Text) // not the whole message for it
	return arg, true, nil
}

// someStrings reads an array of strings, as many as there is room for.
func (r *reader) someStrings(room *Room) ([]string, error) {
	end, err := r.array('s')
	if err != nil {
		return nil, err
	}
	var list []string
	for r.pos < end {
		s, err := r.string('s')
		if err != nil {
			return nil, err
		}
		if !room.takeInList(len(s)) {
			r.pos = end
			break
		}
		list = append(list, strings.Clone(s))
	}
	return list, nil
}

// somePairs reads an array of two strings each, as many whole ones as there is room for.
func (r *reader) somePairs(room *Room) ([]string, error) {
	end, err := r.array('(')
	if err != nil {
		return nil, err
	}
	var list []string
	for r.pos < end {
		if err := r.align(8); err != nil {
			return nil, err
		}
		var pair [2]string
		for i := range pair {
			if pair[i], err = r.string('s'); err != nil {
				return nil, err
			}
		}
		if !room.takeInList(len(pair[0])) || !room.takeInList(len(pair[1])) {
			r.pos = end
			break
		}
		list = append(list, strings.Clone(pair[0]), strings.Clone(pair[1]))
	}
	return list, nil
}
