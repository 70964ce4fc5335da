package report

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

const second = uint64(1e9)

func spreadOf(values []uint64) Spread {
	var s series
	for _, v := range values {
		s.add(v)
	}
	return s.spread()
}

func TestSpreadProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Uint64(), 1, 50).Draw(t, "values")
		s := spreadOf(values)
		if s.N != uint64(len(values)) || s.Min != slices.Min(values) || s.Max != slices.Max(values) {
			t.Fatalf("%+v of %v", s, values)
		}
		if !slices.IsSorted([]uint64{s.Min, s.Q1, s.Median, s.Q3, s.Max}) {
			t.Fatalf("not in order: %+v", s)
		}
		// as many lie on either side of each
		for _, q := range []struct {
			at   uint64
			part int
		}{{s.Q1, 1}, {s.Median, 2}, {s.Q3, 3}} {
			var below, above int
			for _, v := range values {
				if v < q.at {
					below++
				}
				if v > q.at {
					above++
				}
			}
			if 4*(below-1) > q.part*(len(values)-1) || 4*(above-1) > (4-q.part)*(len(values)-1) {
				t.Fatalf("%d below and %d above %d of %v", below, above, q.at, values)
			}
		}
		shuffled := slices.Clone(values)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if spreadOf(shuffled) != s {
			t.Fatal("the order matters")
		}
	})
}

func TestSpreadSaysWhatItLeavesOut(t *testing.T) {
	var s series
	for i := range uint64(maxSamples + 5) {
		s.add(i)
	}
	if got := s.spread(); got.N != maxSamples+5 || got.Unused != 5 || got.Max != maxSamples+4 {
		t.Errorf("%+v", got)
	}
}

// beats are the moments of something that starts at each multiple of a period
// and is held up by what delay gives.
func beats(n int, period uint64, delay func() uint64) []moment {
	var list []moment
	for i := range n {
		list = append(list, moment{at: uint64(i+1)*period + delay(), actor: pid(uint32(i))})
	}
	return list
}

func pid(n uint32) event.ProcessID { return event.ProcessID{PID: n, StartNS: uint64(n)} }

// Whatever starts by the minute and is held up by less than an eighth of its
// period is periodic, and the median is near the period.
func TestWhatIsHeldUpIsPeriodic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		period := rapid.Uint64Range(1000, 3600*second).Draw(t, "period")
		n := rapid.IntRange(4, 60).Draw(t, "n")
		list := beats(n, period, func() uint64 { return rapid.Uint64Range(0, period/9).Draw(t, "delay") })
		r := rhythm(list, uint64(n))
		if !r.Periodic || r.Interval.N != uint64(n-1) {
			t.Fatalf("%+v of %v", r, list)
		}
		if off := max(r.Interval.Median, period) - min(r.Interval.Median, period); off > period/9 {
			t.Fatalf("median %d of period %d", r.Interval.Median, period)
		}
	})
}

func TestPeriodic(t *testing.T) {
	s := func(list ...uint64) []uint64 {
		for i := range list {
			list[i] *= second
		}
		return list
	}
	for _, tt := range []struct {
		name      string
		intervals []uint64
		want      bool
	}{
		{"none", nil, false},
		{"two", s(60, 60), false},
		{"three", s(60, 60, 60), true},
		{"cron every two minutes, held up", s(120, 137, 103, 120, 131, 109), true},
		{"cron every minute, held up", s(60, 72, 48, 61, 59), true},
		{"one beat of six left out", s(120, 120, 240, 120, 120), true},
		{"every other beat left out", s(120, 240, 120, 240), false},
		{"three and one is off", s(60, 60, 90), false},
		{"at once", s(0, 0, 0), false},
		{"spread", s(1, 10, 100, 1000), false},
	} {
		if got := periodic(tt.intervals, spreadOf(tt.intervals).Median); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// What comes by chance is rarely taken for periodic: the figures in the
// documentation of Rhythm.
func TestChanceIsNotPeriodic(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		n    int
		most float64
	}{{3, 0.035}, {10, 0.0005}} {
		const tries = 100_000
		hits := 0
		for range tries {
			intervals := make([]uint64, tt.n)
			for i := range intervals {
				intervals[i] = uint64(random.ExpFloat64() * 60e9)
			}
			if periodic(intervals, spreadOf(intervals).Median) {
				hits++
			}
		}
		t.Logf("%d intervals: %d of %d", tt.n, hits, tries)
		if share := float64(hits) / tries; share > tt.most {
			t.Errorf("%d intervals: %g are taken for periodic", tt.n, share)
		}
	}
}

// What one process makes at a go counts once.
func TestBursts(t *testing.T) {
	var list []moment
	for i := range uint64(5) {
		for j := range uint64(3) {
			list = append(list, moment{at: i*120*second + j*1e7, actor: pid(uint32(i + 1))})
		}
	}
	if r := rhythm(list, 15); !r.Periodic || r.Bursts != 5 || r.Interval.Median != 120*second || r.Interval.N != 4 {
		t.Errorf("%+v", r)
	}
	// a process that goes on and on has no bursts
	list = nil
	for i := range uint64(50) {
		list = append(list, moment{at: i * 1e8, actor: pid(1)})
	}
	if r := rhythm(list, 50); !r.Periodic || r.Bursts != 50 || r.Interval.Median != 1e8 {
		t.Errorf("%+v", r)
	}
}
