package report

import (
	"slices"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/unraced"
)

// What is packed comes out again, to a tenth of a millisecond, in the order in which it came.
func TestLivesArePacked(t *testing.T) {
	want := []Life{
		{Created: 5e9, Ended: 6e9},
		{Created: 4e9, Ended: 7e9, Logged: true, LogID: 12},
		{Created: 9e9, Failed: true},
		{Created: 8e9, Logged: true, LogID: 3},
		{Created: 9e9, Ended: 9e9, Logged: true, LogID: -1},
	}
	var l Lives
	for _, life := range want {
		l.add(life)
	}
	if got := slices.Collect(l.All()); !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// Of too many lives as many as there is room for are kept, evenly, and the report says of
// how many each stands. A cause that has few keeps all.
func TestLivesAreBounded(t *testing.T) {
	unraced.Leave(t)
	c := NewCollector()
	c.KeepLives()
	const n = 250_000
	for i := range uint64(n) {
		argv, at := "often", i*1e9
		if i%50_000 == 0 {
			argv = "rare"
		}
		c.observe(event.Event{BootNS: at, Body: &event.NetnsCreate{Serial: i + 1}})
		made := by(i+1, 0, argv)
		made.Attribution.BootNS = at
		c.add(made)
		c.observe(event.Event{BootNS: at + 5e8, Body: &event.NetnsRelease{Serial: i + 1}})
		c.observe(event.Event{BootNS: at + 6e8, Body: &event.NetnsFree{Serial: i + 1}})
	}
	r := c.Report()
	if c.livesSize > livesBudget {
		t.Errorf("lives take %d of %d bytes", c.livesSize, livesBudget)
	}
	often, rare := r.Causes[0].Lives, r.Causes[1].Lives
	if rare.Every != 1 || rare.Kept() != 5 {
		t.Errorf("of 5 rare ones %d are kept, one of %d", rare.Kept(), rare.Every)
	}
	if often.Every < 2 || often.Every > 16 {
		t.Fatalf("one of %d is kept", often.Every)
	}
	if got, want := uint64(often.Kept())*often.Every, uint64(n); got < want-64 || got > want+64 {
		t.Errorf("%d lives stand for %d each, of %d", often.Kept(), often.Every, want)
	}
	var half int
	for life := range often.All() {
		if life.Created < n/2*1e9 {
			half++
		}
	}
	if share := float64(half) / float64(often.Kept()); share < 0.49 || share > 0.51 {
		t.Errorf("%.2f of them are of the first half", share)
	}
}

// A report without lives has none.
func TestLivesAreNotKeptUnasked(t *testing.T) {
	c := NewCollector()
	c.add(by(1, 0, "a"))
	if k := c.Report().Causes[0]; k.Lives != nil || k.Intervals != nil || c.livesSize != 0 {
		t.Errorf("%+v %+v", k.Lives, k.Intervals)
	}
}

// Two that are merged keep both lives, in the order of their Every.
func TestLivesMerge(t *testing.T) {
	var a, b Lives
	for i := range uint64(64) {
		a.add(Life{Created: i * 1e9, Ended: i*1e9 + 1e8})
		b.add(Life{Created: (i + 100) * 1e9, Failed: true})
	}
	a.thin()
	b.shifted = 1e9
	a.merge(&b)
	all := slices.Collect(a.All())
	if len(all) != 64 || a.Every != 2 || all[32].Created != 101e9 || !all[32].Failed || all[31].Created != 62e9 {
		t.Errorf("%d, one of %d: %+v", len(all), a.Every, all[30:34])
	}
}

// Every value is in one bin, and the bins are from the least to the most.
func TestHistogram(t *testing.T) {
	for name, step := range map[string]func(uint64) uint64{
		"even":   func(i uint64) uint64 { return 1e9 + i*1e5 },
		"spread": func(i uint64) uint64 { return i * i * i },
		"same":   func(uint64) uint64 { return 7 },
	} {
		for _, n := range []uint64{3, 100, 3 * maxExact} {
			var s series
			for i := range n {
				s.add(step(i))
			}
			bins := s.histogram()
			var sum uint64
			for i, b := range bins {
				sum += b.Count
				if b.Until < b.From || i > 0 && b.From != bins[i-1].Until {
					t.Errorf("%s, %d: bin %d is %+v", name, n, i, b)
				}
			}
			if sum != n || bins[0].From != s.least || bins[len(bins)-1].Until != s.top {
				t.Errorf("%s: %d of %d in bins from %d to %d", name, sum, n, bins[0].From, bins[len(bins)-1].Until)
			}
		}
	}
	var few series
	few.add(1)
	if few.histogram() != nil {
		t.Error("a histogram of one value")
	}
}
