package render

import "testing"

// TestWidth: what aligns counts the cells of a terminal, whatever the locale.
func TestWidth(t *testing.T) {
	t.Setenv("LC_ALL", "ja_JP.UTF-8")
	for text, want := range map[string]int{
		"": 0, "sh -c x": 7, "\x1b[1mbold\x1b[0m": 4, "日本": 4, "e\u0301": 1, "…": 1, "👩‍👩‍👧": 2,
	} {
		if got := width(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// Evidence stands in its column, whatever the text before it is written in.
func TestRowsAlign(t *testing.T) {
	for _, text := range []string{"plain", "日本語", "e\u0301té"} {
		var b block
		b.row("by", text, "kernel")
		row := b.text.String()
		if got := width(row[:len(row)-len("kernel\n")]); got != evidenceFrom {
			t.Errorf("%q: the evidence begins at %d", text, got)
		}
	}
}
