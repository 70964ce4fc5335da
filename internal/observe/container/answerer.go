package container

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/rootfile"
)

const (
	// maxOpen bounds the questions that wait for an answer. Beyond it a question is
	// answered at once, without one.
	maxOpen = 256
	// maxReads bounds those whose files are read at the same moment. A read that hangs
	// in the kernel keeps its place.
	maxReads = 4
	// patience is how long a file is waited for that is not there. containerd writes a
	// sandbox's bundle after the sandbox's namespace.
	patience = 2 * time.Second
	// firstPause is how long the first wait lasts, doubled each time up to lastPause.
	firstPause, lastPause = 2 * time.Millisecond, 256 * time.Millisecond
	// answerTimeout bounds all of an answer.
	answerTimeout = patience + time.Second
)

var (
	errBusy  = errors.New("too many containers to ask about at once")
	errTime  = fmt.Errorf("the files were not read within %v", answerTimeout)
	errEnded = errors.New("the trace ended before the files were read")
)

// Answerer answers the questions that come up in a trace, each with a Container event,
// in the background, and as soon as it can: a container can be removed a moment after
// its namespace was made.
type Answerer struct {
	give  func(*event.Container)
	files files
	// patience is how long a file is waited for.
	patience time.Duration
	// reads has a place for each read.
	reads chan struct{}
	wait  sync.WaitGroup
	ctx   context.Context
	end   context.CancelCauseFunc

	mu   sync.Mutex
	open int
}

// NewAnswerer returns an Answerer that reads the machine's files. It hands its answers
// to give, from goroutines of its own.
func NewAnswerer(give func(*event.Container)) *Answerer {
	return newAnswerer(give, rootfile.System())
}

func newAnswerer(give func(*event.Container), from tree) *Answerer {
	a := &Answerer{give: give, files: files{from}, patience: patience, reads: make(chan struct{}, maxReads)}
	a.ctx, a.end = context.WithCancelCause(context.Background())
	return a
}

// Ask has a question answered, in any case. It doesn't wait for the answer.
func (a *Answerer) Ask(q event.ContainerQuestion) {
	if !a.enter() {
		a.give(unanswered(q, errBusy))
		return
	}
	go func() {
		defer a.leave()
		ctx, cancel := context.WithTimeoutCause(a.ctx, answerTimeout, errTime)
		defer cancel()
		a.give(a.answer(ctx, q))
	}()
}

func (a *Answerer) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open >= maxOpen {
		return false
	}
	a.open++
	a.wait.Add(1)
	return true
}

func (a *Answerer) leave() {
	a.mu.Lock()
	a.open--
	a.mu.Unlock()
	a.wait.Done()
}

func unanswered(q event.ContainerQuestion, why error) *event.Container {
	text := why.Error()
	return &event.Container{Question: q, Why: text[:min(len(text), maxText)]}
}

// answer looks until the files are there, or have been waited for long enough.
func (a *Answerer) answer(ctx context.Context, q event.ContainerQuestion) *event.Container {
	late := time.Now().Add(a.patience)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		found, err := a.look(ctx, q)
		switch {
		case err == nil:
			return found
		case !isNotYet(err) || time.Now().After(late):
			return unanswered(q, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return unanswered(q, context.Cause(ctx))
		}
	}
}

// look looks once. A read that hangs in the kernel is left to itself.
func (a *Answerer) look(ctx context.Context, q event.ContainerQuestion) (*event.Container, error) {
	select {
	case a.reads <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	type result struct {
		found *event.Container
		err   error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-a.reads }()
		found, err := a.files.look(q)
		done <- result{found, err} // has room
	}()
	select {
	case r := <-done:
		return r.found, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Look answers questions about containers that exist, in their order. Files that are not
// there are not waited for. Once ctx is done, the rest is answered without an answer.
func Look(ctx context.Context, list []event.ContainerQuestion) []*event.Container {
	return look(ctx, list, rootfile.System())
}

func look(ctx context.Context, list []event.ContainerQuestion, from tree) []*event.Container {
	var mu sync.Mutex
	answers := make(map[event.ContainerQuestion]*event.Container, len(list))
	a := newAnswerer(func(c *event.Container) {
		mu.Lock()
		defer mu.Unlock()
		answers[c.Question] = c
	}, from)
	a.patience = 0
	defer context.AfterFunc(ctx, func() { a.end(errTime) })()
	for some := range slices.Chunk(list, maxOpen) { //nolint:contextcheck // ctx ends all questions
		for _, q := range some {
			a.Ask(q)
		}
		a.wait.Wait()
	}
	a.Close()
	out := make([]*event.Container, len(list))
	for i, q := range list {
		out[i] = answers[q]
	}
	return out
}

// Wait returns once all questions are answered. Those that are open after the time
// given are answered without an answer.
func (a *Answerer) Wait(limit time.Duration) {
	timer := time.AfterFunc(limit, func() { a.end(errEnded) })
	defer timer.Stop()
	a.wait.Wait()
}

// Close gives up on open questions.
func (a *Answerer) Close() {
	a.end(errEnded)
	a.wait.Wait()
}
