package report

import (
	"cmp"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
)

const (
	// minIntervals is how many intervals it takes to speak of a period.
	minIntervals = 3
	// burstNS is the pause that ends a burst.
	burstNS = 1e9
	// maxUnordered is by how many places a creation may come too late to be put
	// in the order of time.
	maxUnordered = 1 << 12
)

// Recurrence is how creations are spread over time.
type Recurrence struct {
	// Interval describes the times from one to the next. Those that one process
	// at the origin makes with less than a second between them count as one
	// burst, and the interval is then from burst to burst.
	Interval Quantiles
	// Bursts counts those, single ones included. It is Count if Bursts play no
	// part: there are none, or too few to speak of intervals between them.
	Bursts uint64
	// Periodic is set if there are at least three intervals, and at least three
	// of four of them are within a quarter of the median. What starts by the
	// minute and is held up for some seconds passes. So does what leaves out a
	// beat now and then. Three intervals that come by chance (with a Poisson
	// process) pass in 3 of 100 cases, ten in 2 of 10,000.
	Periodic bool
}

// moment is a creation in time, with the process that it goes back to.
type moment struct {
	at    uint64
	actor event.ProcessID
}

// recurring collects moments.
type recurring struct {
	// unordered are the latest moments. Causes are not always found in the order
	// of the creations, so they wait until later ones are known.
	unordered []moment
	// n counts the moments before those. last is the latest of them, began the
	// first of the burst that last is in.
	n           uint64
	last, began moment
	// single has the intervals between moments, between has those from burst to
	// burst; bursts counts the bursts.
	single, between series
	bursts          uint64
}

func (r *recurring) add(m moment) {
	if len(r.unordered) == 2*maxUnordered {
		r.take(maxUnordered)
	}
	r.unordered = append(r.unordered, m)
}

// take puts the moments that wait in order, and takes the first n.
func (r *recurring) take(n int) {
	slices.SortStableFunc(r.unordered, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	for _, m := range r.unordered[:n] {
		r.next(m)
	}
	r.unordered = slices.Delete(r.unordered, 0, n)
}

// next takes the moment that follows.
func (r *recurring) next(m moment) {
	r.n++
	if r.n == 1 {
		r.last, r.began, r.bursts = m, m, 1
		return
	}
	m.at = max(m.at, r.last.at) // it is later by far than where it belongs
	pause := m.at - r.last.at
	r.single.add(pause)
	if pause >= burstNS || m.actor != r.last.actor {
		r.between.add(m.at - r.began.at)
		r.began = m
		r.bursts++
	}
	r.last = m
}

// recurrence describes the moments so far. None that is earlier may be added
// afterwards.
func (r *recurring) recurrence() Recurrence {
	r.take(len(r.unordered))
	out, intervals := Recurrence{Bursts: r.n}, r.intervals()
	if intervals == &r.between {
		out.Bursts = r.bursts
	}
	out.Interval = intervals.quantiles()
	out.Periodic = periodic(intervals, out.Interval.Median)
	return out
}

// intervals are those between bursts, if there are any, and else those between moments.
func (r *recurring) intervals() *series {
	if r.between.n >= minIntervals && r.between.n < r.single.n {
		return &r.between
	}
	return &r.single
}

// periodic reports whether intervals of that median make a period.
func periodic(intervals *series, median uint64) bool {
	if intervals.n < minIntervals || median == 0 {
		return false
	}
	near := intervals.within(median-median/4, median+min(median/4, ^median))
	return near*4 >= intervals.n*3
}
