package vmtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

func TestCells(t *testing.T) {
	for _, tc := range []struct {
		list string
		want []Cell // nil for an error
	}{
		{"sid", []Cell{{"sid", "auto"}, {"sid", "kprobe"}}},
		{"sid:fentry bullseye:auto", []Cell{{"sid", "fentry"}, {"bullseye", "auto"}}},
		{"buzz", nil},
		{"sid:uprobe", nil},
	} {
		got, err := Cells(tc.list)
		if (err == nil) != (tc.want != nil) || !slices.Equal(got, tc.want) {
			t.Errorf("%q: %v, %v", tc.list, got, err)
		}
	}
	all, err := Cells("")
	if err != nil || len(all) != 8 {
		t.Errorf("all: %v, %v", all, err)
	}
}

func TestTable(t *testing.T) {
	first := column{Cell: Cell{"bullseye", "auto"}, Result: Result{Kernel: "5.10.0-46-cloud-amd64"}}
	first.add(Case{Name: "b", Verdict: pass})
	first.add(Case{Name: "a", Verdict: skip, Needs: "more"})
	second := column{Cell: Cell{"sid", "kprobe"}, Result: Result{Kernel: "7.2.13+deb14-cloud-amd64"}}
	second.add(Case{Name: "b", Verdict: fail})
	second.add(Case{Name: "c", Verdict: skip, Needs: "more"})
	second.add(Case{Name: "d", Verdict: skip, Needs: "less"})
	table := Table{[]column{first, second}}
	var text strings.Builder
	if err := table.Write(&text); err != nil {
		t.Fatal(err)
	}
	const want = `| scenario | bullseye 5.10.0 auto | sid 7.2.13 kprobe |
| --- | --- | --- |
| a | skip(1) | - |
| b | PASS | FAIL |
| c | - | skip(1) |
| d | - | skip(2) |

skip(1): needs more
skip(2): needs less
`
	if text.String() != want {
		t.Errorf("got\n%s\nwant\n%s", text.String(), want)
	}
	if got := table.Result().String(); got != "1 passed, 1 failed, 3 skipped" {
		t.Error(got)
	}
}

func TestAtHome(t *testing.T) {
	here := Cell{"bookworm", "auto"}
	parts := AtHome(here, []*scenario.Scenario{
		{Name: "a", Boots: []string{"plain"}},
		{Name: "b", Boots: []string{"containers"}},
		{Name: "c", Boots: []string{"containers", "legacy"}},
	})
	var got []string
	for _, p := range parts {
		for _, s := range p.Scenarios {
			got = append(got, fmt.Sprint(p.Cell, " ", s.Name, s.Boots))
		}
	}
	want := []string{
		"bookworm:auto a[plain]", "bookworm:auto c[legacy]", "trixie:auto b[containers]", "trixie:auto c[containers]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestByCell(t *testing.T) {
	here, there := Cell{"bookworm", "auto"}, Cell{"trixie", "auto"}
	a, b := &scenario.Scenario{Name: "a", Boots: []string{"plain"}}, &scenario.Scenario{Name: "b", Boots: []string{"containers"}}
	other := &scenario.Scenario{Name: "b", Boots: []string{"containers", "plain"}}
	var got []string
	for _, p := range byCell([]Part{{here, []*scenario.Scenario{a}}, {there, []*scenario.Scenario{b}}, {there, []*scenario.Scenario{a, other}}}) {
		for _, s := range p.Scenarios {
			got = append(got, fmt.Sprint(p.Cell, " ", s.Name, s.Boots))
		}
	}
	want := []string{"bookworm:auto a[plain]", "trixie:auto b[containers plain]", "trixie:auto a[plain]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(b.Boots) != 1 {
		t.Errorf("what was given has changed: %v", b.Boots)
	}
}
