package engine

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/unit"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/probe"
	"github.com/nsblame/nsblame/internal/observe/systemd"
)

// lastAnswers is how long a stream that was ended waits for answers that are
// still open: longer than a manager that reloads its units takes, which answers
// none meanwhile. Who won't wait sends a second signal.
const lastAnswers = 5 * time.Second

// Live is the running machine as a source: what the probes see, and what the
// service managers say.
type Live struct {
	probes   *probe.Source
	answerer *systemd.Answerer
}

// OpenLive attaches the probes. See probe.Open for its errors.
func OpenLive(opt probe.Options) (*Live, error) {
	probes, err := probe.Open(opt)
	if err != nil {
		return nil, err
	}
	l := &Live{probes: probes}
	l.answerer = systemd.NewAnswerer(l.answered)
	return l, nil
}

// answered puts an answer into the stream. If the unit was started for a
// connection over a unix socket, whose it was goes before it.
func (l *Live) answered(u *event.Unit) {
	list := []event.Body{u}
	if from, ok := unit.AcceptedFrom(u.Question.Unit); ok && from.PID != 0 {
		peer, facts := l.probes.Describe(from.PID)
		u.Peer = peer
		list = append(facts, u)
	}
	// fails only once the source is closed, when nobody reads it
	_ = l.probes.Inject(list...)
}

// Next implements Source. Once the probes are detached, answers that were
// asked for are waited for.
func (l *Live) Next(ctx context.Context) (event.Event, error) {
	ev, err := l.probes.Next(ctx)
	if !errors.Is(err, io.EOF) {
		return ev, err
	}
	l.answerer.Wait(lastAnswers)
	return l.probes.Next(ctx)
}

// Waits implements Waiter.
func (l *Live) Waits() bool { return l.probes.Waits() }

// WakeAt implements Source.
func (l *Live) WakeAt(bootNS uint64) { l.probes.WakeAt(bootNS) }

// Ask implements Source.
func (l *Live) Ask(q event.Question) { l.answerer.Ask(q) }

// Needs are the capabilities that are still needed when all is attached:
// besides those of the probes, what it takes to reach the socket of another
// user's manager.
func (l *Live) Needs() []kernel.Capability {
	return append(l.probes.Needs(), kernel.CapDACOverride)
}

// Close detaches the probes.
func (l *Live) Close() error {
	l.answerer.Close()
	return l.probes.Close()
}
