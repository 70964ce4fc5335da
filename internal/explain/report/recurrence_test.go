package report

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

func recurrenceOf(list []moment) Recurrence {
	var r recurring
	for _, m := range list {
		r.add(m)
	}
	return r.recurrence()
}

func periodicIn(intervals []uint64) bool {
	var s series
	for _, d := range intervals {
		s.add(d)
	}
	return periodic(&s, s.quantiles().Median)
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
		r := recurrenceOf(list)
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
		if got := periodicIn(tt.intervals); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// What comes by chance is rarely taken for periodic: the figures in the
// documentation of Recurrence.
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
			if periodicIn(intervals) {
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
	if r := recurrenceOf(list); !r.Periodic || r.Bursts != 5 || r.Interval.Median != 120*second || r.Interval.N != 4 {
		t.Errorf("%+v", r)
	}
	// a process that goes on and on has no bursts
	list = nil
	for i := range uint64(50) {
		list = append(list, moment{at: i * 1e8, actor: pid(1)})
	}
	if r := recurrenceOf(list); !r.Periodic || r.Bursts != 50 || r.Interval.Median != 1e8 {
		t.Errorf("%+v", r)
	}
}

// What starts every second for long, and then every minute for longer, recurs by
// the minute. The causes are found late, by up to some places.
func TestRecurrenceShifts(t *testing.T) {
	const early, late = 70_000, 400_000
	var list []moment
	at := second
	for i := range uint32(early + late) {
		if i < early {
			at += 2 * second
		} else {
			at += 60 * second
		}
		list = append(list, moment{at: at, actor: pid(i)})
	}
	for i := 0; i+100 < len(list); i += 100 {
		rand.Shuffle(100, func(a, b int) { list[i+a], list[i+b] = list[i+b], list[i+a] })
	}
	r := recurrenceOf(list)
	if r.Interval.N != early+late-1 || !r.Periodic || r.Bursts != early+late || r.Interval.Min != 2*second || r.Interval.Max != 60*second {
		t.Errorf("%+v", r)
	}
	if near := float64(r.Interval.Median) / float64(60*second); near < 1-accuracy || near > 1+accuracy {
		t.Errorf("median %d, where six of seven intervals are a minute", r.Interval.Median)
	}
}
