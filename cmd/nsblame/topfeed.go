package main

import (
	"context"
	"errors"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/top"
	"github.com/nsblame/nsblame/internal/stream/engine"
)

const (
	// topPause is how often the screen is brought up to date. Of its time, a snapshot may
	// take the topShare-th part.
	topPause, topShare = time.Second, 20
	// topCauses is how many causes a screen has.
	topCauses = 500
)

// liveFeed feeds a screen with what happens now.
type liveFeed struct {
	mu    sync.Mutex
	views *report.Views
	want  top.Want
	ended bool
	left  bool

	send  func(tea.Msg)
	asked chan struct{}
	gone  chan struct{} // is closed when the screen was left
}

func newLiveFeed(views *report.Views, want top.Want) *liveFeed {
	return &liveFeed{views: views, want: want, asked: make(chan struct{}, 1), gone: make(chan struct{})}
}

// Consume implements finding.Consumer.
func (f *liveFeed) Consume(found finding.Finding) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left {
		return errLeft
	}
	return f.views.Consume(found)
}

// errLeft ends a stream whose screen is gone.
var errLeft = errors.New("the screen was left")

// leave ends all that is done for a screen. The stream ends with what comes next.
func (f *liveFeed) leave() {
	f.mu.Lock()
	f.left = true
	f.mu.Unlock()
	close(f.gone)
}

// Show implements top.Feed.
func (f *liveFeed) Show(want top.Want) {
	f.mu.Lock()
	f.want = want
	f.mu.Unlock()
	f.refreshNow()
}

func (f *liveFeed) refreshNow() {
	select {
	case f.asked <- struct{}{}:
	default: // it is to be done already
	}
}

// follow reads the stream to its end. If that fails the screen is left.
func (f *liveFeed) follow(ctx context.Context, src engine.Source, filter engine.Filter, more []finding.Consumer, quit func()) error {
	_, err := engine.Run(ctx, src, engine.Options{Consumers: append(more, f), Filter: filter})
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	f.refreshNow()
	if errors.Is(err, errLeft) {
		return nil
	}
	if err != nil {
		quit()
	}
	return err
}

// refresh sends snapshots until the screen is gone.
func (f *liveFeed) refresh() {
	for {
		begun := time.Now()
		ended := f.snapshot()
		pause := time.NewTimer(max(topPause, topShare*time.Since(begun)))
		tick := pause.C
		if ended {
			tick = nil // only what is asked for is new
		}
		select {
		case <-f.gone:
			pause.Stop()
			return
		case <-tick:
		case <-f.asked:
		}
		pause.Stop()
	}
}

// snapshot sends what is known, and reports whether that is all there will be.
func (f *liveFeed) snapshot() (ended bool) {
	f.mu.Lock()
	r, want, ended := f.views.Snapshot(f.want.By, topCauses), f.want, f.ended
	f.mu.Unlock()
	f.send(top.Update{Report: r, Want: want, Ended: ended})
	return ended
}
