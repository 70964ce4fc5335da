package probe

import "time"

const (
	// throttleEvery is how long apart the looks into the ring buffer are while much
	// happens. What a look costs, above all to wake a thread and to put it to
	// sleep again, is then shared by all that came meanwhile.
	throttleEvery = 100 * time.Millisecond
	// throttleBurst is how many looks are free after a time of quiet: what happens
	// now and then is looked at when it happens, while the processes are there.
	throttleBurst = 16
	// throttledSize is the least size of a ring buffer that holds what may come
	// meanwhile.
	throttledSize = 1 << 20
)

// throttle spaces out the looks into the ring buffer. The zero value is ready.
type throttle struct{ ahead time.Time }

// pause counts a look and returns how long it has to wait.
func (t *throttle) pause(now time.Time) time.Duration {
	if t.ahead.Before(now) {
		t.ahead = now
	}
	t.ahead = t.ahead.Add(throttleEvery)
	limit := now.Add(throttleBurst * throttleEvery)
	if !t.ahead.After(limit) {
		return 0
	}
	t.ahead = limit.Add(throttleEvery) // the look is only then
	return throttleEvery
}
