package engine

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/stream/redact"
)

// flushAfter is how long an event waits at most until its block is written.
const flushAfter = time.Second

// Sink records a stream. Flush may be called during Write.
type Sink interface {
	// Write adds an event.
	Write(ev event.Event) error
	// Flush writes what is buffered.
	Flush() error
	// Close ends the recording in good order.
	Close() error
}

// Recorded is a source that records what it passes on. Both are the same, with
// what the Redactor hides.
type Recorded struct {
	Source
	sink Sink
	hide *redact.Redactor
	// stop ends the run when the sink fails while the source is silent.
	stop context.CancelFunc

	mu    sync.Mutex
	armed bool
	ended bool
	timer *time.Timer
}

// Record returns a source that passes on src and records it. stop must end the
// context of Next.
func Record(src Source, sink Sink, hide *redact.Redactor, stop context.CancelFunc) *Recorded {
	return &Recorded{Source: src, sink: sink, hide: hide, stop: stop}
}

// Next implements Source. It returns io.EOF once the recording is closed.
func (r *Recorded) Next(ctx context.Context) (event.Event, error) {
	ev, err := r.Source.Next(ctx)
	if errors.Is(err, io.EOF) {
		if err := r.close(); err != nil {
			return event.Event{}, err
		}
		return event.Event{}, io.EOF
	}
	if err != nil {
		return event.Event{}, errors.Join(err, r.sink.Flush())
	}
	ev = r.hide.Event(ev)
	if err := r.sink.Write(ev); err != nil {
		return event.Event{}, err
	}
	r.arm()
	return ev, nil
}

// Waits implements Waiter.
func (r *Recorded) Waits() bool { return waits(r.Source) }

// arm schedules a flush. Without events there is none.
func (r *Recorded) arm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.armed {
		return
	}
	r.armed = true
	if r.timer == nil {
		r.timer = time.AfterFunc(flushAfter, r.flush)
		return
	}
	r.timer.Reset(flushAfter)
}

func (r *Recorded) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.armed || r.ended {
		return
	}
	r.armed = false
	if r.sink.Flush() != nil {
		r.stop() // the sink gives the error again, to whoever writes next
	}
}

func (r *Recorded) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	if r.timer != nil {
		r.timer.Stop()
	}
	return r.sink.Close()
}
