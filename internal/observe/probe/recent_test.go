package probe

import "testing"

// What is used stays, and what is over the limit goes, one at a time.
func TestRecentForgetsWhatIsNotUsed(t *testing.T) {
	const limit = 3
	m := newRecent[int, string](limit)
	m.put(0, "old")
	m.put(0, "kept")
	for i := 1; i < 100; i++ {
		m.put(i, "other")
		if got, ok := m.get(0); !ok || got != "kept" {
			t.Fatalf("after %d others: %q, %v", i, got, ok)
		}
		if m.len() > limit {
			t.Fatalf("%d entries, want at most %d", m.len(), limit)
		}
	}
	if _, ok := m.get(1); ok {
		t.Error("an entry that was not used is still there")
	}
	if _, ok := m.get(99); !ok {
		t.Error("the latest entry is gone")
	}
}
