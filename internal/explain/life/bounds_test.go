package life

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// An event costs the same however many joins wait for what their process does.
func TestWaitingJoinsTakeConstantTime(t *testing.T) {
	for _, n := range []uint32{250, 1_000, 4_000, 16_000} {
		s := newStage(event.ProbeRelease, event.ProbeNetFree)
		s.feed(0, &event.Host{ExecWaitNS: 1 << 60})
		for i := range n {
			j := joinOf(uint64(i)+1, i+1)
			j.Process.PID = i + 1
			s.feed(10, j)
		}
		const more = 20_000
		start := time.Now()
		for i := range uint32(more) {
			s.feed(11, &event.Exit{Process: event.ProcessID{PID: 1 << 30, StartNS: uint64(i)}})
			s.tracker.Deadline()
		}
		t.Logf("%d wait: %v for each event", s.tracker.pending.Len(), time.Since(start)/more)
	}
}

// Namespaces that were released but of whose end nothing comes are not kept for ever,
// and cost nobody else his.
func TestReleasedNamespacesAreNotKeptForEver(t *testing.T) {
	s := newStage(event.ProbeRelease, event.ProbeNetFree)
	ours := creation(1<<40, 1)
	s.create(ours)
	s.tracker.Decide(created(ours, true))
	for i := range uint64(30_000) {
		n := creation(i+1, uint32(i))
		n.UID = 1000
		s.create(n)
		c := created(n, true)
		c.Process.Argv = []string{fmt.Sprint(i), strings.Repeat("x", 2_000)}
		s.tracker.Decide(c)
		s.feed(i, &event.NetnsRelease{Serial: n.Serial, Inum: n.Inum}) // its NetnsFree is lost
	}
	if got := s.tracker.gone.Bytes(); got > releasedBudget {
		t.Errorf("they take %d bytes", got)
	}
	counts := s.tracker.Counts()
	if counts.Alive != 1 || counts.Forgotten == 0 || counts.Forgotten+counts.Releasing != 30_000 {
		t.Errorf("%+v", counts)
	}
}

// What an Index keeps is bounded by its size, and it says that it has forgotten some.
func TestTheIndexIsBoundedBySize(t *testing.T) {
	x := NewIndex()
	for i := range uint64(2_000) {
		n := creation(i+1, uint32(i+1))
		x.observe(event.Event{Body: &n})
		c := finding.NewAttribution(&lineage.Creation{Netns: n, Process: lineage.Process{Argv: []string{strings.Repeat("x", 1<<16)}}})
		x.created(c)
	}
	if got := x.alive.Bytes(); got > indexBudget {
		t.Errorf("it takes %d bytes", got)
	}
	if got := x.Find(1, 0).Why; got != UnmatchedForgotten {
		t.Errorf("a forgotten creation is %q", got)
	}
}
