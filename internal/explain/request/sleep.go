package request

import "slices"

// sleep is that the machine was suspended for some nanoseconds, at some time between two.
type sleep struct {
	ns, from, until uint64
}

// sleeps are the latest of them, in their order.
type sleeps []sleep

// maxSleeps bounds how many are kept apart.
const maxSleeps = 16

// with adds one. If there are too many, the two oldest become one.
func (s sleeps) with(next sleep) sleeps {
	if len(s) == maxSleeps {
		s[1] = sleep{s[0].ns + s[1].ns, s[0].from, s[1].until}
		s = slices.Delete(s, 0, 1)
	}
	return append(s, next)
}

// between is for how long the machine may have been suspended between two times, in
// nanoseconds.
func (s sleeps) between(from, until uint64) uint64 {
	all := uint64(0)
	for _, one := range s {
		if one.from <= until && one.until >= from {
			all += one.ns
		}
	}
	return all
}
