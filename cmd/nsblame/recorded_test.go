package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/stream/recording"
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

// What a pipe has said is printed before it is waited for.
func TestReplayOfAPipeKeepsUp(t *testing.T) {
	in, pipe := io.Pipe()
	r, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := newRootCmd()
	cmd.SetArgs([]string{"replay", "-", "--output", "json"})
	cmd.SetIn(in)
	cmd.SetOut(newOutput(stdout))
	cmd.SetErr(io.Discard)
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(cmd.ExecuteContext(t.Context()), stdout.Close()) }()

	w, err := recording.NewWriter(pipe, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	failed := &event.NetnsCreate{Serial: 1, Creator: event.ProcessID{PID: 7, StartNS: 1}, Errno: 28}
	if err := errors.Join(w.Write(event.Event{BootNS: 1, Body: failed}), w.Flush()); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(r)
	if !lines.Scan() || !strings.Contains(lines.Text(), `"netns_create"`) {
		t.Fatalf("%q, %v", lines.Text(), lines.Err())
	}
	if err := errors.Join(w.Write(event.Event{BootNS: 2, Body: &event.End{Seen: 1}}), w.Close(), pipe.Close()); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || !strings.Contains(lines.Text(), `"summary"`) || lines.Scan() {
		t.Errorf("%q, %v", lines.Text(), lines.Err())
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A disk without room is not taken for a recording that cannot be read.
func TestReplayWithoutRoom(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	cmd := newRootCmd()
	cmd.SetArgs([]string{"replay", "testdata/recordings/v1.avro", "--output", "json"})
	cmd.SetOut(newOutput(full))
	cmd.SetErr(io.Discard)
	err = cmd.ExecuteContext(t.Context())
	if !errors.Is(err, unix.ENOSPC) || strings.Contains(err.Error(), "read") {
		t.Errorf("%v", err)
	}
}
