package main

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/top"
	"github.com/nsblame/nsblame/internal/stream/engine"
)

// partPause is how often the table of what was read by now is shown, until all was read.
const partPause = 300 * time.Millisecond

// errRewind ends a pass over a recording: what is wanted was before.
var errRewind = errors.New("what is wanted was before")

// player feeds a screen from a recording. What is wanted of a moment is what a collector
// has once it was read to there; for what was before, it is read anew.
type player struct {
	opt   *topOptions
	files []string
	notes io.Writer
	send  func(tea.Msg)

	mu      sync.Mutex
	want    top.Want
	changed chan struct{}

	// toldEvery is how often how much was read is sent, partEvery how often the table
	// of that.
	toldEvery, partEvery time.Duration
	// span and damage are of all of it, once it was read.
	span   top.Span
	damage finding.Summary
}

func newPlayer(opt *topOptions, files []string, notes io.Writer) *player {
	return &player{opt: opt, files: files, notes: notes, want: opt.want(), changed: make(chan struct{}, 1), toldEvery: readingPause, partEvery: partPause}
}

// Show implements top.Feed.
func (p *player) Show(want top.Want) {
	p.mu.Lock()
	p.want = want
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default: // the last change was not seen yet
	}
}

func (p *player) wanted() top.Want {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.want
}

func (p *player) open(ctx context.Context) (*recorded, error) {
	src, err := openRecorded(ctx, p.files, false, os.Stdin, p.notes)
	if err != nil {
		return nil, err
	}
	src.limit(p.opt.memory)
	return src, nil
}

// play shows what is wanted until ctx is done.
func (p *player) play(ctx context.Context, src *recorded) error {
	defer readThrough()()
	for {
		err := p.pass(ctx, src)
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, errRewind) {
			return err
		}
		if src, err = p.open(ctx); err != nil {
			return err
		}
		p.notes = io.Discard // they were said in the first pass
	}
}

// pass reads the recording from its beginning.
func (p *player) pass(ctx context.Context, src *recorded) (err error) {
	defer func() { err = join(err, src.Close()) }()
	views := p.opt.views()
	r := &reading{recorded: src, player: p, views: views, shown: time.Now(), told: time.Now()}
	summary, err := engine.Run(ctx, r, engine.Options{Consumers: []finding.Consumer{views}, Filter: p.opt.filter.engineFilter()})
	if err != nil || ctx.Err() != nil {
		return err
	}
	p.span, p.damage = top.Span{From: r.from, Until: r.at}, summary
	for {
		want := p.wanted()
		if want.Until != 0 && want.Until < r.at {
			return errRewind
		}
		p.show(views, want)
		if !p.wait(ctx) {
			return nil
		}
	}
}

// wait waits until something else is wanted, and reports whether anything is.
func (p *player) wait(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-p.changed:
		return true
	}
}

// show sends what was collected, for what was wanted.
func (p *player) show(views *report.Views, want top.Want) {
	p.send(top.Update{Report: views.Snapshot(want.By, topCauses), Want: want, Span: p.span})
}

// reading is a recording that is read up to the moment that is wanted.
type reading struct {
	*recorded
	player   *player
	views    *report.Views
	from, at uint64
	begun    bool
	// n counts the events; shown and told are when the table was last shown and when was
	// last told how much was read.
	n           uint64
	shown, told time.Time
}

// Next implements engine.Source.
func (r *reading) Next(ctx context.Context) (event.Event, error) {
	ev, err := r.recorded.Next(ctx)
	if err != nil {
		return ev, err
	}
	for {
		want := r.player.wanted()
		switch {
		case want.Until == 0 || ev.BootNS <= want.Until:
			r.progress(want)
			return r.take(ev), nil
		case want.Until < r.at:
			return ev, errRewind
		}
		r.player.show(r.views, want)
		if !r.player.wait(ctx) {
			return ev, io.EOF
		}
	}
}

// take notes how far was read.
func (r *reading) take(ev event.Event) event.Event {
	if _, damaged := ev.Body.(*event.Damage); !r.begun && !(damaged && ev.BootNS == 0) {
		r.begun, r.from = true, ev.BootNS
	}
	r.at = max(r.at, ev.BootNS)
	return ev
}

// progress tells how much was read, and shows what is known by then if there was nothing
// to see yet.
func (r *reading) progress(want top.Want) {
	if r.n++; r.n%64 != 0 || time.Since(r.told) < r.player.toldEvery {
		return
	}
	r.told = time.Now()
	u := top.Update{Want: want}
	if total := r.size(); total > 0 {
		percent := int(min(99, r.done.Load()*100/total))
		u.Reading = &percent
	}
	if r.player.span == (top.Span{}) && time.Since(r.shown) > r.player.partEvery {
		u.Report = r.views.Snapshot(want.By, topCauses)
		r.shown = time.Now()
	}
	r.player.send(u)
}
