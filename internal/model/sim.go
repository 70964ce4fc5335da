package model

import "math/rand/v2"

// Units of simulated time, in nanoseconds.
const (
	us  = uint64(1_000)
	ms  = 1_000 * us
	sec = 1_000 * ms
)

// sim is the time of a history: what is due, and the chance by which it goes on.
type sim struct {
	now  uint64
	due  []dueEvent
	made uint64 // orders what is due at the same time
	rnd  *rand.Rand
}

type dueEvent struct {
	at, order uint64
	do        func()
}

func (d dueEvent) before(other dueEvent) bool {
	return d.at < other.at || d.at == other.at && d.order < other.order
}

// at has something done at a time, or now if that is past.
func (s *sim) at(at uint64, do func()) {
	s.made++
	s.due = append(s.due, dueEvent{max(at, s.now), s.made, do})
	for i := len(s.due) - 1; i > 0; {
		up := (i - 1) / 2
		if !s.due[i].before(s.due[up]) {
			break
		}
		s.due[i], s.due[up] = s.due[up], s.due[i]
		i = up
	}
}

// after has something done after a while.
func (s *sim) after(d uint64, do func()) { s.at(s.now+d, do) }

// step does what is due next, false if nothing is.
func (s *sim) step() bool {
	if len(s.due) == 0 {
		return false
	}
	next := s.pop()
	s.now = next.at
	next.do()
	return true
}

func (s *sim) pop() dueEvent {
	first, last := s.due[0], len(s.due)-1
	s.due[0] = s.due[last]
	s.due[last] = dueEvent{}
	s.due = s.due[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if s.due[child].before(s.due[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		s.due[i], s.due[least] = s.due[least], s.due[i]
		i = least
	}
}

// between draws a time; small ones are as likely as large ones by their magnitude.
func (s *sim) between(least, most uint64) uint64 { return between(s.rnd, least, most) }

func between(rnd *rand.Rand, least, most uint64) uint64 {
	if most <= least {
		return least
	}
	span := least + rnd.Uint64N(most-least)
	if rnd.IntN(2) == 0 && span > 2*least {
		span = least + (span-least)/8
	}
	return span
}

// chance is true in so many of a hundred cases.
func chance(rnd *rand.Rand, percent int) bool { return rnd.IntN(100) < percent }

func pick[T any](rnd *rand.Rand, list []T) T { return list[rnd.IntN(len(list))] }
