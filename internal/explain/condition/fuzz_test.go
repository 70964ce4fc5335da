package condition

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// FuzzParse: a condition that is taken reads the same when it is written again,
// and its pattern is one that can be held against a name; a name that a pattern
// is made of matches.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"created", "created-by=docker-*", "created-by=", "caused-by=[", `caused-by=a\x2db.service`, "leaked=x",
		"unknown", "=", "", "created-by=a=b", "created-by=*\n", "lost\x00",
	} {
		f.Add(s, "docker-1.scope")
	}
	f.Fuzz(func(t *testing.T, text, unit string) {
		c, err := Parse(text)
		if err != nil {
			if c != (Condition{}) {
				t.Fatalf("%q: %+v with %v", text, c, err)
			}
			return
		}
		if again, err := Parse(c.String()); err != nil || again != c {
			t.Fatalf("%q is written %q, which reads %+v, %v", text, c, again, err)
		}
		if !slices.Contains(Names, c.Name) && !slices.Contains(Names, c.Name+"=") {
			t.Fatalf("%q is no condition", c.Name)
		}
		if c.Pattern == "" {
			return
		}
		matches := func(unit string) bool {
			return finding.MatchUnit(c.Pattern, &cgroup.Placement{Unit: unit, Manager: event.ManagerSystem})
		}
		if !matches(c.Pattern) || matches("") {
			t.Fatalf("%q doesn't match itself, or matches nothing", c.Pattern)
		}
		if want, err := path.Match(c.Pattern, unit); unit != "" && err == nil && want && !matches(unit) {
			t.Fatalf("%q against %q", c.Pattern, unit)
		}
		if !strings.ContainsAny(c.Pattern, `*?[\`) && matches(unit) != (unit == c.Pattern) {
			t.Fatalf("%q, no pattern, against %q", c.Pattern, unit)
		}
	})
}
