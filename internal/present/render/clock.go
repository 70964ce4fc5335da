package render

import (
	"slices"
	"time"

	"github.com/nsblame/nsblame/internal/event"
)

// clock turns times since boot into times of day.
type clock struct {
	// steps are what the clock was set to, in the order of the stream, and empty
	// before a Host event.
	steps []clockStep
	zone  *time.Location
}

// clockStep says that the clock was set.
type clockStep struct {
	since  uint64 // boot
	offset int64
}

// maxSteps is how many settings of the clock are kept. A creation may be printed
// after later ones.
const maxSteps = 64

// minStep is less than what counts as a step.
const minStep = int64(time.Millisecond)

func (c *clock) set(since uint64, offset int64) {
	if n := len(c.steps); n > 0 {
		if d := offset - c.steps[n-1].offset; -minStep < d && d < minStep {
			return
		}
	}
	if len(c.steps) == maxSteps {
		c.steps = slices.Delete(c.steps, 0, 1)
	}
	c.steps = append(c.steps, clockStep{since, offset})
}

// observe follows the events that set the clock.
func (c *clock) observe(ev event.Event) {
	switch body := ev.Body.(type) {
	case *event.Host:
		// RFC 3339 knows zones to the minute only.
		minutes := body.UTCOffsetSeconds / 60
		c.zone = time.FixedZone("", minutes%(24*60)*60)
		c.set(ev.BootNS, body.ClockOffsetNS)
	case *event.Clock:
		if len(c.steps) > 0 {
			c.set(ev.BootNS, body.OffsetNS)
		}
	}
}

// location is the zone of the machine, UTC before a Host event.
func (c *clock) location() *time.Location {
	if c.zone == nil {
		return time.UTC
	}
	return c.zone
}

// dayAndTime is how a moment is written that may be on any day.
const dayAndTime = "2006-01-02 15:04:05"

// wall returns the time of day at bootNS. It is unknown before a Host event.
func (c *clock) wall(bootNS uint64) (time.Time, bool) {
	if len(c.steps) == 0 {
		return time.Time{}, false
	}
	// the first step also holds for what was before it
	step := c.steps[0]
	for _, later := range c.steps[1:] {
		if later.since <= bootNS {
			step = later
		}
	}
	return time.Unix(0, int64(bootNS)+step.offset).In(c.zone), true
}
