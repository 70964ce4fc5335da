package probe

import (
	"io/fs"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/procfs"
)

// What took too long at the start is read when it is of interest, as often as it takes.
func TestGivenUp(t *testing.T) {
	engine, gone, other := event.ProcessID{PID: 1}, event.ProcessID{PID: 2}, event.ProcessID{PID: 3}
	g := givenUp{}
	g.add(engine, procfs.ErrGivenUp)
	g.add(gone, procfs.ErrGivenUp)
	g.add(other, fs.ErrNotExist)
	var err error
	reads := 0
	read := func(event.ProcessID) (event.Program, error) {
		reads++
		return event.Program{Exe: "/usr/bin/containerd"}, err
	}
	for _, tc := range []struct {
		id    event.ProcessID
		err   error
		want  bool
		reads int
	}{
		{engine, procfs.ErrGivenUp, false, 1},
		{engine, nil, true, 1},
		{engine, nil, false, 0}, // it is known now
		{gone, fs.ErrNotExist, false, 1},
		{gone, nil, false, 0},
		{other, nil, false, 0},
	} {
		err, reads = tc.err, 0
		if prog, ok := g.again(tc.id, read); ok != tc.want || reads != tc.reads {
			t.Errorf("%+v: %v, %v, %d reads", tc, prog, ok, reads)
		}
	}
	for pid := range uint32(2 * maxGivenUp) {
		g.add(event.ProcessID{PID: pid}, procfs.ErrGivenUp)
	}
	if len(g) > maxGivenUp {
		t.Errorf("%d are kept", len(g))
	}
}
