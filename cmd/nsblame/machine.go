package main

import (
	"context"
	"errors"
	"io"
	"time"

	libcap "kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/unit"
	"github.com/nsblame/nsblame/internal/observe/probe"
	"github.com/nsblame/nsblame/internal/observe/systemd"
)

// lastAnswers is how long a stream that was ended waits for answers that are
// still open: longer than a manager that reloads its units takes, which answers
// none meanwhile. Who won't wait sends a second signal.
const lastAnswers = 5 * time.Second

// machine is the running machine as a source: what the probes see, and what the
// service managers say.
type machine struct {
	probes   *probe.Source
	answerer *systemd.Answerer
}

// openMachine attaches the probes. See probe.Open for its errors.
func openMachine(opt probe.Options) (*machine, error) {
	probes, err := probe.Open(opt)
	if err != nil {
		return nil, err
	}
	m := &machine{probes: probes}
	m.answerer = systemd.NewAnswerer(m.answered)
	return m, nil
}

// answered puts an answer into the stream. If the unit was started for a
// connection over a unix socket, whose it was goes before it.
func (m *machine) answered(u *event.Unit) {
	list := []event.Body{u}
	if from, ok := unit.AcceptedFrom(u.Question.Unit); ok && from.PID != 0 {
		peer, facts := m.probes.Describe(from.PID)
		u.Peer = peer
		list = append(facts, u)
	}
	// fails only once the source is closed, when nobody reads it
	_ = m.probes.Inject(list...)
}

// Next implements engine.Source. Once the probes are detached, answers that were
// asked for are waited for.
func (m *machine) Next(ctx context.Context) (event.Event, error) {
	ev, err := m.probes.Next(ctx)
	if !errors.Is(err, io.EOF) {
		return ev, err
	}
	m.answerer.Wait(lastAnswers)
	return m.probes.Next(ctx)
}

// Waits implements engine.Waiter.
func (m *machine) Waits() bool { return m.probes.Waits() }

// WakeAt implements engine.Source.
func (m *machine) WakeAt(bootNS uint64) { m.probes.WakeAt(bootNS) }

// Ask implements engine.Source.
func (m *machine) Ask(q event.Question) { m.answerer.Ask(q) }

// Needs are the capabilities that are still needed when all is attached:
// besides those of the probes, what it takes to reach the socket of another
// user's manager, and to read that user's unit files as that user.
func (m *machine) Needs() []libcap.Value {
	return append(m.probes.Needs(), libcap.DAC_OVERRIDE, libcap.SETUID, libcap.SETGID)
}

// Close detaches the probes.
func (m *machine) Close() error {
	m.answerer.Close()
	return m.probes.Close()
}
