package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/condition"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
	"github.com/nsblame/nsblame/internal/stream/engine"
	"github.com/nsblame/nsblame/internal/stream/recording"
	"github.com/nsblame/nsblame/internal/unraced"
)

// bomb is a small recording that would take much to replay.
type bomb struct {
	name string
	// write writes n events of it.
	write func(n int, add func(event.Body))
	// n is how many make it take much.
	n int
	// says is the damage or the loss that a replay tells of.
	damage event.DamageCode
	loss   event.LossKind
	cut    string
}

func bombID(i int) event.ProcessID { return event.ProcessID{PID: uint32(i + 1), StartNS: 1} }

func bombCreation(i int, cgroup event.CgroupID) *event.NetnsCreate {
	return &event.NetnsCreate{Serial: uint64(i + 1), Creator: bombID(1), Call: event.CallUnshare, Inum: 1, Cgroup: cgroup}
}

var bombs = []bomb{
	{
		name: "definitions of 4 MiB", n: 300, damage: event.DamageTooMuch,
		write: func(n int, add func(event.Body)) {
			add(&event.Host{CgroupHierarchy: "unified"})
			big := strings.Repeat("x", 4<<20-100)
			for i := range n {
				add(&event.Program{ID: event.ProgramID{Process: bombID(i), Exec: 1}, Argv: []string{big}})
			}
		},
	},
	{
		name: "a process that is its own parent", n: 20_000, damage: event.DamageImpossible,
		write: func(n int, add func(event.Body)) {
			add(&event.Host{CgroupHierarchy: "unified", ExecWaitNS: 1 << 60})
			add(&event.Process{ID: bombID(1), Parent: bombID(1)})
			for i := range n {
				add(bombCreation(i, 0))
			}
		},
	},
	{
		name: "processes that descend from each other", n: 2_000, loss: event.LossWaiting, cut: "its own ancestor",
		write: func(n int, add func(event.Body)) {
			add(&event.Host{CgroupHierarchy: "unified", ExecWaitNS: 1 << 60})
			for i := range 200 {
				add(&event.Process{ID: bombID(i), Parent: bombID((i + 1) % 200)})
			}
			for i := range n {
				add(bombCreation(i, 0))
			}
		},
	},
	{
		name: "creations that wait for an exec that never comes", n: 30_000, loss: event.LossWaiting,
		write: func(n int, add func(event.Body)) {
			add(&event.Host{CgroupHierarchy: "unified", ExecWaitNS: 1 << 60})
			for i := range n {
				add(bombCreation(i, 0))
			}
		},
	},
	{
		name: "creations that wait for an answer that never comes", n: 20_000, loss: event.LossWaiting,
		write: func(n int, add func(event.Body)) {
			add(&event.Host{CgroupHierarchy: "unified"})
			add(&event.Cgroup{ID: 1, Path: "/system.slice/x.service"})
			add(&event.Process{ID: bombID(0), Cgroup: 1})
			add(&event.Process{ID: bombID(1), Parent: bombID(0), Cgroup: 1})
			for i := range n {
				add(bombCreation(i, 1))
				add(&event.Exit{Process: bombID(1)})
			}
		},
	},
	{
		name: "joins that wait", n: 100_000, loss: event.LossJoin,
		write: func(n int, add func(event.Body)) {
			add(&event.Host{CgroupHierarchy: "unified", ExecWaitNS: 1 << 60})
			add(bombCreation(0, 0))
			for i := range n {
				add(&event.NetnsJoin{Serial: 1, Process: bombID(i + 10), TID: uint32(i), How: event.JoinSetns})
			}
		},
	},
	{
		name: "kinds of loss without end", n: 2_000, damage: event.DamageImpossible,
		write: func(n int, add func(event.Body)) {
			add(&event.Host{CgroupHierarchy: "unified"})
			for i := range n {
				add(&event.Loss{Kind: event.LossKind(fmt.Sprint(i)), Count: 1})
			}
		},
	},
}

// make writes the recording.
func (b *bomb) make(tb testing.TB, n int) []byte {
	tb.Helper()
	var file bytes.Buffer
	w, err := recording.NewWriter(&file, recording.Options{SegmentBytes: 1 << 40})
	if err != nil {
		tb.Fatal(err)
	}
	now := uint64(1)
	add := func(body event.Body) {
		now++
		if err := w.Write(event.Event{BootNS: now, Body: body}); err != nil {
			tb.Fatal(err)
		}
	}
	b.write(n, add)
	add(&event.End{})
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return file.Bytes()
}

// watched notes what a run says of its stream, and how large the heap gets.
type watched struct {
	finding.Summary
	codes  map[event.DamageCode]int
	events int
	heap   uint64
}

func (w *watched) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		if w.events++; w.events%10_000 == 1 {
			w.measure()
		}
	case *finding.Damaged:
		w.codes[f.Code]++
		w.measure()
	case *finding.Summary:
		w.Summary = *f
		w.measure()
	}
	return nil
}

func (w *watched) measure() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.heap = max(w.heap, m.HeapInuse)
}

// detonate replays a recording in each form.
func detonate(t *testing.T, file []byte, out io.Writer) *watched {
	t.Helper()
	r, err := recording.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w := &watched{codes: make(map[event.DamageCode]int)}
	collector := report.NewCollector()
	_, err = engine.Run(context.Background(), fuzzed{r}, engine.Options{Consumers: []finding.Consumer{
		w, collector,
		judged{condition.NewJudge([]condition.Condition{{Name: condition.Leaked}, {Name: condition.Lost}})},
		render.NewText(out, io.Discard, render.TextOptions{Tree: true, Life: true}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	collector.Report()
	return w
}

// finder looks for a text in what is written, and keeps nothing.
type finder struct {
	text  string
	found bool
}

func (f *finder) Write(p []byte) (int, error) {
	f.found = f.found || strings.Contains(string(p), f.text)
	return len(p), nil
}

// Recordings from strangers take no more memory than an honest one may, are read in
// time that grows with their size, and what is wrong with them is said.
func TestHostileRecordings(t *testing.T) {
	unraced.Leave(t)
	for _, b := range bombs {
		t.Run(b.name, func(t *testing.T) {
			file := b.make(t, b.n)
			out := &finder{text: b.cut}
			start := time.Now()
			w := detonate(t, file, out)
			t.Logf("%d bytes: %v, at most %d MiB", len(file), time.Since(start), w.heap>>20)
			if most := uint64(160 << 20); w.heap > most {
				t.Errorf("it takes %d MiB", w.heap>>20)
			}
			if b.damage != "" && w.codes[b.damage] == 0 {
				t.Errorf("no damage says %q: %v", b.damage, w.codes)
			}
			if b.loss != "" && w.Lost[b.loss] == 0 {
				t.Errorf("no loss says %q: %v", b.loss, w.Lost)
			}
			if !out.found {
				t.Errorf("nothing says %q", b.cut)
			}
		})
	}
}

// The memory that a recording may take can be chosen, and what was defined behind a
// part that takes too much is read.
func TestMaxMemory(t *testing.T) {
	b := bombs[0]
	file := b.make(t, 4)
	for _, tt := range []struct {
		memory  uint64
		damages int
	}{{64 << 20, 0}, {9 << 20, 1}, {1 << 20, 4}} {
		r, err := recording.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		r.MaxMemory = tt.memory
		damages, programs := 0, 0
		for {
			ev, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch body := ev.Body.(type) {
			case *event.Damage:
				damages++
				if body.Code != event.DamageTooMuch {
					t.Errorf("%+v", body)
				}
			case *event.Program:
				programs++
			}
		}
		r.Close()
		if damages != tt.damages || programs != 4-tt.damages {
			t.Errorf("with %d MiB: %d damages and %d programs", tt.memory>>20, damages, programs)
		}
	}
}
