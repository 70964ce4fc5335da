package report

import "math"

// Bin counts the values from one bound to the next, in nanoseconds.
type Bin struct {
	From, Until uint64
	Count       uint64
}

// maxBins is how many bins a histogram has, and wideRange from how many times the least
// value on they grow by the same factor.
const (
	maxBins   = 24
	wideRange = 8
)

// histogram counts the values of a series in bins of the same width or, where they are far
// apart, of the same ratio. There is none for fewer than three values.
func (s *series) histogram() []Bin {
	if s.n < minIntervals {
		return nil
	}
	if s.least == s.top {
		return []Bin{{From: s.least, Until: s.top, Count: s.n}}
	}
	bins, at := make([]Bin, maxBins), s.scale()
	for i := range bins {
		bins[i].From, bins[i].Until = at(i), at(i+1)
	}
	put := func(v, n uint64) {
		i := 0
		for i < maxBins-1 && v >= bins[i].Until {
			i++
		}
		bins[i].Count += n
	}
	for _, v := range s.values {
		put(v, 1)
	}
	if s.sketch != nil {
		s.sketch.ForEach(func(v, n float64) (stop bool) {
			put(uint64(max(0, math.Round(v))), uint64(n))
			return false
		})
	}
	return bins
}

// scale is where the bins begin.
func (s *series) scale() func(int) uint64 {
	least, top := float64(s.least), float64(s.top)
	if top < wideRange*least {
		return func(i int) uint64 { return s.least + uint64((top-least)*float64(i)/maxBins) }
	}
	least = max(least, min(1000, top/wideRange)) // what is below a microsecond is one bin
	ratio := math.Log(top / least)
	return func(i int) uint64 {
		switch i {
		case 0:
			return s.least
		case maxBins:
			return s.top
		}
		return uint64(least * math.Exp(ratio*float64(i)/maxBins))
	}
}
