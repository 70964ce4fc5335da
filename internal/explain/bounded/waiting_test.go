package bounded

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWaitingWakesOnlyWhatWaitsForTheKey(t *testing.T) {
	w := NewWaiting[string, string](1 << 20)
	w.Add("late", Terms[string]{Keys: []string{"x"}, Order: 3})
	w.Add("both", Terms[string]{Keys: []string{"x", "y"}, Order: 1})
	w.Add("timed", Terms[string]{Keys: []string{"z"}, Order: 2, Deadline: 10})
	if got := w.Deadline(); got != 10 {
		t.Errorf("deadline %d", got)
	}
	if diff := cmp.Diff([]string{"both", "late"}, w.Take("x")); diff != "" {
		t.Error(diff)
	}
	if got := w.Take("y"); got != nil {
		t.Errorf("taken twice: %v", got)
	}
	if got := w.Expire(9); got != nil {
		t.Errorf("too early: %v", got)
	}
	if diff := cmp.Diff([]string{"timed"}, w.Expire(10)); diff != "" {
		t.Error(diff)
	}
	if w.Len() != 0 || w.Bytes() != 0 || w.keys.n != 0 || w.Deadline() != 0 {
		t.Errorf("something is left: %d of %d bytes, %d keys", w.Len(), w.Bytes(), w.keys.n)
	}
}

func TestWaitingReleasesTheOldestOfWhoHoldsTheMost(t *testing.T) {
	w := NewWaiting[string, int](4 * (waiterSize + slotSize[string]()))
	w.Add(0, Terms[string]{Keys: []string{"a"}, Owner: user(1)})
	var dropped []int
	for i := 1; i <= 4; i++ {
		dropped = append(dropped, w.Add(i, Terms[string]{Keys: []string{"a"}, Order: uint64(i), Owner: user(2)})...)
	}
	if diff := cmp.Diff([]int{1}, dropped); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{0, 2, 3, 4}, w.TakeAll()); diff != "" {
		t.Error(diff)
	}
}

// Whatever waits comes out exactly once: by a key, by its time, or without a reason when there is no room.
func TestWaitingReturnsEachOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := NewWaiting[int, int](rapid.Uint64Range(1, 4000).Draw(t, "budget"))
		var out []int
		n := 0
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			key := rapid.IntRange(0, 3).Draw(t, "key")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				keys := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 3).Draw(t, "keys")
				out = append(out, w.Add(n, Terms[int]{
					Keys: keys, Order: uint64(n),
					Deadline: rapid.Uint64Range(0, 20).Draw(t, "deadline"),
					Owner:    user(rapid.Uint32Range(0, 2).Draw(t, "owner")),
				})...)
				n++
			case 2:
				out = append(out, w.Take(key)...)
			case 3:
				out = append(out, w.Expire(rapid.Uint64Range(0, 20).Draw(t, "now"))...)
			}
		}
		out = append(out, w.TakeAll()...)
		slices.Sort(out)
		for i, v := range out {
			if v != i {
				t.Fatalf("%v of %d", out, n)
			}
		}
		if len(out) != n || w.keys.n != 0 || w.Bytes() != 0 {
			t.Fatalf("%d of %d came out, %d keys and %d bytes are left", len(out), n, w.keys.n, w.Bytes())
		}
	})
}
