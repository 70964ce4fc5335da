package bounded

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

// place is what an entry costs in itself.
var place = overhead[int]()

func user(uid uint32) event.Owner { return event.Owner{UID: uid} }

func TestStoreTakesFromWhoHoldsTheMost(t *testing.T) {
	s := NewStore[int, string](10 * (place + 100))
	s.Put(1, "ours", user(0), 100)
	for i := range 100 {
		s.Put(100+i, "theirs", user(1000), 100)
	}
	if _, ok := s.Get(1); !ok {
		t.Error("one user's entries have pushed out those of another")
	}
	if _, ok := s.Get(199); !ok {
		t.Error("the latest entry is not there")
	}
	if s.Len() != 10 || s.Dropped() != 91 {
		t.Errorf("%d entries, %d dropped; want 10, 91", s.Len(), s.Dropped())
	}
}

func TestStoreRefusesWhatIsLargerThanTheBudget(t *testing.T) {
	s := NewStore[int, string](1000)
	s.Put(1, "x", user(0), 5000)
	if s.Len() != 0 || s.Dropped() != 1 || s.Bytes() != 0 {
		t.Errorf("%d entries of %d bytes, %d dropped", s.Len(), s.Bytes(), s.Dropped())
	}
}

func TestStoreChargesTheOwnerOnceKnown(t *testing.T) {
	s := NewStore[int, string](3 * place)
	s.Put(1, "a", event.Owner{}, 0)
	s.Own(1, user(7))
	s.Own(1, user(8)) // it has one
	s.Put(2, "b", user(7), 0)
	s.Put(3, "c", user(8), 0)
	s.Put(4, "d", user(8), 0)
	if _, ok := s.Get(1); ok {
		t.Error("the oldest of the owner with the most is there")
	}
}

func TestShareOfAUserIsOne(t *testing.T) {
	one, other := event.Owner{UID: 1000, PIDNamespace: 1}, event.Owner{UID: 1000, PIDNamespace: 2}
	if Share(one) != Share(other) {
		t.Error("a user has a share for each pid namespace")
	}
	one.UID, other.UID = 0, 0
	if Share(one) == Share(other) {
		t.Error("containers of root's are not told apart")
	}
}

// Whatever is done to a Store, it is within its budget and knows what it has.
func TestStoreKeepsItsBooks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		budget := rapid.Uint64Range(1, 4000).Draw(t, "budget")
		s := NewStore[int, uint64](budget)
		sizes := make(map[int]uint64)
		s.Drop = func(k int, _ uint64) { delete(sizes, k) }
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			k, owner := rapid.IntRange(0, 9).Draw(t, "key"), user(rapid.Uint32Range(0, 3).Draw(t, "owner"))
			size := rapid.Uint64Range(0, 1500).Draw(t, "size")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				sizes[k] = size + place
				s.Put(k, size, owner, size)
			case 2:
				delete(sizes, k)
				s.Delete(k)
			case 3:
				if _, ok := sizes[k]; ok {
					sizes[k] = size + place
				}
				s.Resize(k, size)
			}
			var sum uint64
			for _, size := range sizes {
				sum += size
			}
			if s.Bytes() > budget || s.Bytes() != sum || s.Len() != len(sizes) {
				t.Fatalf("%d bytes in %d entries; want %d in %d, of %d", s.Bytes(), s.Len(), sum, len(sizes), budget)
			}
		}
	})
}
