package bounded

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// A table has what a map has, also where all keys want the same slot.
func TestTableIsAMap(t *testing.T) {
	hashes := map[string]func(uint16) uint64{
		"apart":    func(k uint16) uint64 { return Hash(uint64(k), 0) },
		"the same": func(uint16) uint64 { return 15 },
		"few":      func(k uint16) uint64 { return uint64(k % 5) },
	}
	for name, hash := range hashes {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				x, want := table[uint16, int]{hash: hash}, make(map[uint16]int)
				for i := range rapid.IntRange(0, 300).Draw(t, "steps") {
					k := rapid.Uint16Range(0, 90).Draw(t, "key")
					c := x.get(k)
					if v, known := want[k]; known != (c != nil) || known && c.value != v {
						t.Fatalf("key %d: %+v, want %d, known %v", k, c, v, known)
					}
					if c == nil {
						c = x.add(k)
						c.value, want[k] = i, i
					} else {
						x.remove(c)
						delete(want, k)
					}
				}
				got := make(map[uint16]int)
				x.all(func(c *cell[uint16, int]) { got[c.key] = c.value })
				if x.n != len(want) || !maps.Equal(got, want) {
					t.Fatalf("%d: %v, want %v", x.n, got, want)
				}
			})
		})
	}
}

// All cells can be taken out while they are gone through, and are used again.
func TestTableUsesCellsAgain(t *testing.T) {
	x := newTable[uint64, int]()
	for range 3 {
		for k := range uint64(1000) {
			x.add(k)
		}
		x.all(func(c *cell[uint64, int]) { x.remove(c) })
	}
	if x.n != 0 || x.used != 1000 {
		t.Errorf("%d are there, %d were used", x.n, x.used)
	}
}

// BenchmarkStorePut is a store that is full.
func BenchmarkStorePut(b *testing.B) {
	s := NewStore[uint64, *int](1 << 20)
	k := uint64(0)
	for b.Loop() {
		k++
		s.Put(k*977, nil, user(1), 100)
	}
}
