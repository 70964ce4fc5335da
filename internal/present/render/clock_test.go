package render

import (
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/event"
)

// What happened before the clock was set has the time of the old clock, even if
// it is shown later.
func TestClockKeepsItsSteps(t *testing.T) {
	const hour = int64(3600e9)
	var c clock
	if _, ok := c.wall(1); ok {
		t.Error("a time before the host is known")
	}
	c.observe(event.Event{BootNS: 100, Body: &event.Host{ClockOffsetNS: hour}})
	c.observe(event.Event{BootNS: 200, Body: &event.Clock{OffsetNS: hour + 1000}}) // a drift
	c.observe(event.Event{BootNS: 300, Body: &event.Clock{OffsetNS: 3 * hour}})
	c.observe(event.Event{BootNS: 400, Body: &event.Clock{OffsetNS: -hour}})
	for boot, want := range map[uint64]int64{50: hour, 100: hour, 299: hour, 300: 3 * hour, 399: 3 * hour, 400: -hour, 500: -hour} {
		got, ok := c.wall(boot)
		if !ok || !got.Equal(time.Unix(0, want+int64(boot))) {
			t.Errorf("at %d: %v, %v", boot, got, ok)
		}
	}
}

func TestClockKeepsABoundedNumberOfSteps(t *testing.T) {
	var c clock
	c.observe(event.Event{Body: &event.Host{}})
	for i := range int64(10 * maxSteps) {
		c.observe(event.Event{BootNS: uint64(i), Body: &event.Clock{OffsetNS: i * int64(time.Second)}})
	}
	if len(c.steps) != maxSteps {
		t.Errorf("%d steps", len(c.steps))
	}
}
