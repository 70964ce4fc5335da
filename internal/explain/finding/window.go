package finding

import "time"

// Window is a time of day from which and until which creations count. A zero time bounds
// nothing.
type Window struct{ Since, Until time.Time }

// All reports whether every time is in the window.
func (w Window) All() bool { return w.Since.IsZero() && w.Until.IsZero() }

// Holds reports whether a time, in nanoseconds since 1970, is in the window.
func (w Window) Holds(ns int64) bool {
	return (w.Since.IsZero() || ns >= w.Since.UnixNano()) && (w.Until.IsZero() || ns <= w.Until.UnixNano())
}
