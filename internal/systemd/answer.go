package systemd

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/cgroup"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/unit"
)

// askers is how many questions are asked of managers at once. A manager
// answers one after the other anyhow.
const askers = 2

// maxOpen bounds the questions that wait to be asked. Beyond it a question is
// answered at once, with an error: a creation must not wait for minutes.
const maxOpen = 1024

var errBusy = errors.New("too many units to ask about at once")

// Answerer answers the questions that come up in a trace, each with a Unit
// event, in the background.
type Answerer struct {
	ctx    context.Context
	cancel context.CancelFunc
	give   func(*event.Unit)
	slots  chan struct{}
	wait   sync.WaitGroup
	open   atomic.Int64

	mu    sync.Mutex
	boots map[cgroup.Manager]unit.Boot
}

// NewAnswerer returns an Answerer that hands its answers to give, from
// goroutines of its own.
func NewAnswerer(give func(*event.Unit)) *Answerer {
	ctx, cancel := context.WithCancel(context.Background())
	return &Answerer{
		ctx: ctx, cancel: cancel, give: give,
		slots: make(chan struct{}, askers), boots: make(map[cgroup.Manager]unit.Boot),
	}
}

// Ask has a question answered. It doesn't wait for the answer.
func (a *Answerer) Ask(q event.Question) {
	if a.open.Add(1) > maxOpen {
		a.open.Add(-1)
		a.give(&event.Unit{Question: q, Why: errBusy.Error()})
		return
	}
	a.wait.Add(1)
	go func() {
		defer a.wait.Done()
		defer a.open.Add(-1)
		a.slots <- struct{}{}
		defer func() { <-a.slots }()
		a.give(a.answer(q))
	}()
}

// Wait returns once all questions are answered. After the time given, those
// that are open are answered with an error.
func (a *Answerer) Wait(limit time.Duration) {
	timer := time.AfterFunc(limit, a.cancel)
	defer timer.Stop()
	a.wait.Wait()
}

// Close gives up on open questions.
func (a *Answerer) Close() {
	a.cancel()
	a.wait.Wait()
}

func (a *Answerer) answer(q event.Question) *event.Unit {
	out := &event.Unit{Question: q, MonotonicLagNS: monotonicLag()}
	client := System()
	if q.Manager == cgroup.ManagerUser {
		client = User(q.UID)
	}
	var err error
	out.Unit, err = client.Unit(a.ctx, q.Unit)
	if errors.Is(err, ErrNoUnit) {
		// its run is over; what its files say still counts
		out.Unit, err = client.Load(a.ctx, q.Unit)
		if err == nil && out.Unit.LoadState != "loaded" {
			err = ErrNoUnit
		}
	}
	if err == nil {
		out.Boot, err = a.boot(q, client)
	}
	if err != nil {
		out.Why = err.Error()
	}
	return out
}

// boot asks how far the manager has come, until it has come all the way.
func (a *Answerer) boot(q event.Question, client *Client) (unit.Boot, error) {
	a.mu.Lock()
	known, ok := a.boots[q.Manager]
	a.mu.Unlock()
	if ok && q.Manager == cgroup.ManagerSystem {
		return known, nil
	}
	b, err := client.Boot(a.ctx)
	if err == nil && b.FinishUS != 0 {
		a.mu.Lock()
		a.boots[q.Manager] = b
		a.mu.Unlock()
	}
	return b, err
}

// monotonicLag is CLOCK_BOOTTIME minus CLOCK_MONOTONIC.
func monotonicLag() uint64 {
	var boot, mono unix.Timespec
	// neither can fail; the earlier reading goes first, so that the
	// difference is not below zero
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono)
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot)
	const jitter = uint64(time.Millisecond)
	if lag := uint64(max(0, boot.Nano()-mono.Nano())); lag > jitter {
		return lag
	}
	return 0
}
