package report

import (
	"cmp"
	"slices"
)

// merge adds the values of another series.
func (s *series) merge(other *series) {
	if other.n == 0 {
		return
	}
	if s.n == 0 {
		s.least = other.least
	}
	s.n += other.n
	s.sum += other.sum
	s.least, s.top = min(s.least, other.least), max(s.top, other.top)
	if s.sketch == nil && other.sketch == nil && len(s.values)+len(other.values) <= maxExact {
		s.values = append(s.values, other.values...)
		return
	}
	if s.sketch == nil {
		s.summarise()
	}
	for _, v := range other.values {
		count(s.sketch, v)
	}
	if other.sketch == nil {
		return
	}
	if err := s.sketch.MergeWith(other.sketch); err != nil {
		panic(err) // it refuses sketches of another accuracy
	}
}

// merge adds the moments of another cause. Those that still wait are put in the order of
// time. Of the others, which are of long lists, the intervals within each list are kept.
func (r *recurring) merge(other *recurring) {
	for _, m := range other.unordered {
		r.add(m)
	}
	if other.n == 0 {
		return
	}
	if r.n == 0 {
		r.last, r.began, r.bursts = other.last, other.began, 0
	}
	r.n += other.n
	r.bursts += other.bursts
	if other.last.at > r.last.at {
		r.last, r.began = other.last, other.began
	}
	r.single.merge(&other.single)
	r.between.merge(&other.between)
}

// shift moves moments in time.
func (r *recurring) shift(by uint64) {
	for i := range r.unordered {
		r.unordered[i].at += by
	}
	r.last.at += by
	r.began.at += by
}

// addTimes adds a value that came so many times.
func (t *tallying) addTimes(value []string, times uint64) {
	if times == 0 {
		return
	}
	t.add(value)
	at := slices.IndexFunc(t.counters, func(c counter) bool { return equal(c.Value, value) })
	t.counters[at].Count += times - 1
	t.n += times - 1
}

// merge adds what another one has counted. What that has not kept stays uncertain.
func (t *tallying) merge(other *tallying) {
	kept := slices.Clone(other.counters)
	slices.SortStableFunc(kept, func(a, b counter) int { return cmp.Compare(b.Count, a.Count) })
	var n uint64
	for _, c := range kept {
		t.addTimes(c.Value, c.Count)
		n += c.Count
	}
	t.n += other.n - n
}

// merge adds the costs of another cause.
func (c *costing) merge(other *costing) {
	c.Measured += other.Measured
	c.Sum += other.Sum
	c.Unlisted += other.Unlisted
	c.Other += other.Other
	c.lock.merge(&other.lock)
	for op, s := range other.ops {
		mine := c.op(op)
		if mine == nil {
			c.Unlisted += s.sum
			continue
		}
		mine.merge(s)
	}
}
