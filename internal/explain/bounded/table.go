package bounded

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"

	"github.com/nsblame/nsblame/internal/event"
)

// table is a hash table whose cells stay where they are, and are used again: a new key
// allocates nothing once there were as many.
type table[K comparable, V any] struct {
	hash    func(K) uint64
	buckets []*cell[K, V]
	n       int
	spare   *cell[K, V] // those that were taken out
}

// cell has a key with its value.
// What a look-up reads comes first, so that it is in one line of the processor's cache.
type cell[K comparable, V any] struct {
	hash  uint64
	next  *cell[K, V] // in the same bucket, or among the spare ones
	key   K
	value V
}

// minBuckets is how many buckets a table has that is not empty. Like all numbers of
// buckets it is a power of two.
const minBuckets = 8

func newTable[K comparable, V any]() table[K, V] { return table[K, V]{hash: hashOf[K]()} }

// get finds the cell of a key, nil if there is none.
func (t *table[K, V]) get(k K) *cell[K, V] {
	if t.n == 0 {
		return nil
	}
	h := t.hash(k)
	for c := t.buckets[h&uint64(len(t.buckets)-1)]; c != nil; c = c.next {
		if c.hash == h && c.key == k {
			return c
		}
	}
	return nil
}

// add makes a cell for a key that has none.
func (t *table[K, V]) add(k K) *cell[K, V] {
	if t.n >= len(t.buckets) {
		t.grow()
	}
	c := t.spare
	if c == nil {
		c = &cell[K, V]{}
	} else {
		t.spare = c.next
	}
	c.key, c.hash = k, t.hash(k)
	t.link(c)
	t.n++
	return c
}

func (t *table[K, V]) link(c *cell[K, V]) {
	bucket := &t.buckets[c.hash&uint64(len(t.buckets)-1)]
	c.next, *bucket = *bucket, c
}

func (t *table[K, V]) grow() {
	old := t.buckets
	t.buckets = make([]*cell[K, V], max(minBuckets, 2*len(old)))
	for _, c := range old {
		for c != nil {
			next := c.next
			t.link(c)
			c = next
		}
	}
}

// remove takes a cell out.
func (t *table[K, V]) remove(c *cell[K, V]) {
	at := &t.buckets[c.hash&uint64(len(t.buckets)-1)]
	for *at != c {
		at = &(*at).next
	}
	*at = c.next
	*c = cell[K, V]{next: t.spare}
	t.spare = c
	t.n--
}

// clear takes all out.
func (t *table[K, V]) clear() { *t = table[K, V]{hash: t.hash} }

// all calls f for each cell, which f may take out.
func (t *table[K, V]) all(f func(*cell[K, V])) {
	for _, c := range t.buckets {
		for c != nil {
			next := c.next
			f(c)
			c = next
		}
	}
}

// seeds make hashes that nobody can foresee, who would have all keys in one bucket.
var seeds = [2]uint64{rand.Uint64(), rand.Uint64()}

// Hash is a hash of two numbers, for keys that have a Hash of their own.
func Hash(a, b uint64) uint64 {
	high, low := bits.Mul64(a^seeds[0], b^seeds[1])
	return high ^ low
}

// HashOf is the hash of a process.
func HashOf(id event.ProcessID) uint64 { return Hash(id.StartNS, uint64(id.PID)) }

// hashOf is how keys of a type are hashed without Hashing. The runtime hashes a
// structure field by field, which takes longer than the rest of a look-up.
func hashOf[K comparable]() func(K) uint64 {
	var f any
	switch any(*new(K)).(type) {
	case uint64:
		f = func(k uint64) uint64 { return Hash(k, 0) }
	case event.CgroupID:
		f = func(k event.CgroupID) uint64 { return Hash(uint64(k), 0) }
	case event.ProcessID:
		f = HashOf
	case event.ProgramID:
		f = func(k event.ProgramID) uint64 { return Hash(HashOf(k.Process), uint64(k.Exec)) }
	default:
		seed := maphash.MakeSeed()
		return func(k K) uint64 { return maphash.Comparable(seed, k) }
	}
	return f.(func(K) uint64)
}
