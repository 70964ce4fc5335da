package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Each view has what a collector has that groups so from the start.
func TestViews(t *testing.T) {
	consume := func(c finding.Consumer) {
		see := func(f finding.Finding) {
			if err := c.Consume(f); err != nil {
				t.Fatal(err)
			}
		}
		for i := range uint32(20) {
			k := plain(i+100, []string{cronPath, "/system.slice/other.service"}[i%2], []string{"a", "b", "c"}[i%3])
			k.BootNS, k.Netns.Serial = uint64(i)*second, uint64(i)+1
			k.Process.UID = i % 4
			if i%5 == 0 {
				k.For = &finding.For{Pod: &finding.Pod{Namespace: "shop", Name: []string{"x", "y"}[i%2]}}
			}
			see(&finding.Observed{Event: event.Event{BootNS: k.BootNS, Body: &k.Netns}})
			see(&finding.Created{Attribution: k, Selected: true})
		}
	}
	if len(Groupings) != len(Bys)+1 {
		t.Errorf("%d groupings, want the cause and all of --by", len(Groupings))
	}
	views := NewViews((*Collector).Watch)
	if n := len(views.further); causesShare*n > furtherShare*(causesShare-1) {
		t.Errorf("%d further groupings take more than the causes leave", n)
	}
	consume(views)
	rows := func(r *Report) (list []Grouped, counts []uint64) {
		for i := range r.Causes {
			list, counts = append(list, r.Causes[i].Grouped), append(counts, r.Causes[i].Count)
		}
		return list, counts
	}
	for _, by := range Groupings {
		c := watching()
		c.GroupBy(by)
		consume(c)
		wantRows, wantCounts := rows(c.Report())
		gotRows, gotCounts := rows(views.Snapshot(by, 100))
		if len(wantRows) < 2 && by != ByContainer {
			t.Errorf("%q has %d rows, which tells nothing", by, len(wantRows))
		}
		if d := cmp.Diff(wantCounts, gotCounts); d != "" {
			t.Errorf("%q (-at once +view): %s", by, d)
		}
		if d := cmp.Diff(wantRows, gotRows); d != "" {
			t.Errorf("%q (-at once +view): %s", by, d)
		}
	}
}
