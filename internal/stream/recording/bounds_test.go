package recording

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/unraced"
)

// What each segment restates is bounded, however much the stream has defined: all of
// it is written at once. The machine's own is restated all the same.
func TestRestatementIsBounded(t *testing.T) {
	unraced.Leave(t)
	var file bytes.Buffer
	w, err := NewWriter(&file, options)
	if err != nil {
		t.Fatal(err)
	}
	add := func(bodies ...event.Body) {
		for i, b := range bodies {
			if err := w.Write(event.Event{BootNS: uint64(i), Body: b}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ours := event.ProcessID{PID: 1, StartNS: 1}
	add(&event.Host{}, &event.Program{ID: event.ProgramID{Process: ours}, Argv: []string{"/sbin/init"}},
		&event.Process{ID: ours, Program: event.ProgramID{Process: ours}})
	for i := range 30_000 {
		id := event.ProcessID{PID: uint32(i + 2), StartNS: 2}
		argv := []string{fmt.Sprint(i)}
		if i%10 == 0 {
			argv = append(argv, strings.Repeat("x", 1<<15))
		}
		add(&event.Program{ID: event.ProgramID{Process: id, Exec: 1}, Argv: argv},
			&event.Process{ID: id, Program: event.ProgramID{Process: id, Exec: 1}, UID: 1000},
			&event.Unit{Question: event.Question{Unit: fmt.Sprint(i, ".service"), Manager: event.ManagerUser, UID: 1000, Run: id}},
			&event.Container{Question: event.ContainerQuestion{Runtime: "docker", ID: fmt.Sprint(i)}, Name: strings.Repeat("n", 100)})
	}
	var second bytes.Buffer
	if err := w.Continue(&second); err != nil {
		t.Fatal(err)
	}
	if w.segment > 16<<20 {
		t.Errorf("a segment begins with %d MiB", w.segment>>20)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := read(second.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(list, func(ev event.Event) bool {
		p, ok := ev.Body.(*event.Program)
		return ok && p.ID.Process == ours
	}) {
		t.Error("the machine's own program is not restated")
	}
	for _, ev := range list {
		if p, ok := ev.Body.(*event.Program); ok && len(p.Argv) == 2 && (!p.ArgvTruncated || len(p.Argv[1]) > 1<<10) {
			t.Fatalf("%d bytes are restated, cut %v", len(p.Argv[1]), p.ArgvTruncated)
		}
	}
}

// Answers about a run that is forgotten are not restated, nor is their index kept.
func TestForgottenRunsLeaveNothing(t *testing.T) {
	d := newDefinitions()
	for i := range uint32(100) {
		id := event.ProcessID{PID: i + 1, StartNS: 1}
		d.observe(&event.Process{ID: id})
		d.observe(&event.Unit{Question: event.Question{Unit: "a.service", Run: id}})
		d.observe(&event.Unit{Question: event.Question{Unit: "b.service", Run: id}})
		d.observe(&event.Forget{Process: id})
	}
	if d.units.Len() != 0 || len(d.runs) != 0 || d.processes.Len() != 0 {
		t.Errorf("%d answers, %d runs, %d processes", d.units.Len(), len(d.runs), d.processes.Len())
	}
}
