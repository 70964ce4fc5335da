package bounded

import (
	"hash/maphash"
	"math/bits"
	"math/rand/v2"

	"github.com/nsblame/nsblame/internal/event"
)

// table is a hash table whose cells stay where they are, and are used again: a new key
// allocates nothing once there were as many. Beside the cells it has slots, which say where
// the cells are. A look-up in vain reads nothing but slots, of which one line of the
// processor's cache has eight.
type table[K comparable, V any] struct {
	hash func(K) uint64
	// slots are probed one after the other, from the one that the mark of a key names.
	slots  []spot
	chunks []*[chunkCells]cell[K, V]
	n      int
	// used is how many cells were ever used, spare the number of the first of those that
	// were taken out, from 1.
	used, spare uint32
}

// spot says where the cell of a key is: its number, from 1, and the mark of the key. The
// zero spot is free.
type spot struct{ mark, cell uint32 }

// cell has a key with its value.
type cell[K comparable, V any] struct {
	key  K
	mark uint32
	// number is its own, from 1. That of a spare one is 0, and its mark is the number of
	// the next spare one.
	number uint32
	value  V
}

const (
	// minSlots is how many slots a table has that is not empty. Like all numbers of slots
	// it is a power of two.
	minSlots = 16
	// chunkCells is how many cells are allocated together. So those that are used one
	// after the other lie side by side.
	chunkCells = 32
)

func newTable[K comparable, V any]() table[K, V] { return table[K, V]{hash: hashOf[K]()} }

// markOf is the part of a key's hash that is kept.
func (t *table[K, V]) markOf(k K) uint32 {
	h := t.hash(k)
	return uint32(h>>32) ^ uint32(h)
}

// at is the cell of a number.
func (t *table[K, V]) at(number uint32) *cell[K, V] {
	return &t.chunks[(number-1)/chunkCells][(number-1)%chunkCells]
}

// get finds the cell of a key, nil if there is none.
func (t *table[K, V]) get(k K) *cell[K, V] {
	if t.n == 0 {
		return nil
	}
	return t.find(k, t.markOf(k))
}

// find is get for a key whose mark is known.
func (t *table[K, V]) find(k K, mark uint32) *cell[K, V] {
	last := uint32(len(t.slots)) - 1
	if len(t.slots) == 0 {
		return nil
	}
	for i := mark & last; ; i = (i + 1) & last {
		switch s := t.slots[i]; {
		case s.cell == 0:
			return nil
		case s.mark == mark:
			if c := t.at(s.cell); c.key == k {
				return c
			}
		}
	}
}

// add makes a cell for a key that has none.
func (t *table[K, V]) add(k K) *cell[K, V] { return t.addMarked(k, t.markOf(k)) }

// addMarked is add for a key whose mark is known.
func (t *table[K, V]) addMarked(k K, mark uint32) *cell[K, V] {
	if t.n*8 >= len(t.slots)*5 {
		t.grow()
	}
	c := t.free()
	c.key, c.mark = k, mark
	t.link(spot{mark, c.number})
	t.n++
	return c
}

// free returns a cell that is not used.
func (t *table[K, V]) free() *cell[K, V] {
	number := t.spare
	if number == 0 {
		if int(t.used) == len(t.chunks)*chunkCells {
			t.chunks = append(t.chunks, new([chunkCells]cell[K, V]))
		}
		t.used++
		number = t.used
	}
	c := t.at(number)
	t.spare = c.mark
	c.number = number
	return c
}

// link puts a spot into the first free slot.
func (t *table[K, V]) link(p spot) {
	last := uint32(len(t.slots)) - 1
	i := p.mark & last
	for t.slots[i].cell != 0 {
		i = (i + 1) & last
	}
	t.slots[i] = p
}

func (t *table[K, V]) grow() {
	old := t.slots
	t.slots = make([]spot, max(minSlots, 2*len(old)))
	for _, p := range old {
		if p.cell != 0 {
			t.link(p)
		}
	}
}

// remove takes a cell out.
func (t *table[K, V]) remove(c *cell[K, V]) {
	last := uint32(len(t.slots)) - 1
	i := c.mark & last
	for t.slots[i].cell != c.number {
		i = (i + 1) & last
	}
	t.unlink(i)
	number := c.number
	*c = cell[K, V]{mark: t.spare}
	t.spare = number
	t.n--
}

// unlink frees a slot. Those behind it move up, where probing still finds them.
func (t *table[K, V]) unlink(i uint32) {
	last := uint32(len(t.slots)) - 1
	for j := (i + 1) & last; t.slots[j].cell != 0; j = (j + 1) & last {
		if home := t.slots[j].mark & last; (j-home)&last >= (j-i)&last {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = spot{}
}

// clear takes all out.
func (t *table[K, V]) clear() { *t = table[K, V]{hash: t.hash} }

// all calls f for each cell, which f may take out.
func (t *table[K, V]) all(f func(*cell[K, V])) {
	for _, chunk := range t.chunks {
		for i := range chunk {
			if c := &chunk[i]; c.number != 0 {
				f(c)
			}
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
	case event.Question:
		seed := maphash.MakeSeed()
		f = func(k event.Question) uint64 {
			return Hash(maphash.String(seed, k.Unit)^uint64(k.UID), Hash(HashOf(k.Run), uint64(k.Cgroup)))
		}
	default:
		seed := maphash.MakeSeed()
		return func(k K) uint64 { return maphash.Comparable(seed, k) }
	}
	return f.(func(K) uint64)
}
