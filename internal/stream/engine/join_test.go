package engine

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

// moved is a stream in which processes move into a namespace that was made, and
// one into a namespace that was not; the last breaks off.
func moved() *script {
	mover := event.ProcessID{PID: 50, StartNS: 1}
	join := func(inum, tid uint32) *event.NetnsJoin {
		return &event.NetnsJoin{Serial: uint64(inum), Inum: inum, Process: mover, TID: tid, CreatedNS: 10}
	}
	return &script{events: []event.Event{
		at(0, &event.Host{ExecWaitNS: 100}),
		created(10, 1),
		at(20, join(1, 50)),
		at(30, &event.Exec{Process: mover, Serial: 1}),
		at(31, &event.Exit{Process: event.ProcessID{PID: 1, StartNS: 1}}),
		at(40, join(1, 51)),
		at(50, &event.NetnsLeave{Serial: 1, Process: mover, TID: 51}),
		at(60, join(9, 52)),
		at(170, &event.Clock{}),
		at(180, join(1, 53)),
	}}
}

// Who moved in is emitted after the creation. A live source is woken when it is
// decided that nothing becomes of one.
func TestRunPrintsJoins(t *testing.T) {
	var out tape
	src := moved()
	if _, err := Run(context.Background(), src, Options{Consumers: only(&out)}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1 exec", "1 left", "9 ", "1 "}, out.joins); diff != "" {
		t.Errorf("joins (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]uint64{110, 0, 140, 0, 160, 0, 280}, src.wakes); diff != "" {
		t.Errorf("wakes (-want +got):\n%s", diff)
	}
}

// With a filter, who moves into a namespace that was not selected, or is not
// known, is not shown.
func TestRunFiltersJoins(t *testing.T) {
	var out tape
	if _, err := Run(context.Background(), moved(), Options{Consumers: only(&out), Filter: Filter{UIDs: []uint32{5}}}); err != nil {
		t.Fatal(err)
	}
	if len(out.joins) > 0 {
		t.Errorf("printed %v", out.joins)
	}
}
