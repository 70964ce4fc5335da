package report

import (
	"runtime"
	"testing"
	"weak"
)

// A life leads to the cause that its own became a part of, and keeps none that is gone.
func TestPlaceKeepsNoCause(t *testing.T) {
	first, second := newGroup(Cause{}), newGroup(Cause{})
	l := &life{place: first.place}
	gone := weak.Make(first)
	second.fold(first)
	if l.group() != second {
		t.Error("the life does not lead to the merged cause")
	}
	c := NewCollector()
	goneToo := weak.Make(second)
	c.ungroup(second)
	if l.group() != nil {
		t.Error("the life leads to a cause that was dropped")
	}
	runtime.GC()
	if gone.Value() != nil || goneToo.Value() != nil {
		t.Error("a cause is kept that was merged or dropped")
	}
	runtime.KeepAlive(l)
}
