package systemd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/clock"
)

const (
	// maxOpen bounds the questions that wait for one manager. Beyond it a
	// question is answered at once, with an error.
	maxOpen = 256
	// maxWait bounds how long a question waits for its turn: a creation must not
	// wait for minutes, and a user's manager can take its time on purpose.
	maxWait = 20 * time.Second
	// maxSilent is after how many questions in a row without an answer in time a
	// manager is not asked for a while.
	maxSilent = 2
	// firstPause is that while, doubled each time up to lastPause. The system's
	// manager is asked again after systemPause.
	firstPause, lastPause = 30 * time.Second, 10 * time.Minute
	systemPause           = 10 * time.Second
	// maxManagers bounds the managers of users that are remembered.
	maxManagers = 1024
	// usersEnd is how long the end of a trace waits for answers of users'
	// managers at most.
	usersEnd = 500 * time.Millisecond
	// grace is how long a question that ran out of time may take to notice. One
	// that does not hangs in the kernel, and is left to itself.
	grace = 200 * time.Millisecond
)

var (
	errBusy = errors.New("too many units to ask about at once")
	errSlow = fmt.Errorf("the manager has not come to the question within %v", maxWait)
	// errSilent is why a manager is not asked.
	errSilent = errors.New("the manager does not answer in time, and is not asked for a while")
	// errTime is why a question has no answer.
	errTime = fmt.Errorf("the manager has not answered within %v", answerTimeout)
	// errEnded is why a question was given up that a manager had not answered when
	// the trace had ended.
	errEnded = errors.New("the trace ended before the manager answered")
)

// Answerer answers the questions that come up in a trace, each with a Unit
// event, in the background. Managers are asked side by side, each one question
// after the other: what one of them does holds up nobody else's answers.
type Answerer struct {
	give func(*event.Unit)
	wait sync.WaitGroup
	// system and users end the questions to either.
	system, users life
	// client returns who asks a manager. Tests replace it.
	client func(manager) asker

	mu       sync.Mutex
	managers map[manager]*asked
}

// life is what questions live by.
type life struct {
	ctx context.Context
	end context.CancelCauseFunc
}

func newLife() life {
	ctx, end := context.WithCancelCause(context.Background())
	return life{ctx, end}
}

// manager names one manager.
type manager struct {
	kind event.Manager
	uid  uint32
}

// asked is a manager that is asked.
type asked struct {
	client  asker
	waiting []waiting
	// busy is set while somebody asks it, hangs while a question to it hangs in
	// the kernel.
	busy, hangs bool
	// silent counts the questions in a row that it did not answer in time. It is
	// not asked before notBefore.
	silent    int
	notBefore time.Time
	// boot is how far the system's manager has come, once it has come all the
	// way.
	boot *event.ManagerBoot
}

// waiting is a question that waits for its turn.
type waiting struct {
	event.Question
	since time.Time
}

// NewAnswerer returns an Answerer that hands its answers to give, from
// goroutines of its own.
func NewAnswerer(give func(*event.Unit)) *Answerer {
	return &Answerer{
		give: give, system: newLife(), users: newLife(),
		client: clientOf, managers: make(map[manager]*asked),
	}
}

// asker is a Client.
type asker interface {
	unitThatRan(ctx context.Context, name string, boot *event.ManagerBoot) (event.UnitState, error)
}

func clientOf(to manager) asker {
	if to.kind == event.ManagerUser {
		return user(to.uid)
	}
	return System()
}

func (a *Answerer) life(to manager) *life {
	if to.kind == event.ManagerUser {
		return &a.users
	}
	return &a.system
}

// Ask has a question answered. It doesn't wait for the answer.
func (a *Answerer) Ask(q event.Question) {
	if why := a.enqueue(manager{q.Manager, q.UID}, q); why != nil {
		a.give(unanswered(q, why))
	}
}

func unanswered(q event.Question, why error) *event.Unit {
	return &event.Unit{Question: q, Why: why.Error()}
}

// enqueue adds a question to those that wait, unless it returns why not.
func (a *Answerer) enqueue(to manager, q event.Question) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.managers[to]
	if m == nil {
		if a.forget(); len(a.managers) >= maxManagers {
			return errBusy
		}
		m = &asked{client: a.client(to)}
		a.managers[to] = m
	}
	now := time.Now()
	switch {
	case m.hangs, now.Before(m.notBefore):
		return errSilent
	case len(m.waiting) >= maxOpen:
		return errBusy
	}
	m.waiting = append(m.waiting, waiting{q, now})
	if !m.busy {
		m.busy = true
		a.wait.Add(1)
		go a.work(to, m)
	}
	return nil
}

// forget drops the managers of which there is nothing to remember, if there are
// many.
func (a *Answerer) forget() {
	if len(a.managers) < maxManagers {
		return
	}
	for to, m := range a.managers {
		if !m.busy && !m.hangs && time.Now().After(m.notBefore) {
			delete(a.managers, to)
		}
	}
}

// work answers the questions to one manager until there are no more.
func (a *Answerer) work(to manager, m *asked) {
	defer a.wait.Done()
	life := a.life(to)
	for {
		q, ok := a.next(m)
		if !ok {
			return
		}
		switch {
		case life.ctx.Err() != nil:
			a.give(unanswered(q.Question, context.Cause(life.ctx)))
		case time.Since(q.since) > maxWait:
			a.give(unanswered(q.Question, errSlow))
		default:
			a.give(a.answer(life.ctx, to, m, q.Question))
		}
		for _, q := range a.given(m) {
			a.give(unanswered(q.Question, errSilent))
		}
	}
}

// next returns the next question to a manager, if there is one.
func (a *Answerer) next(m *asked) (waiting, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(m.waiting) == 0 {
		m.waiting, m.busy = nil, false
		return waiting{}, false
	}
	q := m.waiting[0]
	m.waiting = m.waiting[1:]
	return q, true
}

// given returns the questions that a manager is not asked any more.
func (a *Answerer) given(m *asked) []waiting {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !m.hangs && time.Now().After(m.notBefore) {
		return nil
	}
	list := m.waiting
	m.waiting = nil
	return list
}

// answer asks a manager. Where the question hangs in the kernel, it is left to
// itself.
func (a *Answerer) answer(ctx context.Context, to manager, m *asked, q event.Question) *event.Unit {
	// a question ends by itself before
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout+filesTimeout, errTime)
	defer cancel()
	done := make(chan *event.Unit, 1)
	go func() {
		u, err := a.ask(ctx, to, m, q)
		if err != nil {
			u = &event.Unit{Question: q, MonotonicLagNS: clock.MonotonicLag(), Why: cutText(err.Error())}
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		m.heard(to, err)
		done <- u // has room
	}()
	select {
	case u := <-done:
		return u
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case u := <-done:
		return u
	case <-timer.C:
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case u := <-done:
		return u
	default:
		m.hangs = true
		return unanswered(q, context.Cause(ctx))
	}
}

// heard notes whether the manager answered in time.
func (m *asked) heard(to manager, err error) {
	m.hangs = false
	if !errors.Is(err, errTime) {
		m.silent = 0
		return
	}
	if m.silent++; m.silent < maxSilent {
		return
	}
	pause := systemPause
	if to.kind == event.ManagerUser {
		pause = min(firstPause<<min(m.silent-maxSilent, 10), lastPause)
	}
	m.notBefore = time.Now().Add(pause)
}

// ask asks about a unit that has run, and how far the manager has come with its
// start: a user's manager may be another one by now, the system's stays.
func (a *Answerer) ask(ctx context.Context, to manager, m *asked, q event.Question) (*event.Unit, error) {
	out := &event.Unit{Question: q, MonotonicLagNS: clock.MonotonicLag()}
	a.mu.Lock()
	known := m.boot
	a.mu.Unlock()
	boot := &out.Boot
	if known != nil {
		*boot, boot = *known, nil
	}
	state, err := m.client.unitThatRan(ctx, q.Unit, boot)
	if err != nil {
		return nil, err
	}
	out.Unit = state
	if known == nil && out.Boot.FinishUS != 0 && to.kind == event.ManagerSystem {
		a.mu.Lock()
		m.boot = &event.ManagerBoot{Version: out.Boot.Version, UserspaceUS: out.Boot.UserspaceUS, FinishUS: out.Boot.FinishUS}
		a.mu.Unlock()
	}
	return out, nil
}

// Wait returns once all questions are answered. Those that are open after the
// time given, or of users' managers after usersEnd, are answered with an error.
func (a *Answerer) Wait(limit time.Duration) {
	system := time.AfterFunc(limit, func() { a.system.end(errEnded) })
	defer system.Stop()
	users := time.AfterFunc(min(limit, usersEnd), func() { a.users.end(errEnded) })
	defer users.Stop()
	a.wait.Wait()
}

// Close gives up on open questions.
func (a *Answerer) Close() {
	a.system.end(errEnded)
	a.users.end(errEnded)
	a.wait.Wait()
}
