package probe

import "time"

// clockStep is how far the wall clock may drift before that is reported.
const clockStep = int64(time.Millisecond)

// wallClock is what was last seen of the wall clock.
type wallClock struct {
	// offset is CLOCK_REALTIME minus CLOCK_BOOTTIME in nanoseconds. checked is when it
	// was last read, in nanoseconds since boot.
	offset  int64
	checked uint64
}

// stepped takes in a reading of the clock, and reports whether the clock was set
// since the last one.
func (c *wallClock) stepped(offset int64, boot uint64) bool {
	c.checked = boot
	if d := offset - c.offset; -clockStep <= d && d <= clockStep {
		return false
	}
	c.offset = offset
	return true
}
