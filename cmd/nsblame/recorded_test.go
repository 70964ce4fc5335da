package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// silent is a pipe whose writer says nothing.
type silent struct{ asked chan struct{} }

func (s silent) Read([]byte) (int, error) {
	close(s.asked)
	select {}
}

// Waiting for a recording that has not begun is ended in good order: a pipe's,
// and that of a file that has yet to grow.
func TestNothingCame(t *testing.T) {
	pipe := silent{make(chan struct{})}
	grown := make(chan struct{})
	close(grown)
	for name, tt := range map[string]struct {
		in     io.Reader
		asked  chan struct{}
		follow bool
	}{
		"pipe":    {pipe, pipe.asked, false},
		"growing": {strings.NewReader(""), grown, true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-tt.asked
				cancel()
			}()
			r, err := openRecorded(ctx, []string{"-"}, tt.follow, tt.in, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if ev, err := r.Next(ctx); !errors.Is(err, io.EOF) {
				t.Errorf("%+v, %v", ev, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Ctrl-C at a terminal reaches the command by itself; nothing else does.
func TestPassedOn(t *testing.T) {
	interrupt, terminate := &askedError{unix.SIGINT}, &askedError{unix.SIGTERM}
	for _, tt := range []struct {
		cause    error
		terminal bool
		told     bool
	}{
		{interrupt, true, true},
		{interrupt, false, false},
		{terminate, true, false},
		{terminate, false, false},
		{context.Canceled, true, false},
	} {
		if got := passedOn(tt.cause, tt.terminal); (got == nil) != tt.told || got != nil && got != unix.SIGTERM {
			t.Errorf("%v, at a terminal: %v: %v", tt.cause, tt.terminal, got)
		}
	}
}
