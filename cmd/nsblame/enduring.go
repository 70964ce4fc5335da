package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/present/metrics"
	"github.com/nsblame/nsblame/internal/present/render"
)

// retryRecording is how long a recording that could not be written waits for the next
// attempt. Tests are less patient.
var retryRecording = 10 * time.Second

const (
	// wantedRoom is how much room an attempt wants, unless a file is to be smaller. With
	// less, each attempt would leave a small file in the place of an older one.
	wantedRoom = 4 << 20
	// wantedPart is which part of a small file system is enough.
	wantedPart = 4
	// keptAnyway is how many earlier recordings are not dropped for a new one.
	keptAnyway = 1
)

// enduring is a sink that outlives a full disk. While nothing can be written, events are
// left out and counted. When there is room again it goes on in another file. A reader
// reports the gap between the two. It drops the oldest recordings for that.
type enduring struct {
	said io.Writer

	mu   sync.Mutex
	sink *sink
	// why is what paused the recording, nil while it records.
	why    error
	again  *time.Timer
	missed uint64
	closed bool
}

// newEnduring returns one of a sink, which may have failed from the beginning.
func newEnduring(s *sink, said io.Writer) *enduring {
	e := &enduring{sink: s, said: said}
	if s.failed != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.pause(s.failed)
	}
	return e
}

// Write implements engine.Sink. It never fails.
func (e *enduring) Write(ev event.Event) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.why == nil {
		err := e.sink.Write(ev)
		if err == nil {
			return nil
		}
		e.pause(err)
	}
	e.sink.writer.Skip(ev)
	e.missed++
	return nil
}

// Flush implements engine.Sink. It never fails.
func (e *enduring) Flush() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.why == nil {
		if err := e.sink.Flush(); err != nil {
			e.pause(err)
		}
	}
	return nil
}

// Close implements engine.Sink.
func (e *enduring) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if e.again != nil {
		e.again.Stop()
	}
	if e.why != nil {
		return e.sink.closeFile()
	}
	if err := e.sink.Close(); err != nil {
		e.say("the end of the recording is not written: %s", err)
	}
	return nil
}

func (e *enduring) say(format string, args ...any) {
	fmt.Fprintf(e.said, "nsblame: %s\n", render.Sentence(fmt.Sprintf(format, args...)))
}

// pause begins to leave events out, unless there is room at once.
func (e *enduring) pause(why error) {
	e.why = why
	e.sink.abandon()
	if e.resume() {
		return
	}
	e.say("recordings pause until there is room: %s", why)
	e.again = time.AfterFunc(retryRecording, e.retry)
}

// retry is called while nothing is recorded, also without events.
func (e *enduring) retry() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.why == nil {
		return
	}
	if !e.resume() {
		e.again.Reset(retryRecording)
	}
}

// resume goes on in another file if it can.
func (e *enduring) resume() bool {
	if outOfRoom(e.why) && !e.room() {
		return false
	}
	if err := e.sink.restart(); err != nil {
		e.why = err
		return false
	}
	if e.missed > 0 {
		e.say("recordings go on in %q: %d events are in none", e.sink.names[len(e.sink.names)-1], e.missed)
	}
	e.why = nil
	return true
}

// room reports whether there is enough for a while. For lack of it, the oldest recording
// goes, one at each attempt.
func (e *enduring) room() bool {
	dir := filepath.Dir(e.sink.name)
	enough := func() bool {
		free, size, known := roomOf(dir)
		return !known || free >= min(e.sink.rotateSize, wantedRoom, size/wantedPart)
	}
	if enough() {
		return true
	}
	if len(e.sink.names) <= keptAnyway {
		return false
	}
	oldest := e.sink.names[0]
	if err := e.sink.dropOldest(); err != nil {
		e.say("%s", err)
		return false
	}
	e.say("%q was dropped to make room for recordings", oldest)
	return enough()
}

// outOfRoom reports whether something failed for lack of room.
func outOfRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, errQuota)
}

// paused says why nothing is recorded, nil if something is.
func (e *enduring) paused() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.why
}

// recorded says how it goes, for metrics.
func (e *enduring) recorded() metrics.Recorded {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, bytes := e.sink.writer.Written()
	return metrics.Recorded{Bytes: bytes, Missed: e.missed, Paused: e.why != nil}
}

// abandon gives up the present file, which has no end then. If there is nothing in it, it
// is removed.
func (s *sink) abandon() {
	switch {
	case s.file == nil:
	case s.tail.good == 0:
		_ = s.discard() // it takes no room
	default:
		_ = s.closeFile() // nothing more is written to it
	}
}

// discard removes the present file.
func (s *sink) discard() error {
	last := len(s.names) - 1
	err := join(s.file.Close(), os.Remove(s.names[last]))
	s.file, s.names = nil, s.names[:last]
	return err
}

// restart goes on in another file after a failure. The present one must be closed.
func (s *sink) restart() error {
	if err := s.create(); err != nil {
		return s.wrap(err)
	}
	_, s.before = s.writer.Written()
	if err := s.writer.Restart(s.tail); err != nil {
		return s.wrap(join(err, s.discard()))
	}
	return s.wrap(s.prune())
}
