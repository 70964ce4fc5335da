package lineage

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
)

func sum(budgets []bounded.Budget) (n uint64) {
	for _, b := range budgets {
		n += b.Bytes
	}
	return n
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// long is a command line of 64 KiB.
var long = strings.Repeat("x", 1<<16-1)

func evil(i int) event.ProcessID {
	return event.ProcessID{PID: uint32(i + 1000), StartNS: uint64(i) + 1}
}

// flood is what one process of a user's says of itself, with a command line of 64 KiB.
func flood(i int, argv string) []event.Body {
	id := evil(i)
	return []event.Body{
		&event.Program{ID: event.ProgramID{Process: id, Exec: 1}, Argv: []string{fmt.Sprint(i), argv}, Exe: "/home/u/evil"},
		&event.Cgroup{ID: event.CgroupID(1000 + i), Path: "/user.slice/user-1000.slice/" + fmt.Sprint(i) + strings.Repeat("y", 200)},
		&event.Process{ID: id, Program: event.ProgramID{Process: id, Exec: 1}, Comm: "evil", UID: 1000, Cgroup: event.CgroupID(1000 + i)},
	}
}

// Word of what may be forgotten can be lost: what is kept is bounded all the same.
func TestLostForgetsCostNoMoreThanTheBudget(t *testing.T) {
	before := heap()
	s := newStory().at(1, process(1, 0, "init")...).at(1, process(2, 1, "cron")...)
	for i := range 30_000 {
		argv := "x"
		if i < 2000 || i%100 == 0 {
			argv = strings.Clone(long)
		}
		s.at(uint64(i), flood(i, argv)...)
		s.at(uint64(i), &event.Loss{Kind: event.LossForget, Count: 1})
	}
	if grown, budget := heap()-min(before, heap()), sum(Budgets()); grown > budget {
		t.Errorf("the tree takes %d KiB, its budgets are %d KiB", grown>>10, budget>>10)
	}
	if s.tree.Dropped() == 0 {
		t.Error("nothing says that something was dropped")
	}
	// another's processes are still known
	s.at(200_000, create(1, 2, event.CallUnshare), &event.End{})
	s.want(t, "2:cron < 1:init")
	runtime.KeepAlive(s)
}

// What was dropped reads as not known.
func TestADroppedAncestorIsUnknown(t *testing.T) {
	s := newStory().at(1, flood(0, "x")...)
	for i := 1; i < 30_000; i++ {
		s.at(uint64(i), flood(i, "x")...)
	}
	n := create(1, 0, event.CallUnshare)
	n.Creator = evil(0)
	s.at(200_000, n, &event.End{})
	if c := s.done[0]; !c.Process.Unresolved || c.AncestryWhy != CutParentUnknown {
		t.Errorf("%+v, ancestry %q", c.Process, c.AncestryWhy)
	}
}

func TestAnAncestorsLongCommandLineIsCut(t *testing.T) {
	whole := []string{"java", strings.Repeat("a", 600), strings.Repeat("b", 600)}
	s := newStory().at(1, process(2, 0, whole...)...).at(1, process(3, 2, "unshare")...)
	s.at(10, create(1, 3, event.CallUnshare), create(2, 2, event.CallUnshare), &event.End{})
	ancestor, creator := s.done[0].Ancestry[0], s.done[1].Process
	if len(strings.Join(creator.Argv, " ")) != 1206 || creator.ArgvTruncated {
		t.Errorf("the creator's is %d bytes, truncated %v", len(strings.Join(creator.Argv, " ")), creator.ArgvTruncated)
	}
	if got := len(strings.Join(ancestor.Argv, " ")); got != maxBrief || !ancestor.ArgvTruncated {
		t.Errorf("the ancestor's is %d bytes, truncated %v", got, ancestor.ArgvTruncated)
	}
}

// A creation costs the same however many others wait for their exec.
func TestWaitingForAnExecTakesConstantTime(t *testing.T) {
	for _, n := range []int{1_000, 4_000, 16_000, 64_000} {
		s := newStory().at(1, process(2, 0, "evil")...)
		s.at(1, &event.Host{ExecWaitNS: 1 << 60})
		var serial uint64
		one := func() {
			serial++
			c := create(serial, 2, event.CallClone)
			s.done = append(s.done, s.tree.Observe(event.Event{BootNS: 10, Body: c})...)
		}
		for range n {
			one()
		}
		const more = 2000
		start := time.Now()
		for range more {
			one()
			s.tree.Observe(event.Event{BootNS: 10, Body: &event.Clock{}})
			s.tree.Deadline()
		}
		t.Logf("%d creations, of which %d wait: %v for each further one", n, s.tree.held.Len(), time.Since(start)/more)
		if got := uint64(len(s.done)) + uint64(s.tree.held.Len()); got != serial {
			t.Errorf("%d of %d creations are left", got, serial)
		}
		if s.tree.held.Bytes() > heldBudget {
			t.Errorf("they take %d bytes", s.tree.held.Bytes())
		}
		if n == 64_000 && s.tree.Hurried() == 0 {
			t.Error("nothing says that some did not wait")
		}
	}
}
