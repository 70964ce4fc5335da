package render

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func TestSentence(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 漢":        "plain é 漢",
		"\x1b[2J":          `\x1b[2J`,
		"a\nb\tc":          `a\nb\tc`,
		"\xff\x80":         `\xff\x80`,
		"\u202ereversed":   `\u202ereversed`,
		"\u009b31m":        `\u009b31m`,
		"\u3164\ufe0f":     `\u3164\ufe0f`,
		`kept \x2d "as" '`: `kept \x2d "as" '`,
	} {
		if got := Sentence(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// An object is one line that does nothing to a terminal, and reads as what was
// written.
func TestObject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Sentence(anyString().Draw(t, "text"))
		raw := rapid.String().Draw(t, "raw")
		line, err := Object(map[string]string{"sentence": want, "raw": raw})
		if err != nil {
			t.Fatal(err)
		}
		harmless(t, string(line))
		var got map[string]string
		if err := json.Unmarshal(line, &got); err != nil || got["sentence"] != want || got["raw"] != raw {
			t.Fatalf("%s reads %q, %v", line, got, err)
		}
	})
}
