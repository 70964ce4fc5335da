package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/stream/engine"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

// smallDisk is a directory with room for a megabyte, and what fills it.
func smallDisk(t *testing.T) (dir string, fill, empty func()) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1M"); err != nil {
		if errors.Is(err, unix.EPERM) {
			t.Skip("only root can mount a small disk")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	fill = func() {
		file, err := os.Create(ballast)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := io.Copy(file, rand.Reader); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	empty = func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	return dir, fill, empty
}

// impatient has recordings tried again soon.
func impatient(t *testing.T, wait time.Duration) {
	t.Helper()
	before := retryRecording
	retryRecording = wait
	t.Cleanup(func() { retryRecording = before })
}

// On a full disk the oldest recording goes, then events are left out, and recording goes
// on when there is room: what was defined meanwhile is known then.
func TestRecordingOutlivesAFullDisk(t *testing.T) {
	impatient(t, time.Hour) // by hand
	dir, fill, empty := smallDisk(t)
	log := &said{}
	s, err := createSink(&recordTarget{file: filepath.Join(dir, "r.avro"), rotateSize: 64 << 10, rotateFiles: 10})
	if err != nil {
		t.Fatal(err)
	}
	e := newEnduring(s, log)
	var n uint32
	write := func() {
		n++
		id := event.ProcessID{PID: n, StartNS: 1}
		for _, b := range []event.Body{
			&event.Process{ID: id, Comm: "x"}, &event.Program{ID: event.ProgramID{Process: id}, Argv: []string{rand.Text() + rand.Text()}},
			&event.Exit{Process: id}, &event.Forget{Process: id, Program: event.ProgramID{Process: id}},
		} {
			if err := e.Write(event.Event{BootNS: uint64(n), Body: b}); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Write(event.Event{Body: &event.Host{BootID: "b"}}); err != nil {
		t.Fatal(err)
	}
	for len(s.names) < 4 {
		write()
	}
	oldest := s.names[0]
	fill()
	for e.paused() == nil {
		write()
	}
	if _, err := os.Stat(oldest); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the oldest: %v", err)
	}
	if len(s.names) == 0 || !log.has("was dropped") || !log.has("recordings pause until there is room: ") || !errors.Is(e.paused(), syscall.ENOSPC) {
		t.Errorf("%q, %v: %s", s.names, e.paused(), &log.text)
	}
	for range 10 {
		write()
	}
	missed := e.recorded().Missed
	late := event.ProcessID{PID: 1 << 20, StartNS: 5}
	if err := e.Write(event.Event{BootNS: 7, Body: &event.Process{ID: late, Comm: "late"}}); err != nil {
		t.Fatal(err)
	}
	if got := e.recorded(); !got.Paused || got.Missed != missed+1 || missed < 40 {
		t.Errorf("%+v, %d before", got, missed)
	}
	empty()
	e.retry()
	if err := e.paused(); err != nil || !log.has("recordings go on in ") {
		t.Errorf("there is room again: %v\n%s", err, &log.text)
	}
	write()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	list := readSet(t, s.names)
	damages, known := 0, false
	for _, ev := range list {
		switch b := ev.Body.(type) {
		case *event.Damage:
			damages++
		case *event.Process:
			known = known || b.ID == late
		}
	}
	if damages == 0 || !known {
		t.Errorf("%d damages, the process that came meanwhile is known: %v", damages, known)
	}
	if last, ok := list[len(list)-1].Body.(*event.Forget); !ok || last.Process.PID != n {
		t.Errorf("the last is %+v", list[len(list)-1].Body)
	}
}

// readSet reads files as one stream.
func readSet(t *testing.T, names []string) (list []event.Event) {
	t.Helper()
	var r *recording.Reader
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if r == nil {
			if r, err = recording.NewReader(bytes.NewReader(raw)); err != nil {
				t.Fatal(err)
			}
			defer r.Close()
		} else if err := r.Continue(bytes.NewReader(raw)); err != nil {
			t.Fatal(err)
		}
		for {
			ev, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, ev)
		}
	}
	return list
}

// An agent that finds the disk full answers all the same and says so, and records once
// there is room, also where files may get larger than the disk.
func TestServeOutlivesAFullDisk(t *testing.T) {
	for name, rotateSize := range map[string]uint64{"small files": 64 << 10, "files larger than the disk": 64 << 20} {
		t.Run(name, func(t *testing.T) { outliveAFullDisk(t, rotateSize) })
	}
}

func outliveAFullDisk(t *testing.T, rotateSize uint64) {
	t.Helper()
	impatient(t, time.Millisecond)
	dir, fill, empty := smallDisk(t)
	fill()
	s := serveRecording(t, kubernetesExample, func(o *serveOptions) { o.recordDir, o.rotateSize = dir, byteCount(rotateSize) })
	health := func() string {
		code, text, _ := s.get("", "/healthz", nil)
		if code != http.StatusOK {
			t.Errorf("%d %s", code, text)
		}
		return text
	}
	until(t, "word of the full disk", func() bool { return strings.Contains(health(), "ok, but nothing is recorded: ") })
	if text := health(); !strings.Contains(text, "no space left on device") {
		t.Error(text)
	}
	if _, text, _ := s.get("", "/metrics", nil); !strings.Contains(text, "\nnsblame_recording_paused 1\n") || strings.Contains(text, "\nnsblame_unrecorded_events_total 0\n") {
		t.Errorf("%s", text)
	}
	if _, text, _ := s.get("", "/api/report", nil); !strings.Contains(text, "broken") {
		t.Errorf("%.300s", text)
	}
	empty()
	until(t, "recording", func() bool { return health() == "ok\n" })
	if _, text, _ := s.get("", "/metrics", nil); !strings.Contains(text, "\nnsblame_recording_paused 0\n") {
		t.Errorf("%s", text)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	kept, err := earlier(filepath.Join(dir, "x"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("%q, %v", kept, err)
	}
	if list := readSet(t, kept); len(list) == 0 {
		t.Error("nothing is in the recording")
	}
}

// What fails for another reason ends an agent at its start, as a wrong directory does.
func TestServeRefusesAWrongDirectory(t *testing.T) {
	_, err := createSink(&recordTarget{file: filepath.Join(t.TempDir(), "none", "r.avro"), rotateSize: 1, endure: func(s *sink) engine.Sink { return s }})
	if err == nil {
		t.Error("it was accepted")
	}
}
