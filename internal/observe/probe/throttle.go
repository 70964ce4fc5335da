package probe

import "time"

const (
	// throttleEvery is the time between looks into the ring buffer while much
	// happens. All that came meanwhile then shares the cost of a look, which is mostly
	// to wake a thread and put it to sleep again.
	throttleEvery = 100 * time.Millisecond
	// throttleBurst is how many looks are free after a quiet time. So what happens now
	// and then is read at once, while the processes are there.
	throttleBurst = 16
	// throttledSize is the smallest ring buffer that holds what may come meanwhile.
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
	t.ahead = limit.Add(throttleEvery) // when the look is made
	return throttleEvery
}
