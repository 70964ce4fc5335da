package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

func TestBoot(t *testing.T) {
	s := tell(t)
	s.boot = event.ManagerBoot{UserspaceUS: 1, FinishUS: 0}
	s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true, InactiveExitUS: s.now * 1000}
	s.service(42, "foo.service")
	s.want("boot foo.service (manager)")
}

// What else may have started a unit is said beside the boot.
func TestTheBootIsDoubted(t *testing.T) {
	for _, tt := range []struct {
		name string
		tell func(s *story, u *event.UnitState)
		want string
	}{
		{"nothing", func(*story, *event.UnitState) {}, "boot foo.service (manager)"},
		{"a socket", func(_ *story, u *event.UnitState) { u.TriggeredBy = []string{"foo.socket"} }, "boot foo.service (inferred): trigger_or_boot foo.service foo.socket"},
		{"an automount", func(_ *story, u *event.UnitState) { u.TriggeredBy = []string{"foo.automount"} }, "boot foo.service (inferred): trigger_or_boot foo.service foo.automount"},
		{"a socket of what brings it up", func(s *story, u *event.UnitState) {
			s.broughtUpBy(u, event.UnitState{Name: "front.socket", SubState: "running", StateChangeUS: s.now * 1000})
		}, "boot foo.service (inferred): trigger_or_boot foo.service front.socket"},
		{"a socket of what brings it up, whose service is over", func(s *story, u *event.UnitState) {
			s.broughtUpBy(u, event.UnitState{Name: "front.socket", SubState: "listening", StateChangeUS: (s.now + 5000) * 1000})
		}, "boot foo.service (inferred): trigger_or_boot foo.service front.socket"},
		{"a socket of what brings it up, to which nobody connected", func(s *story, u *event.UnitState) {
			s.broughtUpBy(u, event.UnitState{Name: "front.socket", SubState: "listening", StateChangeUS: 5000})
		}, "boot foo.service (manager)"},
		{"a loss", func(s *story, _ *event.UnitState) { s.see(&event.Loss{Kind: event.LossBus, Count: 1}) }, "boot foo.service (inferred): messages_lost foo.service"},
		{"a loss of a user's", func(s *story, _ *event.UnitState) {
			s.see(&event.Loss{Kind: event.LossBus, Count: 1, Owner: event.Owner{UID: 1000, PIDNamespace: 1}})
		}, "boot foo.service (inferred): messages_lost foo.service"},
		{"root's request, who wanted no answer and is gone", func(s *story, _ *event.UnitState) {
			s.caller(41, "systemctl")
			s.ask(41, private, silently(job("StartUnit", "foo.service")))
		}, "boot foo.service (inferred): other_asked foo.service pid 41"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.boot = event.ManagerBoot{UserspaceUS: 1}
			u := foo()
			tt.tell(s, &u)
			s.runs(u)
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// broughtUpBy has another unit bring a unit up, for which there is a trigger.
func (s *story) broughtUpBy(u *event.UnitState, trigger event.UnitState) {
	u.Dependents = []event.UnitDependent{{Name: "front.service", Dependency: "WantedBy"}}
	s.units["front.service"] = event.UnitState{Name: "front.service", Type: "simple", TriggeredBy: []string{trigger.Name}}
	s.units[trigger.Name] = trigger
}

// Asked after a later run, the manager's times are not those of the run in question: its
// timer may have begun that.
func TestABootThatWasAskedAboutLate(t *testing.T) {
	s := tell(t)
	s.boot.FinishUS = 0
	s.mute = true
	s.service(42, "job.service")
	s.service(43, "job.service")
	u := foo()
	u.Name, u.TriggeredBy, u.ConditionUS, u.InactiveExitUS = "job.service", []string{"job.timer"}, s.now*1000, s.now*1000+1
	s.units["job.service"] = u
	s.mute = false
	s.collect()
	if why := s.done[0].Origin; why.Trigger != finding.TriggerBoot || why.Evidence != evidence.Inferred || why.Why.Trigger != "job.timer" {
		t.Errorf("%+v", why)
	}
}
