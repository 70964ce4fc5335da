package probe

import (
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/clock"
)

// fillUpTo is how many events are taken out of each ring buffer at once.
const fillUpTo = 64

// fill puts events into the queue. It waits for one if it must, or finds that there
// are no more.
func (s *Source) fill() error {
	if s.queue = s.takeInjected(s.queue[:0]); len(s.queue) > 0 {
		return nil
	}
	if err := s.await(); err != nil {
		return err
	}
	if s.queue = s.takeInjected(s.queue); len(s.queue) > 0 {
		return nil
	}
	now, stopped, found := clock.Boot(), s.stopped.Load(), s.left || !s.rings.empty()
	if found {
		// a step of the clock since the last look is taken to precede what is read now
		s.checkClock(s.clock.checked)
	}
	if err := s.merger.read(fillUpTo); err != nil {
		return err
	}
	s.queue = s.merger.release(s.queue)
	for _, ev := range s.queue {
		s.last = max(s.last, ev.BootNS)
		s.defined.observe(ev.Body)
	}
	s.left = !s.merger.drained()
	s.emptied = found && !s.left
	switch {
	case s.left:
		return nil
	case found:
		return s.onDrained()
	case stopped: // before this look, so it has found all
		s.ended = true
		return s.finish()
	case s.wakeAt > 0 && now >= s.wakeAt:
		s.wakeAt = 0
		s.checkClock(now)
		s.queue = append(s.queue, event.Event{BootNS: now, Body: &event.Clock{OffsetNS: s.clock.offset}})
		return s.account()
	}
	return nil
}

// await waits until there is something to do. While much happens, it waits for a batch
// of records to come together, unless something else must not wait, which goes behind
// what there is to read.
func (s *Source) await() error {
	if s.left || s.stopped.Load() {
		return nil
	}
	if s.throttled && s.emptied {
		if d := s.throttle.pause(time.Now()); d > 0 {
			woken, err := s.rings.waitUntilFull(time.Now().Add(d))
			if woken || err != nil {
				return err
			}
		}
	}
	if !s.rings.empty() {
		return nil
	}
	var until time.Time
	if s.wakeAt > 0 {
		// It is cut to milliseconds, and so may be early. Then Next comes here again.
		until = time.Now().Add(time.Duration(int64(s.wakeAt) - int64(clock.Boot())))
	}
	_, err := s.rings.wait(until)
	return err
}

// onDrained runs when the ring buffer has been read to its end.
func (s *Source) onDrained() error {
	if err := s.catchUp(); err != nil {
		return err
	}
	for _, what := range s.defined.sweep() {
		s.defined.observe(&what)
		s.push(&what)
	}
	return s.account()
}

// take turns a record into events, and returns its place among others.
func (s *Source) take(raw []byte) (at uint64, list []event.Event) {
	s.taken = s.taken[:0]
	kind, err := kindOf(raw)
	if err == nil {
		at = kind.place(raw)
		err = s.takeRecord(kind, raw)
	}
	if err != nil {
		s.bad++
	}
	return at, s.taken
}

func (s *Source) takeRecord(kind recordKind, raw []byte) error {
	if kind.take != nil {
		return kind.take(s, raw)
	}
	ev, err := kind.decode(raw)
	if err != nil {
		return err
	}
	if kind.complete != nil {
		kind.complete(s, raw, ev.Body)
	}
	s.taken = append(s.taken, ev)
	return nil
}
