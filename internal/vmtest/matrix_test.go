package vmtest

import (
	"slices"
	"strings"
	"testing"
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
