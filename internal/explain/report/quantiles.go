package report

import (
	"cmp"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
)

// maxSamples bounds the values that a series keeps.
const maxSamples = 1 << 16

// Spread describes values in nanoseconds by their order, which a few that are
// far off do not change.
type Spread struct {
	// N counts the values.
	N uint64
	// Min and Max are the extremes, Q1 and Q3 the quartiles, Median the value in
	// the middle. Between two values they are interpolated.
	Min, Q1, Median, Q3, Max uint64
	// Unused counts the values, of N, that came when there were too many already:
	// the quartiles and the median are of the first ones.
	Unused uint64
}

// series collects values.
type series struct {
	values     []uint64
	n          uint64
	sum        uint64
	least, top uint64
}

func (s *series) add(v uint64) {
	if s.n == 0 {
		s.least = v
	}
	s.n++
	s.sum += v
	s.least, s.top = min(s.least, v), max(s.top, v)
	if len(s.values) < maxSamples {
		s.values = append(s.values, v)
	}
}

func (s *series) spread() Spread {
	if s.n == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(s.values))
	return Spread{
		N: s.n, Min: s.least, Max: s.top,
		Q1: quantile(sorted, 1), Median: quantile(sorted, 2), Q3: quantile(sorted, 3),
		Unused: s.n - uint64(len(sorted)),
	}
}

// quantile is the k-th quartile of sorted values, interpolated between the two
// next to it.
func quantile(sorted []uint64, k int) uint64 {
	at := k * (len(sorted) - 1)
	lower := sorted[at/4]
	if at%4 == 0 {
		return lower
	}
	// The difference is divided first, for its product may not fit.
	d := sorted[at/4+1] - lower
	part := uint64(at % 4)
	return lower + d/4*part + d%4*part/4
}

const (
	// minIntervals is how many intervals it takes to speak of a period.
	minIntervals = 3
	// burstNS is the pause that ends a burst.
	burstNS = 1e9
)

// Rhythm is how creations are spread over time.
type Rhythm struct {
	// Interval describes the times from one to the next. Those that one process
	// at the origin makes with less than a second between them count as one
	// burst, and the interval is then from burst to burst.
	Interval Spread
	// Bursts counts those, single ones included. It is Count if Bursts play no
	// part: there are none, or too few to speak of intervals between them.
	Bursts uint64
	// Periodic is set if there are at least three intervals, and at least three
	// of four of them are within a quarter of the median. What starts by the
	// minute and is held up for some seconds passes, and so does one that now
	// and then leaves a beat out. Three intervals that come by chance (with a
	// Poisson process) pass in 3 of 100 cases, ten in 2 of 10,000.
	Periodic bool
}

// moment is a creation in time, with the process that it goes back to.
type moment struct {
	at    uint64
	actor event.ProcessID
}

// rhythm describes the intervals between the moments that were kept of count.
func rhythm(kept []moment, count uint64) Rhythm {
	slices.SortStableFunc(kept, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	var single, bursts series
	starts := uint64(min(1, len(kept)))
	for i, began := 1, 0; i < len(kept); i++ {
		pause := kept[i].at - kept[i-1].at
		single.add(pause)
		if pause < burstNS && kept[i].actor == kept[i-1].actor {
			continue
		}
		bursts.add(kept[i].at - kept[began].at)
		began = i
		starts++
	}
	unused := count - uint64(len(kept))
	r, use := Rhythm{Bursts: count}, &single
	if bursts.n >= minIntervals && bursts.n < single.n {
		r.Bursts, use = starts+unused, &bursts
	}
	r.Interval = use.spread()
	r.Periodic = periodic(use.values, r.Interval.Median)
	if use.n > 0 {
		r.Interval.N, r.Interval.Unused = use.n+unused, unused
	}
	return r
}

// periodic reports whether intervals of that median make a period.
func periodic(intervals []uint64, median uint64) bool {
	if len(intervals) < minIntervals || median == 0 {
		return false
	}
	near := 0
	for _, d := range intervals {
		if off := max(d, median) - min(d, median); off <= median/4 {
			near++
		}
	}
	return near*4 >= len(intervals)*3
}
