package probe

import "time"

const (
	// paceEvery is how long apart the looks into the ring buffer are while much
	// happens. What a look costs, above all to wake a thread and to put it to
	// sleep again, is then shared by all that came meanwhile.
	paceEvery = 100 * time.Millisecond
	// paceBurst is how many looks are free after a time of quiet: what happens
	// now and then is looked at when it happens, while the processes are there.
	paceBurst = 16
	// pacedSize is the least size of a ring buffer that holds what may come
	// meanwhile.
	pacedSize = 1 << 20
)

// pace spaces out the looks into the ring buffer. The zero value is ready.
type pace struct{ ahead time.Time }

// pause counts a look and returns how long it has to wait.
func (p *pace) pause(now time.Time) time.Duration {
	if p.ahead.Before(now) {
		p.ahead = now
	}
	p.ahead = p.ahead.Add(paceEvery)
	limit := now.Add(paceBurst * paceEvery)
	if !p.ahead.After(limit) {
		return 0
	}
	p.ahead = limit.Add(paceEvery) // the look is only then
	return paceEvery
}
