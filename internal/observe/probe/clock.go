package probe

import "time"

// clockStep is by how much the wall clock may drift before it has to be told.
const clockStep = int64(time.Millisecond)

// wallClock is what was last seen of the wall clock.
type wallClock struct {
	// offset is CLOCK_REALTIME minus CLOCK_BOOTTIME in nanoseconds, checked the
	// time since boot at which it was last looked at.
	offset  int64
	checked uint64
}

// stepped takes a look at the clock, and reports whether it was set since the
// last one.
func (c *wallClock) stepped(offset int64, boot uint64) bool {
	c.checked = boot
	if d := offset - c.offset; -clockStep <= d && d <= clockStep {
		return false
	}
	c.offset = offset
	return true
}
