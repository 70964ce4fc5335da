package probe

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// Where notes of what may be forgotten were lost, what is gone from the tables is
// forgotten all the same, and nothing else. A record that is still in a ring buffer may
// refer to it, so the ring buffers are read once more before.
func TestLostForgetIsMadeGood(t *testing.T) {
	process := func(pid uint32) event.ProcessID { return event.ProcessID{PID: pid, StartNS: 1} }
	gone := make(map[event.Forget]bool)
	told := newDefined(func(what event.Forget) bool { return !gone[what] })
	const processes = 3 * sweepPart
	for pid := range uint32(processes) {
		told.observe(&event.Process{ID: process(pid + 1)})
	}
	told.observe(&event.Program{ID: event.ProgramID{Process: process(1), Exec: 1}})
	told.observe(&event.Cgroup{ID: 7})
	told.observe(&event.Forget{Process: process(2)}) // this one was not lost
	lost := []event.Forget{
		{Process: process(1)}, {Program: event.ProgramID{Process: process(1), Exec: 1}}, {Cgroup: 7},
	}
	for _, what := range append(lost, event.Forget{Process: process(2)}) {
		gone[what] = true
	}
	if list := told.sweep(); len(list) > 0 {
		t.Errorf("forgotten without a loss: %+v", list)
	}
	told.compareAll()
	found := make(map[event.Forget]bool)
	for range processes/sweepPart + 2 {
		list := told.sweep()
		for i := range list {
			found[list[i]] = true
			told.observe(&list[i])
		}
	}
	for _, what := range lost {
		if !found[what] {
			t.Errorf("%+v is kept", what)
		}
	}
	if len(found) != len(lost) || len(told.known) != processes-2 {
		t.Errorf("forgotten: %+v; %d are known", found, len(told.known))
	}
}

// What is found to be gone is not forgotten before the ring buffers are read once more.
func TestGoneIsForgottenAfterOneMoreRead(t *testing.T) {
	told := newDefined(func(event.Forget) bool { return false })
	told.observe(&event.Cgroup{ID: 7})
	told.compareAll()
	if list := told.sweep(); len(list) > 0 {
		t.Errorf("forgotten at once: %+v", list)
	}
	if list := told.sweep(); len(list) != 1 || list[0].Cgroup != 7 {
		t.Errorf("forgotten: %+v", list)
	}
}
