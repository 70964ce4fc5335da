package probe

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// fakeRing is a ring buffer in memory.
type fakeRing struct {
	records []*fakeRecord
}

// fakeRecord is a record that has a number in place of what happened.
type fakeRecord struct {
	number, at uint64
	refersTo   []uint64
	submitted  bool
}

func (r *fakeRing) next() ([]byte, bool, error) {
	if len(r.records) == 0 {
		return nil, false, nil
	}
	rec := r.records[0]
	rec.submitted = true // the reader waits for whoever is about to submit
	r.records = r.records[1:]
	raw := binary.NativeEndian.AppendUint64(nil, rec.at)
	return binary.NativeEndian.AppendUint64(raw, rec.number), true, nil
}

// decodeFake turns a record into an event that has its number.
func decodeFake(raw []byte) (uint64, []event.Event) {
	return binary.NativeEndian.Uint64(raw), []event.Event{{BootNS: binary.NativeEndian.Uint64(raw[8:])}}
}

func numbers(list []event.Event) []uint64 {
	var out []uint64
	for _, ev := range list {
		out = append(out, ev.BootNS)
	}
	return out
}

// readAll looks into the rings in any order, and takes out any number each time, until
// nothing is left.
func readAll(t *testing.T, m *merger, random *rand.Rand) []event.Event {
	t.Helper()
	var list []event.Event
	for range 10_000 {
		ring := random.IntN(len(m.rings))
		if err := m.readRing(ring, len(m.rings[ring].waiting)+1+random.IntN(4)); err != nil {
			t.Fatal(err)
		}
		list = m.release(list)
		if m.drained() && len(m.rings[0].ring.(*fakeRing).records)+len(m.rings[1].ring.(*fakeRing).records) == 0 {
			return list
		}
	}
	t.Fatal("the rings are not read to their end")
	return nil
}

// However the reads of two rings fall, the stream is the same: that of their records in
// the order of their places.
func TestMergedStreamDoesNotDependOnReads(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		var rings [2][]*fakeRecord
		type placed struct {
			at, ring, number uint64
		}
		var want []placed
		var last [2]uint64
		for number := range uint64(40) {
			ring := random.Uint64N(2)
			// a little earlier or later than the one before, or at the same time
			at := max(number+random.Uint64N(4), 3) - 3
			rings[ring] = append(rings[ring], &fakeRecord{number: number, at: at})
			last[ring] = max(last[ring], at)
			want = append(want, placed{last[ring], ring, number})
		}
		slices.SortStableFunc(want, func(a, b placed) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.ring, b.ring)) })
		for reads := range uint64(10) {
			m := newMerger(decodeFake,
				&fakeRing{records: slices.Clone(rings[0])}, &fakeRing{records: slices.Clone(rings[1])})
			got := numbers(readAll(t, m, rand.New(rand.NewPCG(seed, reads+1))))
			if !slices.EqualFunc(got, want, func(n uint64, p placed) bool { return n == p.number }) {
				t.Fatalf("seed %d, reads %d: got %v, want %v", seed, reads, got, want)
			}
		}
	}
}

// writer is a CPU that makes records: it takes the time, reserves room and submits, one
// step after the other, while others do the same.
type writer struct {
	record *fakeRecord
	ring   *fakeRing
	step   int
}

// Nothing is released before what it refers to: what was submitted, in any ring, before
// its time was taken.
func TestMergedStreamKeepsCauses(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		rings := []*fakeRing{{}, {}}
		m := newMerger(decodeFake, rings[0], rings[1])
		all := make(map[uint64]*fakeRecord)
		var writers [3]writer
		var got []event.Event
		for now := range uint64(400) {
			w := &writers[random.IntN(len(writers))]
			switch w.step++; w.step {
			case 1:
				w.record = &fakeRecord{number: now, at: now, refersTo: submitted(all)}
				w.ring = rings[random.IntN(len(rings))]
				all[now] = w.record
			case 2:
				w.ring.records = append(w.ring.records, w.record)
			default:
				w.record.submitted, w.step = true, 0
			}
			if random.IntN(5) == 0 {
				if err := m.readRing(random.IntN(2), 1+random.IntN(6)); err != nil {
					t.Fatal(err)
				}
				got = m.release(got)
			}
		}
		got = append(got, readAll(t, m, random)...)
		checkCauses(t, seed, got, all)
	}
}

func submitted(all map[uint64]*fakeRecord) []uint64 {
	var list []uint64
	for number, r := range all {
		if r.submitted {
			list = append(list, number)
		}
	}
	return list
}

func checkCauses(t *testing.T, seed uint64, got []event.Event, all map[uint64]*fakeRecord) {
	t.Helper()
	seen := make(map[uint64]bool)
	for _, number := range numbers(got) {
		for _, cause := range all[number].refersTo {
			if !seen[cause] {
				t.Fatalf("seed %d: %d is released before %d, which it refers to", seed, number, cause)
			}
		}
		if seen[number] {
			t.Fatalf("seed %d: %d is released twice", seed, number)
		}
		seen[number] = true
	}
}

// A ring that has nothing to say does not hold the other one up.
func TestQuietRingHoldsNobodyUp(t *testing.T) {
	story := &fakeRing{records: []*fakeRecord{{number: 1, at: 1}, {number: 2, at: 2}}}
	m := newMerger(decodeFake, &fakeRing{}, story)
	for range 2 { // a second look shows that the other ring is empty still
		if err := m.read(fillUpTo); err != nil {
			t.Fatal(err)
		}
	}
	if got := numbers(m.release(nil)); !slices.Equal(got, []uint64{1, 2}) || !m.drained() {
		t.Errorf("got %v, drained: %v", got, m.drained())
	}
}
