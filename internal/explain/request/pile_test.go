package request

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

// brick is something in a pile.
type brick struct {
	kept
	owner     event.Owner
	forgotten bool
}

func (b *brick) place() *kept       { return &b.kept }
func (b *brick) forget(event.Owner) { b.forgotten = true }

func TestBudgetsFit(t *testing.T) {
	var sum uint64
	for _, b := range Budgets() {
		sum += b.Bytes
	}
	if sum > 8<<20 {
		t.Errorf("%d bytes", sum)
	}
}

// Whatever is put in: the pile is not larger than its budget, and nobody loses anything
// while another owner has more.
func TestThePileTakesFromWhoeverHasMost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPile(100)
		var all []*brick
		for range rapid.IntRange(1, 200).Draw(t, "n") {
			b := &brick{owner: event.Owner{UID: rapid.Uint32Range(0, 3).Draw(t, "uid"), PIDNamespace: 1}}
			before := make(map[event.Owner]int)
			for o, q := range p.queues {
				before[o] = q.bytes
			}
			p.add(b.owner, rapid.IntRange(1, 20).Draw(t, "bytes"), b)
			all = append(all, b)
			most := 0
			for _, n := range before {
				most = max(most, n)
			}
			size := 0
			for _, other := range all {
				if other.forgotten && other.queue == nil && before[other.owner] > 0 && before[other.owner]+40 < most {
					t.Fatalf("one of %d bytes lost something, the largest had %d", before[other.owner], most)
				}
				size += other.bytes
			}
			if size != p.size || p.size > 100 {
				t.Fatalf("size %d, said to be %d", size, p.size)
			}
			kept := all[:0:0]
			for _, other := range all {
				if !other.forgotten {
					kept = append(kept, other)
				}
			}
			all = kept
			if len(all) > 0 && rapid.IntRange(0, 4).Draw(t, "take out") == 0 {
				p.remove(all[0])
				all = all[1:]
			}
		}
	})
}
