package blame

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/unit"
)

// A start of what runs has no effect; the run that follows has another cause.
func TestAStartOfARunningUnitIsBlamedForNothing(t *testing.T) {
	s := tell(t)
	s.caller(41, "systemctl")
	s.send(41, private, job("StartUnit", "foo.service"))
	s.now += 100
	s.units["foo.service"] = event.UnitState{
		Name: "foo.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"foo.timer"},
		InactiveEnterUS: (s.now - 50) * 1000, InactiveExitUS: (s.now - 10) * 1000,
	}
	s.units["foo.timer"] = event.UnitState{Name: "foo.timer", LastTriggerUS: (s.now - 11) * 1000}
	s.service(42, "foo.service")
	s.want("timer foo.timer (manager)")
}

// The caller was itself started by a timer.
func TestTheChainGoesOn(t *testing.T) {
	s := withHostnamed(t)
	s.units["job.service"] = event.UnitState{
		Name: "job.service", Type: "oneshot", TriggeredBy: []string{"job.timer"}, InactiveExitUS: s.now * 1000,
	}
	s.units["job.timer"] = event.UnitState{Name: "job.timer", LastTriggerUS: s.now*1000 - 1}
	s.process(40, 1, "/system.slice/job.service", "/bin/sh", "sh", "-c", "hostnamectl")
	s.process(41, 40, "/system.slice/job.service", "/usr/bin/hostnamectl", "hostnamectl")
	s.send(41, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("timer job.timer (manager)")
}

// A socket unit with Accept=yes names its service after the connection.
func TestAnAcceptedConnection(t *testing.T) {
	const name = "chat@3-41-0.service"
	s := tell(t)
	s.process(41, 30, "/system.slice/cron.service", "/usr/bin/nc", "nc")
	s.peers[name] = s.id(41)
	s.units[name] = event.UnitState{Name: name, Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"chat.socket"}, InactiveExitUS: s.now * 1000}
	s.units["chat.socket"] = event.UnitState{Name: "chat.socket"}
	s.service(42, name)
	s.want("socket 41 chat.socket (manager)")
	want := finding.Triggered{Trigger: finding.TriggerSocket, Unit: "chat.socket", Connection: &unit.Accepted{Number: 3, PID: 41}}
	if diff := cmp.Diff(finding.Cause(want), s.lastLink().Cause); diff != "" {
		t.Error(diff)
	}
}

// When a path unit has triggered is not kept. It is blamed only where nothing else
// can have begun the run.
func TestTheOnlyTriggerThatIsLeft(t *testing.T) {
	for _, tt := range []struct {
		name     string
		triggers []string
		asked    bool
		want     string
	}{
		{"one", []string{"foo.path"}, false, "path foo.path (manager)"},
		{"one of two", []string{"foo.path", "foo.socket"}, false, "unknown (unknown): nobody_asked foo.service"},
		{"somebody asked, and had no answer", []string{"foo.path"}, true, "command 41 cron.service (inferred): trigger_or_request foo.service foo.path pid 41"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.caller(41, "systemctl", "start", "foo")
			if tt.asked {
				s.startJob(41, private, "StartUnit", "foo.service")
			}
			s.units["foo.service"] = event.UnitState{
				Name: "foo.service", Type: "simple", PrivateNetwork: true, TriggeredBy: tt.triggers, InactiveExitUS: s.now * 1000,
			}
			for _, name := range tt.triggers {
				s.units[name] = event.UnitState{Name: name, SubState: "running", StateChangeUS: (s.now + 1) * 1000}
			}
			s.service(42, "foo.service")
			s.want(tt.want)
		})
	}
}

// A timer elapsed a moment before a brief run, but the run before that came in between.
func TestATimerTriggersOneRun(t *testing.T) {
	s := tell(t)
	s.mute = true
	s.now += 1000
	elapsed := s.now * 1000
	s.service(42, "job.service")
	begun := s.now * 1000
	s.service(43, "job.service")
	s.units["job.service"] = event.UnitState{
		Name: "job.service", Type: "oneshot", PrivateNetwork: true, TriggeredBy: []string{"job.timer"},
		InactiveExitUS: begun, InactiveEnterUS: begun + 1,
	}
	s.units["job.timer"] = event.UnitState{Name: "job.timer", LastTriggerUS: elapsed}
	s.mute = false
	s.collect()
	s.want("timer job.timer (inferred)", "unknown (unknown): nobody_asked job.service")
}
