package engine

import (
	"context"

	"github.com/nsblame/nsblame/internal/event"
)

// Source is a stream of events.
type Source interface {
	// Next returns the next event, or io.EOF at the end. A live source ends,
	// in good order, when ctx is done.
	Next(ctx context.Context) (event.Event, error)
	// WakeAt asks a live source for a Clock event at that time since boot in
	// nanoseconds, unless something else comes first; 0 asks for none.
	// A recording has its Clock events already.
	WakeAt(bootNS uint64)
	// Ask has a live source answer a question with a Unit event, in any case
	// and in its own time. A recording has the answers already.
	Ask(q event.Question)
	// AskContainer has a live source answer a question with a Container event,
	// likewise.
	AskContainer(q event.ContainerQuestion)
}

// Waiter is a Source that knows whether it has another event at once.
type Waiter interface {
	// Waits reports whether Next may have to wait for an event.
	Waits() bool
}

// waits reports whether Next may have to wait. A source that is no Waiter may.
func waits(src Source) bool {
	w, ok := src.(Waiter)
	return !ok || w.Waits()
}
