package probe

import "testing"

func TestWallClockSteps(t *testing.T) {
	const hour = int64(3600e9)
	c := wallClock{offset: hour, checked: 1}
	for i, look := range []struct {
		offset int64
		want   bool
	}{
		{hour, false},
		{hour + clockStep/2, false},
		{hour + clockStep, false},     // a drift
		{hour + 2*clockStep, true},    // which adds up
		{hour + 2*clockStep, false},   // told once
		{-hour, true},                 // set back
		{-hour + clockStep + 1, true}, // and ahead
	} {
		boot := uint64(i + 2)
		if got := c.stepped(look.offset, boot); got != look.want {
			t.Errorf("look %d: %v", i, got)
		}
		if c.checked != boot || look.want && c.offset != look.offset {
			t.Errorf("look %d: %+v", i, c)
		}
	}
}
