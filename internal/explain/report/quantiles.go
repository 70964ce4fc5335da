package report

import (
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch"
)

const (
	// maxExact is how many values a series keeps as they are. Further ones go
	// into a sketch.
	maxExact = 1 << 12
	// accuracy is how far the quantiles of a sketch may be off, relative to
	// their value.
	accuracy = 0.005
)

// Quantiles describes values in nanoseconds by their order, which a few that are
// far off do not change.
type Quantiles struct {
	// N counts the values.
	N uint64
	// Min and Max are the extremes. Q1 and Q3 are the quartiles, Median is the
	// value in the middle. Of up to 4096 values they are exact, and interpolated
	// between two values. Of more they are within 0.5 % of a value with that
	// rank.
	Min, Q1, Median, Q3, Max uint64
}

// series collects values. All of them count the same, however many there are and
// in whatever order they come.
type series struct {
	values     []uint64
	sketch     *ddsketch.DDSketch // of all values, once there are too many to keep
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
	switch {
	case s.sketch != nil:
		count(s.sketch, v)
	case len(s.values) < maxExact:
		s.values = append(s.values, v)
	default:
		s.summarise()
		count(s.sketch, v)
	}
}

// summarise puts all values into a sketch.
func (s *series) summarise() {
	s.sketch = newSketch()
	for _, kept := range s.values {
		count(s.sketch, kept)
	}
	s.values = nil
}

func newSketch() *ddsketch.DDSketch {
	sketch, err := ddsketch.NewDefaultDDSketch(accuracy)
	if err != nil {
		panic(err) // it refuses an accuracy that is not between 0 and 1
	}
	return sketch
}

func count(sketch *ddsketch.DDSketch, v uint64) {
	if err := sketch.Add(float64(v)); err != nil {
		panic(err) // it refuses what is no number or above 1e300
	}
}

func (s *series) quantiles() Quantiles {
	if s.n == 0 {
		return Quantiles{}
	}
	out := Quantiles{N: s.n, Min: s.least, Max: s.top}
	if s.sketch == nil {
		sorted := slices.Sorted(slices.Values(s.values))
		out.Q1, out.Median, out.Q3 = quartile(sorted, 1), quartile(sorted, 2), quartile(sorted, 3)
		return out
	}
	out.Q1, out.Median, out.Q3 = s.sketched(0.25), s.sketched(0.5), s.sketched(0.75)
	return out
}

// quartile is the k-th quartile of sorted values, interpolated between the two
// next to it.
func quartile(sorted []uint64, k int) uint64 {
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

// sketched is a quantile of the sketch. It is never beyond the extremes.
func (s *series) sketched(q float64) uint64 {
	v, err := s.sketch.GetValueAtQuantile(q)
	if err != nil {
		panic(err) // it refuses an empty sketch
	}
	if v >= float64(s.top) {
		return s.top
	}
	return max(s.least, uint64(math.Round(v)))
}

// within counts the values from least to most, both included.
func (s *series) within(least, most uint64) uint64 {
	var n uint64
	for _, v := range s.values {
		if least <= v && v <= most {
			n++
		}
	}
	if s.sketch == nil {
		return n
	}
	s.sketch.ForEach(func(v, count float64) (stop bool) {
		if float64(least) <= v && v <= float64(most) {
			n += uint64(count)
		}
		return false
	})
	return n
}
