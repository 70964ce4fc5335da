package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
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
