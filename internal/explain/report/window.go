package report

import (
	"time"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Within has creations outside of a window count as filtered out.
func (c *Collector) Within(w finding.Window) { c.window = w }

// wall is a time since boot as a time since 1970, by the clock as it is by now.
func (c *Collector) wall(boot uint64) int64 { return int64(boot) + c.report.ClockOffsetNS }

func (c *Collector) inWindow(boot uint64) bool {
	return c.window.Holds(c.wall(boot))
}

// clip bounds what was observed to the window.
func (c *Collector) clip(r *Report) {
	bound := func(t time.Time) uint64 {
		return uint64(max(0, t.UnixNano()-c.report.ClockOffsetNS))
	}
	if !c.window.Since.IsZero() {
		r.From = min(max(r.From, bound(c.window.Since)), r.Until)
	}
	if !c.window.Until.IsZero() {
		r.Until = max(min(r.Until, bound(c.window.Until)), r.From)
	}
}
