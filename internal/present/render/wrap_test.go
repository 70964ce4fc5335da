package render

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWrap(t *testing.T) {
	for name, tc := range map[string]struct {
		text  string
		width int
		want  []string
	}{
		"fits":          {"a b", 3, []string{"a b"}},
		"no width":      {strings.Repeat("a ", 99), 0, []string{strings.Repeat("a ", 99)}},
		"words":         {"hostnamectl --static again", 12, []string{"hostnamectl", "--static", "again"}},
		"long word":     {"a /usr/lib/systemd x", 6, []string{"a", "/usr/", "lib/", "system", "d x"}},
		"wide runes":    {"容器容器 容器", 5, []string{"容器", "容器", "容器"}},
		"marks":         {"e\u0301e\u0301e\u0301 x", 3, []string{"e\u0301e\u0301e\u0301", "x"}},
		"wider than it": {"容a", 1, []string{"容", "a"}},
		"empty":         {"", 5, []string{""}},
	} {
		if diff := cmp.Diff(tc.want, Wrap(tc.text, tc.width)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// Nothing but spaces is lost, and no row is too wide.
func TestWrapKeepsAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`([a-z/é容-]{0,30} ?){0,9}`).Draw(t, "text")
		limit := rapid.IntRange(2, 40).Draw(t, "width")
		rows := Wrap(text, limit)
		for _, row := range rows {
			if width(row) > limit {
				t.Fatalf("%q has %d cells, more than %d", row, width(row), limit)
			}
		}
		bare := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if got := bare(strings.Join(rows, "")); got != bare(text) {
			t.Fatalf("%q became %q", text, rows)
		}
	})
}
