package life

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

var joiner = event.ProcessID{PID: 40, StartNS: 4}

func joinOf(serial uint64, nth uint32) *event.NetnsJoin {
	return &event.NetnsJoin{Serial: serial, Process: joiner, TID: 41, Comm: "mover", How: event.JoinSetns, CreatedNS: serial, Ordinal: nth}
}

// What becomes of who moves in decides whether it is an occupant.
func TestThen(t *testing.T) {
	for _, tt := range []struct {
		name     string
		after    []event.Body
		want     finding.Then
		occupant bool
	}{
		{"exec", []event.Body{&event.Exec{Process: joiner, Serial: 5}}, finding.ThenExec, true},
		{"exec elsewhere", []event.Body{&event.Exec{Process: joiner, Serial: 6}}, finding.ThenLeft, false},
		{"leaves", []event.Body{&event.NetnsLeave{Serial: 5, Process: joiner, TID: 41}}, finding.ThenLeft, false},
		{"thread ends", []event.Body{&event.NetnsLeave{Serial: 5, Process: joiner, TID: 41, Ending: true}}, finding.ThenEnded, false},
		{"ends", []event.Body{&event.Exit{Process: joiner}}, finding.ThenEnded, false},
		{"makes another", []event.Body{&event.NetnsCreate{Serial: 9, Creator: joiner, TID: 41, Call: event.CallUnshare}}, finding.ThenLeft, false},
		{"another thread leaves", []event.Body{&event.NetnsLeave{Serial: 5, Process: joiner, TID: 42}, &event.Clock{}}, finding.ThenNothing, true},
		{"leaves another", []event.Body{&event.NetnsLeave{Serial: 6, Process: joiner, TID: 41}, &event.Clock{}}, finding.ThenNothing, true},
		{"fails to make another", []event.Body{&event.NetnsCreate{Serial: 9, Creator: joiner, TID: 41, Call: event.CallUnshare, Errno: 28}, &event.Clock{}}, finding.ThenNothing, true},
		{"a child in another", []event.Body{&event.NetnsCreate{Serial: 9, Creator: joiner, TID: 41, Call: event.CallClone}, &event.Clock{}}, finding.ThenNothing, true},
		{"nothing", []event.Body{&event.Clock{}}, finding.ThenNothing, true},
		{"released", []event.Body{&event.NetnsRelease{Serial: 5}}, finding.ThenNothing, true},
		{"end", []event.Body{&event.End{}}, finding.ThenNothing, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStage(event.ProbeRelease, event.ProbeNetFree)
			s.feed(0, &event.Host{ExecWaitNS: 100})
			n := creation(5, 100)
			s.create(n)
			s.tracker.Decide(created(n, true))
			s.feed(10, joinOf(5, 1))
			if got := s.tracker.Joins(); got != nil {
				t.Fatalf("reported too early: %+v", got[0])
			}
			if d := s.tracker.Deadline(); d != 110 {
				t.Errorf("deadline %d", d)
			}
			at := uint64(20)
			for _, body := range tt.after {
				if _, late := body.(*event.Clock); late {
					at = 110
				}
				s.feed(at, body)
			}
			list := s.tracker.Joins()
			if len(list) != 1 {
				t.Fatalf("%d joins", len(list))
			}
			j := list[0]
			if j.Then != tt.want || j.Occupant() != tt.occupant || j.Created == nil || j.Process.TID != 41 || j.Process.Comm != "mover" {
				t.Errorf("%+v", j)
			}
			if age, known := j.Age(); !known || age != 5 {
				t.Errorf("age %d", age)
			}
			if (j.Process.Exec != nil) != (tt.want == finding.ThenExec) || (j.ThenNS == 0) != (tt.want == finding.ThenNothing) {
				t.Errorf("%+v", j)
			}
			if s.tracker.Deadline() != 0 || s.tracker.Joins() != nil {
				t.Error("reported twice")
			}
		})
	}
}

// A join waits for its creation, and is shown as that is.
func TestJoinWaitsForItsCreation(t *testing.T) {
	for _, show := range []bool{true, false} {
		s := newStage(event.ProbeRelease, event.ProbeNetFree)
		s.feed(0, &event.Host{ExecWaitNS: 100})
		n := creation(5, 100)
		s.create(n)
		s.feed(10, joinOf(5, 1))
		s.feed(11, &event.Exec{Process: joiner, Serial: 5})
		if got := s.tracker.Joins(); got != nil {
			t.Fatalf("reported too early: %+v", got[0])
		}
		s.tracker.Decide(created(n, show))
		list := s.tracker.Joins()
		if (len(list) == 1) != show {
			t.Fatalf("%d joins, shown: %t", len(list), show)
		}
		if show && (list[0].Created == nil || list[0].Then != finding.ThenExec) {
			t.Errorf("%+v", list[0])
		}
	}
}

// What was only counted is in the counts, of namespaces that are gone, too.
func TestUnreported(t *testing.T) {
	s := newStage(event.ProbeRelease, event.ProbeNetFree)
	for serial := uint64(1); serial <= 3; serial++ {
		n := creation(serial, 100)
		s.create(n)
		s.tracker.Decide(created(n, serial != 3))
		s.feed(10, joinOf(serial, 1))
	}
	s.feed(20, &event.NetnsRelease{Serial: 1, Joins: 8})
	s.feed(21, &event.NetnsFree{Serial: 1})
	s.feed(22, &event.NetnsJoinCount{Serial: 2, Joins: 4})
	s.feed(22, &event.NetnsJoinCount{Serial: 3, Joins: 9})
	s.feed(30, &event.End{})
	if diff := cmp.Diff(finding.Counts{Known: true, Alive: 1, Unreported: 10}, s.tracker.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if list := s.tracker.Joins(); len(list) != 2 {
		t.Errorf("%d joins", len(list))
	}
}

// A recording may claim any number of joins.
func TestManyJoins(t *testing.T) {
	s := newStage(event.ProbeRelease, event.ProbeNetFree)
	s.feed(0, &event.Host{ExecWaitNS: 1 << 40})
	n := creation(5, 100)
	s.create(n)
	const claimed = 1 << 13
	for i := range uint32(claimed) {
		j := joinOf(5, i)
		j.Process.PID = i
		s.feed(10, j)
	}
	if got := s.tracker.pending.Bytes(); got > pendingBudget {
		t.Errorf("those that wait take %d bytes", got)
	}
	s.feed(20, &event.End{})
	if got := len(s.tracker.life(5).waitingJoins); got > maxWaitingJoins {
		t.Errorf("%d are held", got)
	}
	if got := s.tracker.Counts().DroppedJoins; got != claimed-maxWaitingJoins {
		t.Errorf("%d dropped", got)
	}
}

func ExampleJoined_Occupant() {
	for _, then := range []finding.Then{finding.ThenExec, finding.ThenNothing, finding.ThenLeft, finding.ThenEnded} {
		fmt.Printf("%q %t\n", then, (&finding.Joined{Then: then}).Occupant())
	}
	// Output:
	// "exec" true
	// "" true
	// "left" false
	// "ended" false
}
