package systemd

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/clock"
)

// maxOpen bounds the questions that wait for one manager. Beyond it a question
// is answered at once, with an error: a creation must not wait for minutes, and
// a user's manager can take its time on purpose.
const maxOpen = 256

var errBusy = errors.New("too many units to ask about at once")

// errEnded is why a question was given up that a manager had not answered when
// the trace had ended.
var errEnded = errors.New("the trace ended before the manager answered")

// Answerer answers the questions that come up in a trace, each with a Unit
// event, in the background.
type Answerer struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	give   func(*event.Unit)
	wait   sync.WaitGroup

	mu     sync.Mutex
	queues map[manager]*queue
	boots  map[manager]event.ManagerBoot
}

// manager names one manager.
type manager struct {
	kind event.Manager
	uid  uint32
}

// queue holds the questions to one manager, which are asked one after the other:
// it would not answer them otherwise.
type queue struct{ waiting []event.Question }

// NewAnswerer returns an Answerer that hands its answers to give, from
// goroutines of its own.
func NewAnswerer(give func(*event.Unit)) *Answerer {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Answerer{
		ctx: ctx, cancel: cancel, give: give,
		queues: make(map[manager]*queue), boots: make(map[manager]event.ManagerBoot),
	}
}

// Ask has a question answered. It doesn't wait for the answer.
func (a *Answerer) Ask(q event.Question) {
	to := manager{q.Manager, q.UID}
	a.mu.Lock()
	queued, busy := a.queues[to]
	full := busy && len(queued.waiting) >= maxOpen
	switch {
	case busy && !full:
		queued.waiting = append(queued.waiting, q)
	case !busy:
		queued = &queue{waiting: []event.Question{q}}
		a.queues[to] = queued
		a.wait.Add(1)
		go a.work(to, queued)
	}
	a.mu.Unlock()
	if full {
		a.give(&event.Unit{Question: q, Why: errBusy.Error()})
	}
}

// work answers the questions to one manager until there are no more.
func (a *Answerer) work(to manager, queued *queue) {
	defer a.wait.Done()
	for {
		a.mu.Lock()
		if len(queued.waiting) == 0 {
			delete(a.queues, to)
			a.mu.Unlock()
			return
		}
		q := queued.waiting[0]
		queued.waiting = queued.waiting[1:]
		a.mu.Unlock()
		a.give(a.answer(to, q))
	}
}

// Wait returns once all questions are answered. After the time given, those
// that are open are answered with an error.
func (a *Answerer) Wait(limit time.Duration) {
	timer := time.AfterFunc(limit, func() { a.cancel(errEnded) })
	defer timer.Stop()
	a.wait.Wait()
}

// Close gives up on open questions.
func (a *Answerer) Close() {
	a.cancel(errEnded)
	a.wait.Wait()
}

func (a *Answerer) answer(to manager, q event.Question) *event.Unit {
	out := &event.Unit{Question: q, MonotonicLagNS: clock.MonotonicLag()}
	client := System()
	if q.Manager == event.ManagerUser {
		client = user(q.UID)
	}
	also := a.bootQuestion(to, &out.Boot)
	var err error
	out.Unit, err = client.unitNamed(a.ctx, q.Unit, also)
	if errors.Is(err, errNoUnit) {
		// its run is over; what its files say still counts
		out.Unit, err = client.load(a.ctx, q.Unit, also)
		if err == nil && out.Unit.LoadState != "loaded" {
			err = errNoUnit
		}
	}
	if err != nil {
		out.Boot, out.Why = event.ManagerBoot{}, err.Error()
	}
	return out
}

// bootQuestion asks how far the manager has come, until the system's has come
// all the way. A user's may be another one by now.
func (a *Answerer) bootQuestion(to manager, answer *event.ManagerBoot) question {
	return func(ctx context.Context, conn *dbus.Conn) {
		a.mu.Lock()
		known, ok := a.boots[to]
		a.mu.Unlock()
		if ok {
			*answer = known
			return
		}
		b, err := boot(ctx, conn)
		if err != nil {
			// a boot that no run can lie in: what is known of the unit still counts
			*answer = event.ManagerBoot{UserspaceUS: math.MaxUint64}
			return
		}
		*answer = b
		if b.FinishUS != 0 && to.kind == event.ManagerSystem {
			a.mu.Lock()
			a.boots[to] = b
			a.mu.Unlock()
		}
	}
}
