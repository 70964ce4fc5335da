package blame

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

const userManager = "/user.slice/user-1000.slice/user@1000.service"

// silence is a story in which a user's manager does not answer: somebody stopped it.
func silence(t *testing.T) *story {
	t.Helper()
	s := tell(t)
	s.process(100, 1, userManager+"/init.scope", "/usr/lib/systemd/systemd", "systemd", "--user")
	s.process(101, 100, userManager+"/app.slice/x.service", "/bin/evil", "evil")
	return s
}

// unanswered is a creation in the user's service, and what comes out because of it.
func (s *story) unanswered() {
	const path = userManager + "/app.slice/x.service"
	s.serial++
	s.now++
	for _, b := range []event.Body{
		&event.NetnsCreate{Serial: s.serial, Creator: s.id(101), TID: 101, Call: event.CallUnshare, Inum: 1, Cgroup: s.cgroups[path]},
		&event.Exit{Process: s.id(101)},
	} {
		ev := event.Event{BootNS: s.now * ms, Body: b}
		done := s.tree.Observe(ev)
		s.blamer.Observe(ev)
		s.blamer.Submit(done...)
	}
	s.done = append(s.done, s.blamer.Ready()...)
	s.blamer.Asks()
}

// A creation costs the same however many others wait for an answer.
func TestWaitingForAnAnswerTakesConstantTime(t *testing.T) {
	for _, n := range []int{1_000, 4_000, 16_000, 64_000} {
		s := silence(t)
		for range n {
			s.unanswered()
		}
		const more = 2_000
		start := time.Now()
		for range more {
			s.unanswered()
		}
		waiting := s.blamer.creations.waiting
		t.Logf("%d creations, of which %d wait: %v for each further one", n, waiting.Len(), time.Since(start)/more)
		if got := len(s.done) + waiting.Len(); got != n+more {
			t.Errorf("%d of %d creations are left", got, n+more)
		}
		if waiting.Bytes() > waitingBudget {
			t.Errorf("those that wait take %d bytes", waiting.Bytes())
		}
	}
}

// An answer about one unit has only what waits for it looked at.
func TestAnAnswerWakesOnlyWhatWaitsForIt(t *testing.T) {
	s := silence(t)
	for range 1_000 {
		s.unanswered()
	}
	s.units["cron.service"] = event.UnitState{Name: "cron.service", Type: "simple"}
	const path = "/system.slice/cron.service"
	s.process(41, 30, path, "/bin/unshare", "unshare")
	s.serial++
	n := &event.NetnsCreate{Serial: s.serial, Creator: s.id(41), TID: 41, Call: event.CallUnshare, Inum: 1, Cgroup: s.cgroups[path]}
	for _, b := range []event.Body{n, &event.Exit{Process: s.id(41)}} {
		ev := event.Event{BootNS: s.now * ms, Body: b}
		done := s.tree.Observe(ev)
		s.blamer.Observe(ev)
		s.blamer.Submit(done...)
	}
	s.blamer.Ready()
	for _, q := range s.blamer.Asks() {
		s.answer(q)
	}
	if due := len(s.blamer.creations.due); due != 1 {
		t.Errorf("%d creations are looked at, of which one waited for the answer", due)
	}
	s.collect()
	s.want("command 41 cron.service (kernel)")
}

// Beyond its budget what has waited longest is shown, and says why.
func TestTooManyWaiting(t *testing.T) {
	s := silence(t)
	for len(s.done) == 0 {
		s.unanswered()
	}
	first := s.done[0]
	want := finding.Reason{Code: finding.ReasonTooManyWaiting, Unit: "x.service"}
	if first.Netns.Serial != 1 || first.Origin.Trigger != finding.TriggerUnknown || first.Origin.Why != want {
		t.Errorf("creation %d: %+v", first.Netns.Serial, first.Origin)
	}
	if s.blamer.Crowded() != uint64(len(s.done)) {
		t.Errorf("%d are counted, %d were shown", s.blamer.Crowded(), len(s.done))
	}
	// another's service still waits for its answer
	s.units["cron.service"] = event.UnitState{Name: "cron.service", Type: "simple"}
	s.done = nil
	s.process(41, 30, "/system.slice/cron.service", "/bin/unshare", "unshare")
	s.create(41, "/system.slice/cron.service")
	last := s.done[len(s.done)-1]
	if last.Process.ID != s.id(41) || last.Origin.Trigger != finding.TriggerCommand {
		t.Errorf("%+v", last.Origin)
	}
}

// What managers say is bounded by its size, and what is needed again is asked again.
func TestAnswersAreBoundedBySize(t *testing.T) {
	s := tell(t)
	answer := func(i int, uid uint32, manager event.Manager) event.Question {
		q := event.Question{Unit: fmt.Sprintf("x%d.service", i), Manager: manager, UID: uid}
		s.blamer.answer(q)
		s.blamer.Observe(event.Event{BootNS: s.now, Body: &event.Unit{Question: q, Unit: event.UnitState{
			Name: q.Unit, Names: []string{strings.Repeat("x", 64<<10)},
		}}})
		return q
	}
	ours := answer(0, 0, event.ManagerSystem)
	theirs := answer(0, 1000, event.ManagerUser)
	for i := range 200 {
		answer(i+1, 1000, event.ManagerUser)
	}
	if got := s.blamer.answers.Bytes(); got > answerBudget {
		t.Errorf("the answers take %d bytes", got)
	}
	if _, ok := s.blamer.answer(ours); !ok {
		t.Error("what a user's manager says has pushed out what the machine's says")
	}
	s.blamer.Asks()
	if _, ok := s.blamer.answer(theirs); ok || len(s.blamer.Asks()) != 1 {
		t.Error("a dropped answer is not asked for again")
	}
}

// A manager that names any number of triggers does not have them all asked about.
func TestAnAnswerRaisesFewQuestions(t *testing.T) {
	s := silence(t)
	triggers := make([]string, 5_000)
	for i := range triggers {
		triggers[i] = fmt.Sprintf("%d.timer", i)
	}
	const path = userManager + "/app.slice/y.service"
	s.forked(102, 100, path, "(y)")
	ev := event.Event{BootNS: s.now * ms, Body: &event.NetnsCreate{Serial: 1, Creator: s.id(102), TID: 102, Call: event.CallUnshare, Inum: 1, Cgroup: s.cgroups[path]}}
	s.tree.Observe(ev)
	s.blamer.Observe(ev)
	asks := s.blamer.Asks()
	if len(asks) != 1 {
		t.Fatalf("asks %v", asks)
	}
	s.blamer.Submit(s.tree.Observe(event.Event{BootNS: s.now * ms, Body: &event.Exit{Process: s.id(102)}})...)
	s.units["y.service"] = event.UnitState{Name: "y.service", Type: "simple", TriggeredBy: triggers}
	s.answer(asks[0])
	done := s.blamer.Ready()
	if got := len(s.blamer.Asks()); got > maxMissing {
		t.Errorf("%d questions are asked because of one creation", got)
	}
	if len(done) != 1 || done[0].Origin.Why.Code != finding.ReasonTooManyWaiting {
		t.Errorf("%+v", done)
	}
}
