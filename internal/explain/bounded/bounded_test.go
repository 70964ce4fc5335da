package bounded

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMapForgetsTheOldest(t *testing.T) {
	m := NewMap[string, int](2)
	m.Put("a", 1)
	m.Put("b", 2)
	m.Put("a", 3) // is still older than b
	m.Put("c", 4)
	if _, ok := m.Get("a"); ok {
		t.Error("a is there")
	}
	if v, ok := m.Get("b"); !ok || v != 2 {
		t.Errorf("b is %d, %v", v, ok)
	}
	if diff := cmp.Diff([]string{"b", "c"}, m.Keys()); diff != "" {
		t.Error(diff)
	}
}
