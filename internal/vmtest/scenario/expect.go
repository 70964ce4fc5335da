package scenario

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Expect is what nsblame must answer.
type Expect struct {
	// ExitCode is nsblame's.
	ExitCode int
	// Blocks describe the objects of the JSON output.
	Blocks []Block `json:",omitempty"`
	// Fields compare one field of all objects of a type.
	Fields []Field `json:",omitempty"`
	// Stdout and Stderr are conditions on the text.
	Stdout, Stderr []TextCheck `json:",omitempty"`
}

// Block describes objects of one type.
type Block struct {
	// Line is where it stands in the file.
	Line int
	// Type is the type.
	Type string
	// Min is how many there must be, and exactly that many unless More is set.
	Min  int
	More bool `json:",omitempty"`
	// Checks are what each of them must fulfil.
	Checks []Check `json:",omitempty"`
}

func (b Block) String() string {
	more := ""
	if b.More {
		more = "+"
	}
	return fmt.Sprintf("line %d: expect %d%s %s", b.Line, b.Min, more, b.Type)
}

// Field compares the values of one field over all objects of a type.
type Field struct {
	// Line is where it stands in the file.
	Line int
	// Path leads to the field.
	Path string
	// Type is the type of the objects.
	Type string
	// File, if set, is a file in the scenario's directory: its lines, in
	// whatever order, must be the values. Otherwise no two values may be equal.
	File string `json:",omitempty"`
}

// TextCheck is a condition on nsblame's output as text. It travels as its text.
type TextCheck struct {
	text    string
	op      string // "~", "!~", "contains", "lacks", "lines", "empty"
	operand string
}

// parseTextCheck parses a line of a stdout or stderr block.
func parseTextCheck(text string) (TextCheck, error) {
	op, operand, _ := strings.Cut(text, " ")
	t := TextCheck{text: text, op: op, operand: strings.TrimSpace(operand)}
	switch op {
	case "~", "!~":
		if _, err := regexp.Compile("(?m)" + t.operand); err != nil || t.operand == "" {
			return TextCheck{}, fmt.Errorf("check %q: no valid regular expression", text)
		}
	case "contains", "lacks":
		if t.operand == "" {
			return TextCheck{}, fmt.Errorf("check %q: no text after %s", text, op)
		}
	case "lines":
		if _, err := strconv.Atoi(t.operand); err != nil {
			return TextCheck{}, fmt.Errorf("check %q: lines needs a number", text)
		}
	case "empty":
		if t.operand != "" {
			return TextCheck{}, fmt.Errorf("check %q: empty takes no value", text)
		}
	default:
		return TextCheck{}, fmt.Errorf("check %q: unknown operator %q", text, op)
	}
	return t, nil
}

// String returns the check as it was written.
func (t TextCheck) String() string { return t.text }

// MarshalText implements encoding.TextMarshaler.
func (t TextCheck) MarshalText() ([]byte, error) { return []byte(t.text), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *TextCheck) UnmarshalText(text []byte) error {
	parsed, err := parseTextCheck(string(text))
	*t = parsed
	return err
}

// test returns nil if the text fulfils the check, otherwise why not.
func (t TextCheck) test(text string, vars map[string]string) error {
	switch t.op {
	case "~", "!~":
		pattern, err := expand(t.operand, vars, regexp.QuoteMeta)
		if err != nil {
			return err
		}
		re, err := regexp.Compile("(?m)" + pattern)
		if err != nil {
			return err
		}
		if found := re.FindString(text); (found != "" || re.MatchString(text)) != (t.op == "~") {
			return fmt.Errorf("found %q", found)
		}
	case "contains", "lacks":
		part, err := expand(t.operand, vars, plainly)
		if err != nil {
			return err
		}
		if strings.Contains(text, part) != (t.op == "contains") {
			return fmt.Errorf("does not hold")
		}
	case "lines":
		if n := strings.Count(text, "\n"); strconv.Itoa(n) != t.operand {
			return fmt.Errorf("there are %d", n)
		}
	case "empty":
		if text != "" {
			return fmt.Errorf("there are %d bytes", len(text))
		}
	}
	return nil
}
