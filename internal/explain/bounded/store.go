package bounded

import "github.com/nsblame/nsblame/internal/event"

// Store is a map within a budget of bytes. Beyond it the value of the owner who
// holds the most that was used the longest time ago is dropped, and counted.
type Store[K comparable, V any] struct {
	ledger  ledger[pair[K, V]]
	m       map[K]*entry[pair[K, V]]
	dropped uint64
	// Drop is called with what finds no room, nil for nothing.
	Drop func(K, V)
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

// NewStore returns an empty Store.
func NewStore[K comparable, V any](budget uint64) *Store[K, V] {
	return &Store[K, V]{ledger: newLedger[pair[K, V]](budget), m: make(map[K]*entry[pair[K, V]])}
}

// Get returns the value of a key, and whether there is one.
func (s *Store[K, V]) Get(k K) (V, bool) {
	if e, ok := s.m[k]; ok {
		return e.value.value, true
	}
	var none V
	return none, false
}

// Use is Get of a value that matters, which becomes the youngest of its owner.
func (s *Store[K, V]) Use(k K) (V, bool) {
	e, ok := s.m[k]
	if !ok {
		var none V
		return none, false
	}
	if e.of.entries.last != e {
		e.of.entries.cut(e)
		e.of.entries.push(e)
	}
	return e.value.value, true
}

// Offer is Put of a value that matters less than what its owner has already.
func (s *Store[K, V]) Offer(k K, v V, owner event.Owner, size uint64) {
	size += overhead[K]()
	a := s.ledger.owners[owner]
	if _, known := s.m[k]; !known && a != nil && s.ledger.bytes+size > s.ledger.budget && s.ledger.largest() == a {
		s.dropped++
		return
	}
	s.Put(k, v, owner, size-overhead[K]())
}

// Put sets the value of a key, which takes so many bytes beside its place. A key
// that is there already keeps its age, and its owner unless that was not known.
func (s *Store[K, V]) Put(k K, v V, owner event.Owner, size uint64) {
	size += overhead[K]()
	if e, known := s.m[k]; known {
		e.value.value = v
		s.ledger.resize(e, size)
		s.Own(k, owner)
	} else {
		s.m[k] = s.ledger.add(pair[K, V]{k, v}, owner, size)
	}
	s.trim()
}

// Own charges a value to its owner once that is known.
func (s *Store[K, V]) Own(k K, owner event.Owner) {
	e, known := s.m[k]
	if known && e.of.owner == (event.Owner{}) && owner != (event.Owner{}) {
		s.ledger.move(e, owner)
	}
}

// Resize notes how many bytes a value takes by now, and that it was used just now.
func (s *Store[K, V]) Resize(k K, size uint64) {
	if e, known := s.m[k]; known {
		e.of.entries.cut(e)
		e.of.entries.push(e)
		s.ledger.resize(e, size+overhead[K]())
		s.trim()
	}
}

func (s *Store[K, V]) trim() {
	for e := s.ledger.excess(); e != nil; e = s.ledger.excess() {
		s.dropped++
		s.drop(e)
		if s.Drop != nil {
			s.Drop(e.value.key, e.value.value)
		}
	}
}

func (s *Store[K, V]) drop(e *entry[pair[K, V]]) {
	delete(s.m, e.value.key)
	s.ledger.remove(e)
}

// Delete forgets a key.
func (s *Store[K, V]) Delete(k K) {
	if e, ok := s.m[k]; ok {
		s.drop(e)
	}
}

// Clear forgets everything. Nothing of it counts as dropped.
func (s *Store[K, V]) Clear() {
	clear(s.m)
	s.ledger = newLedger[pair[K, V]](s.ledger.budget)
}

// Len is how many values there are.
func (s *Store[K, V]) Len() int { return len(s.m) }

// Bytes is what they take.
func (s *Store[K, V]) Bytes() uint64 { return s.ledger.bytes }

// Dropped counts those that found no room any more.
func (s *Store[K, V]) Dropped() uint64 { return s.dropped }

// All calls f for each value, in no order.
func (s *Store[K, V]) All(f func(K, V)) {
	for k, e := range s.m {
		f(k, e.value.value)
	}
}
