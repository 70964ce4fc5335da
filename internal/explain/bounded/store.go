package bounded

import "github.com/nsblame/nsblame/internal/event"

// Store is a map within a budget of bytes. Beyond it the value of the owner who
// holds the most that was used the longest time ago is dropped, and counted.
type Store[K comparable, V any] struct {
	ledger  ledger[*cell[K, stored[K, V]]]
	m       table[K, stored[K, V]]
	dropped uint64
	// Drop is called with what finds no room, nil for nothing.
	Drop func(K, V)
}

// stored is a value with its entry in the ledger, which leads back to its cell.
type stored[K comparable, V any] struct {
	value V
	entry entry[*cell[K, stored[K, V]]]
}

// NewStore returns an empty Store.
func NewStore[K comparable, V any](budget uint64) *Store[K, V] {
	return &Store[K, V]{ledger: newLedger[*cell[K, stored[K, V]]](budget), m: newTable[K, stored[K, V]]()}
}

// Hashing has keys hashed by a function of Hash. It is for an empty Store.
func (s *Store[K, V]) Hashing(hash func(K) uint64) *Store[K, V] {
	s.m.hash = hash
	return s
}

// Get returns the value of a key, and whether there is one.
func (s *Store[K, V]) Get(k K) (V, bool) {
	if c := s.m.get(k); c != nil {
		return c.value.value, true
	}
	var none V
	return none, false
}

// Use is Get of a value that matters, which becomes the youngest of its owner.
func (s *Store[K, V]) Use(k K) (V, bool) {
	c := s.m.get(k)
	if c == nil {
		var none V
		return none, false
	}
	c.value.entry.renew()
	return c.value.value, true
}

// Ref remembers where a Store has a key. The zero Ref knows nothing yet.
type Ref[K comparable, V any] struct{ at *cell[K, stored[K, V]] }

// UseAt is Use of a key that is looked up again and again with the same Ref.
func (s *Store[K, V]) UseAt(r *Ref[K, V], k K) (V, bool) {
	// a cell that was taken out has no owner, and may have been given another key since
	if c := r.at; c == nil || c.value.entry.of == nil || c.key != k {
		r.at = s.m.get(k)
	}
	if r.at == nil {
		var none V
		return none, false
	}
	r.at.value.entry.renew()
	return r.at.value.value, true
}

// Offer is Put of a value that matters less than what its owner has already.
func (s *Store[K, V]) Offer(k K, v V, owner event.Owner, size uint64) {
	size += overhead[K]()
	a := s.ledger.account(owner)
	if a != nil && s.m.get(k) == nil && s.ledger.bytes+size > s.ledger.budget && s.ledger.largest() == a {
		s.dropped++
		return
	}
	s.Put(k, v, owner, size-overhead[K]())
}

// Put sets the value of a key, which takes so many bytes beside its place. A key
// that is there already keeps its age, and its owner unless that was not known.
func (s *Store[K, V]) Put(k K, v V, owner event.Owner, size uint64) {
	size += overhead[K]()
	mark := s.m.markOf(k)
	if c := s.m.find(k, mark); c != nil {
		c.value.value = v
		s.ledger.resize(&c.value.entry, size)
		s.own(c, owner)
	} else {
		c := s.m.addMarked(k, mark)
		c.value.value = v
		s.ledger.add(&c.value.entry, c, owner, size)
	}
	s.trim()
}

// Own charges a value to its owner once that is known.
func (s *Store[K, V]) Own(k K, owner event.Owner) {
	if c := s.m.get(k); c != nil {
		s.own(c, owner)
	}
}

func (s *Store[K, V]) own(c *cell[K, stored[K, V]], owner event.Owner) {
	if e := &c.value.entry; e.of.owner == (event.Owner{}) && owner != (event.Owner{}) {
		s.ledger.move(e, owner)
	}
}

// Resize notes how many bytes a value takes by now, and that it was used just now.
func (s *Store[K, V]) Resize(k K, size uint64) {
	if c := s.m.get(k); c != nil {
		c.value.entry.renew()
		s.ledger.resize(&c.value.entry, size+overhead[K]())
		s.trim()
	}
}

func (s *Store[K, V]) trim() {
	for e := s.ledger.excess(); e != nil; e = s.ledger.excess() {
		s.dropped++
		k, v := e.value.key, e.value.value.value
		s.drop(e.value)
		if s.Drop != nil {
			s.Drop(k, v)
		}
	}
}

func (s *Store[K, V]) drop(c *cell[K, stored[K, V]]) {
	s.ledger.remove(&c.value.entry)
	s.m.remove(c)
}

// Delete forgets a key.
func (s *Store[K, V]) Delete(k K) {
	if c := s.m.get(k); c != nil {
		s.drop(c)
	}
}

// Clear forgets everything. Nothing of it counts as dropped.
func (s *Store[K, V]) Clear() {
	s.m.all(func(c *cell[K, stored[K, V]]) { c.value.entry.of = nil }) // for what refers to it
	s.m.clear()
	s.ledger = newLedger[*cell[K, stored[K, V]]](s.ledger.budget)
}

// Len is how many values there are.
func (s *Store[K, V]) Len() int { return s.m.n }

// Bytes is what they take.
func (s *Store[K, V]) Bytes() uint64 { return s.ledger.bytes }

// Dropped counts those that found no room any more.
func (s *Store[K, V]) Dropped() uint64 { return s.dropped }

// All calls f for each value, in no order.
func (s *Store[K, V]) All(f func(K, V)) {
	s.m.all(func(c *cell[K, stored[K, V]]) { f(c.key, c.value.value) })
}
