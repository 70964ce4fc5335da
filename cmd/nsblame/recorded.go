package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

// recorded is a recording as a source: its files in the order given.
type recorded struct {
	// ctx is the user's: the end of the run's own, when enough was printed, does
	// not end reading, for the summary tells of the whole stream. A growing file
	// has no whole, and ends with either.
	ctx    context.Context
	names  []string
	next   int
	file   io.ReadCloser
	reader *recording.Reader
	follow bool
	// until tells of a file that still grows when enough of it was read, nil
	// where none does.
	until func(name string) (time.Time, bool)
	// other is set when the last file that was opened is of another recording.
	other  bool
	enough []context.CancelFunc
	// grows is set where the present file may still be written to.
	grows  bool
	stderr io.Writer
	// flush is called before more is read, for which it may have to wait; nil for none.
	flush func() error
	// unseen is why that failed.
	unseen error
	// done is how many bytes were read.
	done atomic.Int64
}

// openRecorded opens the first of the files.
func openRecorded(ctx context.Context, names []string, follow bool, stdin io.Reader, stderr io.Writer) (*recorded, error) {
	return (&recorded{ctx: ctx, names: names, follow: follow, stderr: stderr}).begin(stdin)
}

// openGrowing opens the first of files that may still be written to: what comes
// until a time is waited for.
func openGrowing(ctx context.Context, names []string, until func(string) (time.Time, bool), stderr io.Writer) (*recorded, error) {
	return (&recorded{ctx: ctx, names: names, until: until, stderr: stderr}).begin(nil)
}

func (r *recorded) begin(stdin io.Reader) (*recorded, error) {
	in, err := r.open(stdin)
	if err != nil {
		return nil, err
	}
	r.reader, err = recording.NewReader(in)
	if errors.Is(err, errStopped) {
		return r, nil // nothing had come: an empty stream
	}
	if err != nil {
		return nil, join(r.wrap(err), r.closeFile())
	}
	r.reader.Growing = r.grows
	if !r.reader.Begins() {
		fmt.Fprintf(r.stderr, "nsblame: %s is not the first file of its recording: what was before is not known\n", render.Sentence(r.name()))
	}
	return r, nil
}

// While recordings are read through, what lives is little, and most of what is allocated
// is garbage at once. So it is collected seldom: readGC is how much may be allocated in
// between, in percent of what lives. It is less where all would take more than readMemory.
const (
	readGC     = 800
	readMemory = 160 << 20
)

// readThrough has garbage collected seldom until what it returns is called.
func readThrough() (end func()) {
	percent := debug.SetGCPercent(readGC)
	limit := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(readMemory, limit))
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// limit bounds the memory that the recording may take.
func (r *recorded) limit(memory memoryFlag) {
	if r.reader != nil {
		r.reader.MaxMemory = uint64(memory)
	}
}

func (r *recorded) name() string { return r.names[r.next-1] }

func (r *recorded) open(stdin io.Reader) (io.Reader, error) {
	name := r.names[r.next]
	r.next++
	if name == "-" {
		r.file = io.NopCloser(stdin)
	} else {
		file, err := os.Open(name)
		if err != nil {
			return nil, r.wrap(unwrapPath(err))
		}
		r.file = file
	}
	in := io.Reader(&counter{r.file, &r.done})
	if name == "-" {
		in = &patient{ctx: r.ctx, r: in}
	}
	r.grows = r.follow
	if r.follow {
		in = &growing{ctx: r.ctx, r: in}
	}
	if r.until != nil {
		if until, grows := r.until(name); grows {
			ctx, cancel := context.WithDeadline(r.ctx, until)
			r.enough = append(r.enough, cancel)
			r.grows, in = true, &growing{ctx: ctx, r: in}
		}
	}
	return &flushing{of: r, r: in}, nil
}

func (r *recorded) wrap(err error) error {
	if r.unseen != nil {
		return r.unseen
	}
	return fmt.Errorf("read %q: %w", r.name(), err)
}

func (r *recorded) closeFile() error { return r.file.Close() }

// Next implements engine.Source.
func (r *recorded) Next(ctx context.Context) (event.Event, error) {
	for {
		if r.ctx.Err() != nil || r.follow && ctx.Err() != nil || r.reader == nil {
			return event.Event{}, io.EOF
		}
		ev, err := r.reader.Next()
		switch {
		case err == nil:
			return ev, nil
		case errors.Is(err, errStopped):
			return event.Event{}, io.EOF
		case !errors.Is(err, io.EOF):
			return event.Event{}, r.wrap(err)
		}
		if r.next == len(r.names) {
			if r.reader.GoesOn() {
				fmt.Fprintf(r.stderr, "nsblame: the recording goes on after %s, in a file that was not given\n", render.Sentence(r.name()))
			}
			return event.Event{}, io.EOF
		}
		if err := r.closeFile(); err != nil {
			return event.Event{}, err
		}
		in, err := r.open(nil)
		if err != nil {
			return event.Event{}, err
		}
		if err := r.reader.Continue(in); err != nil {
			return event.Event{}, r.wrap(err)
		}
		r.reader.Growing = r.grows
	}
}

// WakeAt implements engine.Source: the recording has its Clock events.
func (r *recorded) WakeAt(uint64) {}

// Ask implements engine.Source: the recording has the answers.
func (r *recorded) Ask(event.Question) {}

// AskContainer implements engine.Source, likewise.
func (r *recorded) AskContainer(event.ContainerQuestion) {}

// Close closes the file.
func (r *recorded) Close() error {
	if r.reader != nil {
		r.reader.Close()
	}
	for _, cancel := range r.enough {
		cancel()
	}
	return r.closeFile()
}

var errStopped = errors.New("no longer wanted")

// patient is a pipe whose writer may be silent for long: what waits for it can
// be ended.
type patient struct {
	ctx context.Context
	r   io.Reader
	buf [64 << 10]byte
}

// Read is not called again once it was given up, so that the goroutine, which
// may wait on, shares the buffer with nobody.
func (p *patient) Read(b []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := p.r.Read(p.buf[:min(len(b), len(p.buf))])
		done <- result{n, err}
	}()
	select {
	case <-p.ctx.Done():
		return 0, errStopped
	case r := <-done:
		return copy(b, p.buf[:r.n]), r.err
	}
}

// flushing has what was printed so far seen before it reads on.
type flushing struct {
	of *recorded
	r  io.Reader
}

func (f *flushing) Read(p []byte) (int, error) {
	if f.of.flush != nil {
		if f.of.unseen = f.of.flush(); f.of.unseen != nil {
			return 0, f.of.unseen
		}
	}
	return f.r.Read(p)
}

// followPause is how long a file that has not grown is left alone.
const followPause = 200 * time.Millisecond

// growing is a file that others write to: where it ends, more is waited for.
type growing struct {
	ctx context.Context
	r   io.Reader
}

func (g *growing) Read(p []byte) (int, error) {
	for {
		n, err := g.r.Read(p)
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		select {
		case <-g.ctx.Done():
			return 0, errStopped
		case <-time.After(followPause):
		}
	}
}

// damagedError says that a recording could not be read whole. What could be was
// printed.
type damagedError struct{ summary finding.Summary }

func (e *damagedError) Error() string {
	s := &e.summary
	return fmt.Sprintf("the recording is damaged: %d of its parts could not be read (%d bytes, at least %d blocks); all else was", s.Damages, s.DamagedBytes, s.DamagedBlocks)
}

// whole returns an error if what was read has gaps.
func whole(s finding.Summary) error {
	if s.Damages == 0 {
		return nil
	}
	return &damagedError{s}
}
