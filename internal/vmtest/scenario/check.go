package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// Check is one condition on a JSON object: a path, an operator and a value.
// It travels as its text.
type Check struct {
	text   string
	path   path
	length bool   // the number of elements or bytes instead of the value
	op     string // one of operators
	raw    string // the value as written
}

// operators tell how many operands each takes.
var operators = map[string]bool{
	"==": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true,
	"~": true, "!~": true, "contains": true, "lacks": true,
	"absent": false,
}

// negative operators hold if they hold for each of several values, the others
// if they hold for any.
var negative = []string{"!=", "!~", "lacks"}

// parseCheck parses the text of a check.
func parseCheck(text string) (Check, error) {
	c := Check{text: text}
	where, rest := cutPath(text)
	var err error
	if c.path, err = parsePath(where); err != nil {
		return Check{}, err
	}
	if after, ok := strings.CutPrefix(rest, "| length "); ok {
		c.length, rest = true, strings.TrimSpace(after)
	}
	c.op, c.raw, _ = strings.Cut(rest, " ")
	c.raw = strings.TrimSpace(c.raw)
	hasValue, known := operators[c.op]
	switch {
	case !known:
		return Check{}, fmt.Errorf("check %q: unknown operator %q", text, c.op)
	case hasValue && c.raw == "":
		return Check{}, fmt.Errorf("check %q: no value after %s", text, c.op)
	case !hasValue && c.raw != "":
		return Check{}, fmt.Errorf("check %q: %s takes no value", text, c.op)
	case c.op == "absent" && (c.length || c.path[len(c.path)-1].kind != member):
		return Check{}, fmt.Errorf("check %q: absent needs a path that ends in a name", text)
	}
	if !strings.Contains(text, "${") {
		// An error in the file shows before a VM is booted for it.
		if _, err := c.bind(nil); err != nil {
			return Check{}, err
		}
	}
	return c, nil
}

// cutPath splits off the path, in whose brackets there may be blanks.
func cutPath(text string) (path, rest string) {
	depth := 0
	for i, r := range text {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case r == ' ' && depth == 0:
			return text[:i], strings.TrimSpace(text[i:])
		}
	}
	return text, ""
}

// String returns the check as it was written.
func (c Check) String() string { return c.text }

// MarshalText implements encoding.TextMarshaler.
func (c Check) MarshalText() ([]byte, error) { return []byte(c.text), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Check) UnmarshalText(text []byte) error {
	parsed, err := parseCheck(string(text))
	*c = parsed
	return err
}

// bound is a check whose variables have values.
type bound struct {
	Check
	value  any
	regexp *regexp.Regexp
}

func (c Check) bind(vars map[string]string) (bound, error) {
	b := bound{Check: c}
	b.path = slices.Clone(c.path)
	for i, s := range b.path {
		var err error
		if b.path[i].value, err = expand(s.value, vars, plainly); err != nil {
			return bound{}, fmt.Errorf("check %q: %w", c.text, err)
		}
	}
	var err error
	switch c.op {
	case "absent":
	case "~", "!~":
		var pattern string
		if pattern, err = expand(c.raw, vars, regexp.QuoteMeta); err == nil {
			b.regexp, err = regexp.Compile(pattern)
		}
	default:
		var raw string
		if raw, err = expand(c.raw, vars, plainly); err == nil {
			b.value, err = parseValue(raw)
		}
	}
	if err != nil {
		return bound{}, fmt.Errorf("check %q: %w", c.text, err)
	}
	return b, nil
}

func bindAll(checks []Check, vars map[string]string) ([]bound, error) {
	var bs []bound
	for _, c := range checks {
		b, err := c.bind(vars)
		if err != nil {
			return nil, err
		}
		bs = append(bs, b)
	}
	return bs, nil
}

func plainly(s string) string { return s }

var variable = regexp.MustCompile(`\$\{(\w+)\}`)

// expand replaces ${NAME} by the variable's value, which is quoted first.
func expand(text string, vars map[string]string, quote func(string) string) (string, error) {
	var unset []string
	out := variable.ReplaceAllStringFunc(text, func(ref string) string {
		name := ref[2 : len(ref)-1]
		value, ok := vars[name]
		if !ok {
			unset = append(unset, name)
		}
		return quote(value)
	})
	if len(unset) > 0 {
		return "", fmt.Errorf("the scripts have not set %s", strings.Join(unset, ", "))
	}
	return out, nil
}

// parseValue takes JSON for what it is and a bare word for a string.
func parseValue(raw string) (any, error) {
	v, err := decodeJSON(raw)
	if err == nil {
		return v, nil
	}
	if raw == "" || strings.ContainsRune(`"[{`, rune(raw[0])) {
		return nil, fmt.Errorf("value %q: %w", raw, err)
	}
	return raw, nil
}

// decodeJSON decodes exactly one value and keeps numbers as they are written,
// for a float64 has no room for a uint64.
func decodeJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}

// test returns nil if the object fulfils the check, otherwise why not.
func (b bound) test(object any) error {
	if b.op == "absent" {
		return b.testAbsent(object)
	}
	values, err := b.path.find(object)
	if err != nil {
		return err
	}
	forEach := slices.Contains(negative, b.op)
	for _, v := range values {
		ok, err := b.compare(v)
		if err != nil {
			return fmt.Errorf("%s is %s: %w", b.path, show(v), err)
		}
		if ok && !forEach {
			return nil
		}
		if !ok && forEach {
			return fmt.Errorf("%s is %s", b.path, show(v))
		}
	}
	if forEach {
		return nil
	}
	if b.path.many() {
		return fmt.Errorf("%s is none of it: %s", b.path, show(values))
	}
	return fmt.Errorf("%s is %s", b.path, show(values[0]))
}

// testAbsent wants the last name of the path missing from an object that
// exists.
func (b bound) testAbsent(object any) error {
	last := len(b.path) - 1
	owners := []any{object}
	if last > 0 {
		var err error
		if owners, err = b.path[:last].find(object); err != nil {
			return err
		}
	}
	for _, owner := range owners {
		members, ok := owner.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %s, no object", b.path[:last], show(owner))
		}
		if v, ok := members[b.path[last].name]; ok {
			return fmt.Errorf("%s is %s", b.path, show(v))
		}
	}
	return nil
}

func (b bound) compare(v any) (bool, error) {
	if b.length {
		n, err := lengthOf(v)
		if err != nil {
			return false, err
		}
		v = n
	}
	switch b.op {
	case "==":
		return equal(v, b.value), nil
	case "!=":
		return !equal(v, b.value), nil
	case "~", "!~":
		text, ok := v.(string)
		if !ok {
			return false, errors.New("no string")
		}
		return b.regexp.MatchString(text) == (b.op == "~"), nil
	case "contains", "lacks":
		has, err := contains(v, b.value)
		return has == (b.op == "contains"), err
	default:
		return ordered(b.op, v, b.value)
	}
}

func lengthOf(v any) (json.Number, error) {
	switch v := v.(type) {
	case []any:
		return json.Number(fmt.Sprint(len(v))), nil
	case string:
		return json.Number(fmt.Sprint(len(v))), nil
	default:
		return "", errors.New("has no length")
	}
}

func contains(v, part any) (bool, error) {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return equal(e, part) }), nil
	case string:
		text, ok := part.(string)
		if !ok {
			return false, fmt.Errorf("a string, which cannot contain %s", show(part))
		}
		return strings.Contains(v, text), nil
	default:
		return false, errors.New("neither array nor string")
	}
}

func ordered(op string, a, b any) (bool, error) {
	x, ok := number(a)
	if !ok {
		return false, errors.New("no number")
	}
	y, ok := number(b)
	if !ok {
		return false, fmt.Errorf("compared with %s, no number", show(b))
	}
	switch c := x.Cmp(y); op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	default:
		return c >= 0, nil
	}
}

func number(v any) (*big.Rat, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return nil, false
	}
	return new(big.Rat).SetString(n.String())
}

// equal compares JSON values; 1 and 1.0 are the same number, 1 and "1" differ.
func equal(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		x, okX := number(a)
		y, okY := number(b)
		return okX && okY && x.Cmp(y) == 0
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, v := range a {
			if w, ok := b[name]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	default: // nil, bool, string
		if _, ok := b.([]any); ok {
			return false
		}
		if _, ok := b.(map[string]any); ok {
			return false
		}
		return a == b
	}
}
