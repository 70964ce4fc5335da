package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	libcap "kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/unit"
	"github.com/nsblame/nsblame/internal/observe/container"
	"github.com/nsblame/nsblame/internal/observe/hostroot"
	"github.com/nsblame/nsblame/internal/observe/probe"
	"github.com/nsblame/nsblame/internal/observe/systemd"
	"github.com/nsblame/nsblame/internal/present/render"
)

// joinMachine has nsblame look at the machine, not at the container that it may be in.
func joinMachine(stderr io.Writer) {
	if err := hostroot.Join(); err != nil {
		fmt.Fprintf(stderr, "nsblame: what cgroups and units processes are in may be unknown: %s\n", render.Sentence(err.Error()))
	}
	if !hostroot.Apart() || os.Getenv("TZ") != "" {
		return
	}
	if rules, err := hostroot.ReadFile("/etc/localtime"); err == nil {
		if zone, err := time.LoadLocationFromTZData("Local", rules); err == nil {
			time.Local = zone //nolint:gosmopolitan // it is the machine's
		}
	}
}

// machinePath is where this process finds a file of the machine.
func machinePath(name string) string { return hostroot.Path(name) }

// lastAnswers is how long a stream that was ended waits for answers that are
// still open: longer than a manager that reloads its units takes, which answers
// none meanwhile. Who won't wait sends a second signal.
const lastAnswers = 5 * time.Second

// machine is the running machine as a source: what the probes see, what the service
// managers say, and what the files of container runtimes say.
type machine struct {
	probes     *probe.Source
	answerer   *systemd.Answerer
	containers *container.Answerer
}

// openMachine attaches the probes. See probe.Open for its errors.
func openMachine(opt probe.Options) (*machine, error) {
	probes, err := probe.Open(opt)
	if err != nil {
		return nil, err
	}
	m := &machine{probes: probes}
	m.answerer = systemd.NewAnswerer(m.answered)
	m.containers = container.NewAnswerer(func(c *event.Container) { m.inject(c) })
	return m, nil
}

// inject puts events into the stream. It fails only once the source is closed, when
// nobody reads it.
func (m *machine) inject(list ...event.Body) { _ = m.probes.Inject(list...) }

// answered puts an answer into the stream. If the unit was started for a
// connection over a unix socket, whose it was goes before it.
func (m *machine) answered(u *event.Unit) {
	list := []event.Body{u}
	if from, ok := unit.AcceptedFrom(u.Question.Unit); ok && from.PID != 0 {
		peer, facts := m.probes.Describe(from.PID)
		u.Peer = peer
		list = append(facts, u)
	}
	m.inject(list...)
}

// Next implements engine.Source. Once the probes are detached, answers that were
// asked for are waited for.
func (m *machine) Next(ctx context.Context) (event.Event, error) {
	ev, err := m.probes.Next(ctx)
	if !errors.Is(err, io.EOF) {
		return ev, err
	}
	var wait sync.WaitGroup
	for _, answers := range []func(time.Duration){m.answerer.Wait, m.containers.Wait} {
		wait.Go(func() { answers(lastAnswers) })
	}
	wait.Wait()
	return m.probes.Next(ctx)
}

// Waits implements engine.Waiter.
func (m *machine) Waits() bool { return m.probes.Waits() }

// WakeAt implements engine.Source.
func (m *machine) WakeAt(bootNS uint64) { m.probes.WakeAt(bootNS) }

// Ask implements engine.Source.
func (m *machine) Ask(q event.Question) { m.answerer.Ask(q) }

// AskContainer implements engine.Source.
func (m *machine) AskContainer(q event.ContainerQuestion) { m.containers.Ask(q) }

// Needs are the capabilities that are still needed when all is attached:
// besides those of the probes, what it takes to reach the socket of another
// user's manager, to read that user's unit files as that user, and to read the files
// of container runtimes.
func (m *machine) Needs() []libcap.Value {
	return append(m.probes.Needs(), libcap.DAC_OVERRIDE, libcap.DAC_READ_SEARCH, libcap.SETUID, libcap.SETGID)
}

// Close detaches the probes.
func (m *machine) Close() error {
	m.answerer.Close()
	m.containers.Close()
	return m.probes.Close()
}
