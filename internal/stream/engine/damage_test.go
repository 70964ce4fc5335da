package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/stream/recording"
	"github.com/nsblame/nsblame/internal/unraced"
)

// cases keeps what was concluded, by serial.
type cases map[uint64]*finding.Attribution

func (c cases) Consume(f finding.Finding) error {
	if k, ok := f.(*finding.Created); ok {
		c[k.Netns.Serial] = k.Attribution
	}
	return nil
}

func (c cases) parent(serial uint64) (s string) { return fmt.Sprint(c[serial].Ancestry[0].Comm) }

// changing is a stream in which a parent becomes another program before each
// creation of its children.
func changing(tb testing.TB) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := recording.NewWriter(&out, recording.Options{Stream: [16]byte{1}, Sync: [16]byte{2, 3, 4}, SegmentBytes: 600})
	if err != nil {
		tb.Fatal(err)
	}
	add := func(boot uint64, bodies ...event.Body) {
		for _, b := range bodies {
			if err := w.Write(event.Event{BootNS: boot, Body: b}); err != nil {
				tb.Fatal(err)
			}
		}
	}
	root, parent := event.ProcessID{PID: 1, StartNS: 1}, event.ProcessID{PID: 10, StartNS: 10}
	add(1, &event.Host{}, &event.Process{ID: root, Comm: "init"})
	for i := range uint64(12) {
		child := event.ProcessID{PID: 100 + uint32(i), StartNS: 100 + i}
		image := event.ProgramID{Process: parent, Exec: uint32(i)}
		add(10+i, &event.Program{ID: image, Argv: []string{fmt.Sprint("image", i)}},
			&event.Process{ID: parent, Parent: root, Program: image, Comm: fmt.Sprint("image", i)})
		if err := w.Flush(); err != nil {
			tb.Fatal(err)
		}
		add(10+i, &event.Process{ID: child, Parent: parent, Program: image, Comm: "child"},
			&event.NetnsCreate{Serial: i + 1, Creator: child, Call: event.CallUnshare},
			&event.Exit{Process: child})
		if err := w.Flush(); err != nil {
			tb.Fatal(err)
		}
	}
	add(99, &event.End{Seen: 12})
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// Wherever a recording is broken, what is concluded from the rest is what was
// concluded from the whole, or is not known. It is never another.
func TestDamageNeverMisleads(t *testing.T) {
	unraced.Leave(t)
	whole := changing(t)
	conclude := func(raw []byte) (cases, bool) {
		r, err := recording.NewReader(bytes.NewReader(raw))
		if errors.Is(err, recording.ErrHead) || errors.Is(err, recording.ErrNotRecording) {
			return nil, true
		}
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		got := make(cases)
		sum, err := Run(context.Background(), replay{r}, Options{Consumers: only(got)})
		if err != nil {
			t.Fatal(err)
		}
		return got, sum.Damages > 0
	}
	want, damaged := conclude(whole)
	if len(want) != 12 || damaged {
		t.Fatalf("%d creations, damaged %v", len(want), damaged)
	}
	unresolved, known := 0, 0
	for at := range whole {
		raw := bytes.Clone(whole)
		raw[at] ^= 0x10
		got, damaged := conclude(raw)
		if !damaged && len(got) != len(want) { // some bits of a compressed block mean nothing
			t.Fatalf("byte %d: nothing was said", at)
		}
		for serial, c := range got {
			switch {
			case c.Process.Unresolved || len(c.Ancestry) == 0 || c.Ancestry[0].Unresolved:
				unresolved++
			case got.parent(serial) != want.parent(serial):
				t.Fatalf("byte %d, creation %d: by a child of %s, which was %s", at, serial, got.parent(serial), want.parent(serial))
			default:
				known++
			}
		}
	}
	if unresolved == 0 || known < 4*unresolved {
		t.Errorf("%d unresolved, %d known", unresolved, known)
	}
}

// replay is a recording as a source.
type replay struct{ *recording.Reader }

func (r replay) Next(context.Context) (event.Event, error) { return r.Reader.Next() }
func (replay) WakeAt(uint64)                               {}
func (replay) Ask(event.Question)                          {}
func (replay) AskContainer(event.ContainerQuestion)        {}
