package render

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/findings"
)

// No text moves or hides what stands beside it: neither letters that are written
// from right to left, nor marks that reach into other lines.
func TestTextStaysInItsPlace(t *testing.T) {
	const acute = "\u0301"
	for _, tt := range []struct{ name, text, want string }{
		{"right to left", "\u05d0\u05d1 7", `\u05d0\u05d1 7`},
		{"Arabic, its digits and its forms", "\u0627\u0667\ufedf", `\u0627\u0667\ufedf`},
		{"right to left beyond the basic plane", "\U00010800\U0001e900", `\U00010800\U0001e900`},
		{"an override", "a\u202eb", `a\u202eb`},
		{"Cyrillic, Greek, Chinese", "\u0436\u03b1\u4e2d", "\u0436\u03b1\u4e2d"},
		{"an accent", "e" + acute, "e" + acute},
		{"Thai with a vowel and a tone", "\u0e17\u0e35\u0e48", "\u0e17\u0e35\u0e48"},
		{"marks piled up", "e" + strings.Repeat(acute, 50), "e" + strings.Repeat(acute, maxMarks) + strings.Repeat(`\u0301`, 47)},
		{"a mark without a letter", acute + "a", `\u0301a`},
		{"a mark on a blank", "a " + acute, `a \u0301`},
		{"a mark on what is escaped", "\n" + acute, `\n\u0301`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := escape(tt.text); got != tt.want {
				t.Errorf("%q is shown as %q, want %q", tt.text, got, tt.want)
			}
			if got := Sentence(tt.text); got != tt.want {
				t.Errorf("in a sentence %q is shown as %q, want %q", tt.text, got, tt.want)
			}
			if quoted := string(appendQuoted(nil, tt.text)); strings.HasPrefix(quoted, "$'") != (tt.want != tt.text) {
				t.Errorf("as an argument %q is shown as %q", tt.text, quoted)
			}
			checkJSON(t, tt.text)
		})
	}
}

// checkJSON fails unless JSON has the same text, without a character that would
// move others.
func checkJSON(t *testing.T, text string) {
	t.Helper()
	raw, err := findings.Text(text).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var got string
	if err := json.Unmarshal(raw, &got); err != nil || got != text {
		t.Errorf("%s reads as %q, %v", raw, got, err)
	}
	for _, r := range string(raw) {
		if !findings.Shown(r) || findings.Mark(r) {
			t.Errorf("%s has %U in it", raw, r)
		}
	}
}
