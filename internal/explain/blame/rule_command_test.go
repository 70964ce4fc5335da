package blame

import (
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/event"
)

// What a service asks for before it is up belongs to its start; what it asks
// for later is its own doing, also if it was not up when systemd was asked first.
func TestWhatAServiceAsksForWhileItStarts(t *testing.T) {
	s := withHostnamed(t)
	middle := event.UnitState{Name: "middle.service", Type: "notify"}
	s.caller(41, "systemctl", "start", "middle")
	s.startJob(41, private, "StartUnit", "middle.service")
	middle.InactiveExitUS = s.now*1000 + 500
	s.units["middle.service"] = middle
	s.process(50, 1, "/system.slice/middle.service", "/bin/sh", "middle")
	ask := func(pid, creator uint32) {
		s.process(pid, 50, "/system.slice/middle.service", "/usr/bin/hostnamectl", "hostnamectl")
		s.send(pid, toBus, getHostname())
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		s.service(creator, "systemd-hostnamed.service")
	}
	ask(51, 52)
	middle.ActiveEnterUS = s.now * 1000
	s.units["middle.service"] = middle
	s.fromBus(1, ownerChanged(hostname1, "", ":1.5"))
	s.fromBus(1, ownerChanged(hostname1, ":1.5", ""))
	ask(53, 54)
	s.want("command 41 cron.service (kernel)", "command 53 middle.service (kernel)")
}

func TestCommandsActByThemselves(t *testing.T) {
	s := tell(t)
	s.units["cron.service"] = event.UnitState{Name: "cron.service", Type: "simple"}
	s.caller(41, "unshare", "-n")
	s.create(41, "/system.slice/cron.service")
	s.process(50, 1, "/user.slice/user-1000.slice/session-3.scope", "/usr/bin/unshare", "unshare", "-n")
	s.create(50, "/user.slice/user-1000.slice/session-3.scope")
	s.want("command 41 cron.service (kernel)", "command 50 session-3.scope (kernel)")
}

func TestTransientUnitThatIsGone(t *testing.T) {
	s := tell(t)
	s.caller(41, "systemd-run", "unshare", "-n")
	s.send(41, private, method("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
		"StartTransientUnit", "run-1.service", "fail", []struct {
			Name  string
			Value dbus.Variant
		}{}, []struct {
			Name string
			Aux  []struct {
				Name  string
				Value dbus.Variant
			}
		}{}))
	s.newJob("run-1.service")
	s.process(42, 1, "/system.slice/run-1.service", "/usr/bin/unshare", "unshare", "-n")
	s.create(42, "/system.slice/run-1.service")
	s.want("command 41 cron.service (kernel)")
}

// Nothing is known of the unit but that its manager forked the creator.
func TestAUnitThatIsGone(t *testing.T) {
	s := tell(t)
	s.process(42, 1, "/system.slice/gone.service", "/usr/bin/unshare", "unshare", "-n")
	s.create(42, "/system.slice/gone.service")
	s.process(43, 42, "/system.slice/gone.service", "/usr/bin/unshare", "unshare", "-n")
	s.create(43, "/system.slice/gone.service")
	s.want(
		"unknown (unknown): nobody_asked_unit_unknown gone.service unit is not loaded",
		"command 43 gone.service (kernel)",
	)
}

// What a transient service does long after its start is its own doing, and so is what one
// does that is older than the stream.
func TestAServiceThatIsLongUp(t *testing.T) {
	for _, tt := range []struct {
		name       string
		after, lag uint64 // ms
		want       string
	}{
		{"at once", 50_000, 0, "unknown (unknown): started_before run-1.service"},
		{"later", 61_000, 0, "command 42 run-1.service (kernel)"},
		{"after a suspend", 91_000, 90_000, "unknown (unknown): nobody_asked run-1.service"},
		{"later, after a suspend", 151_000, 90_000, "command 42 run-1.service (kernel)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t)
			s.units["run-1.service"] = event.UnitState{Name: "run-1.service", Type: "simple", Transient: true, InactiveExitUS: s.now * 1000}
			s.process(42, 1, "/system.slice/run-1.service", "/usr/bin/daemon", "daemon")
			s.see(&event.Host{}) // the stream begins here
			s.now += tt.after
			s.lag = tt.lag * ms
			s.create(42, "/system.slice/run-1.service")
			s.want(tt.want)
		})
	}
}

// systemd-run --on-active=2: the timer and its service are gone when the manager is asked.
func TestATransientTimerThatIsGone(t *testing.T) {
	type property struct {
		Name  string
		Value dbus.Variant
	}
	transient := method("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
		"StartTransientUnit", "run-1.timer", "fail", []property{}, []struct {
			Name string
			Aux  []property
		}{{Name: "run-1.service"}})
	s := tell(t)
	s.caller(41, "systemd-run", "--on-active=2", "unshare", "-n")
	s.send(41, private, transient)
	s.newJob("run-1.timer")
	s.now += 2000
	s.process(42, 1, "/system.slice/run-1.service", "/usr/bin/unshare", "unshare", "-n")
	s.create(42, "/system.slice/run-1.service")
	s.want("timer run-1.timer (inferred)")
	if l := s.lastLink(); l.Process == nil || l.Process.ID.PID != 41 {
		t.Errorf("%+v", l)
	}
}
