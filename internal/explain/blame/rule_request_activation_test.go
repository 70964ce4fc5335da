package blame

import (
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

func TestTheSeedCase(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "hostnamectl", "--static")
	s.send(41, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("command 41 cron.service (kernel)")
	want := []string{"setting file", "because kernel", "asked_by kernel"}
	var got []string
	for _, l := range s.done[0].Links {
		got = append(got, string(l.Kind)+" "+string(l.Evidence))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("chain (-want +got):\n%s", diff)
	}
}

// Which of several connections a bus reads first is its own affair.
func TestTheFirstOfSeveralCallsIsTheOne(t *testing.T) {
	s := withHostnamed(t)
	for pid := uint32(41); pid < 51; pid++ {
		s.caller(pid, "hostnamectl", "--static")
		s.send(pid, toBus, getHostname())
	}
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.caller(60, "late")
	s.send(60, toBus, getHostname())
	s.service(70, "systemd-hostnamed.service")
	s.want("command 41 cron.service (inferred): other_asked org.freedesktop.hostname1 pid 42")
}

func TestACallWhileTheServiceRunsIsBlamedForNothing(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "hostnamectl")
	s.send(41, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
	s.caller(43, "decoy")
	s.send(43, toBus, getHostname())
	s.fromBus(1, ownerChanged(hostname1, ":1.9", ""))
	s.caller(44, "second")
	s.send(44, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(45, "systemd-hostnamed.service")
	s.want("command 41 cron.service (kernel)", "command 44 cron.service (kernel)")
}

// The call was sent while the service still had its name, and read after.
func TestACallOnTheBrink(t *testing.T) {
	s := withHostnamed(t)
	s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
	s.caller(41, "hostnamectl")
	s.send(41, toBus, getHostname())
	s.fromBus(1, ownerChanged(hostname1, ":1.9", ""))
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("command 41 cron.service (inferred)")
}

// If several processes called, the latest need not be the one that was read late. The
// BPF programs do not report each call.
func TestCallsOfSeveralOnTheBrink(t *testing.T) {
	s := withHostnamed(t)
	s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
	s.caller(41, "hostnamectl")
	s.send(41, toBus, getHostname())
	s.caller(43, "busctl")
	for range manyCalls {
		s.send(43, toBus, getHostname())
	}
	s.fromBus(1, ownerChanged(hostname1, ":1.9", ""))
	s.fromBus(1, ownerChanged(hostname1, ":1.9", "")) // to the next who listens
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("unknown (unknown): ambiguous_call org.freedesktop.hostname1")
}

// The bus saw the end of a run, and was called again, before the manager noted
// that end. A socket by which the unit can be started as well has not begun the
// run that follows.
func TestAnActivationBeforeTheManagerNotesTheEnd(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ended int // when the first run's process ended, before the activation or behind it; 0 for not at all
		want  string
	}{
		{"the process was gone", -1, "command 44 cron.service (kernel)"},
		{"it was just ending", 1, "command 44 cron.service (inferred)"},
		{"it may have run on", 0, "unknown (unknown): asked_while_running systemd-hostnamed.service"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := withHostnamed(t)
			end := func() {
				s.now++
				s.see(&event.Process{
					ID: s.id(42), Parent: s.id(1), Cgroup: s.cgroups["/system.slice/systemd-hostnamed.service"], Exited: true, ExitNS: s.now * ms,
				})
			}
			s.caller(41, "hostnamectl")
			s.send(41, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			s.service(42, "systemd-hostnamed.service")
			s.fromBus(1, ownerChanged(hostname1, "", ":1.9"))
			if tc.ended < 0 {
				end()
			}
			s.fromBus(1, ownerChanged(hostname1, ":1.9", ""))
			s.caller(44, "second")
			s.send(44, toBus, getHostname())
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			if tc.ended > 0 {
				end()
			}
			u := hostnamed()
			u.TriggeredBy = []string{"systemd-hostnamed.socket"}
			u.InactiveEnterUS, u.InactiveExitUS = (s.now+1)*1000, (s.now+2)*1000
			s.units["systemd-hostnamed.service"] = u
			s.units["systemd-hostnamed.socket"] = event.UnitState{Name: "systemd-hostnamed.socket", SubState: "running"}
			s.now += 100
			s.service(45, "systemd-hostnamed.service")
			s.want("command 41 cron.service (kernel)", tc.want)
		})
	}
}

func TestARefusedCallIsBlamedForNothing(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "denied")
	s.send(41, toBus, getHostname())
	s.fromBus(41, refusal())
	s.caller(42, "hostnamectl")
	s.send(42, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(43, "systemd-hostnamed.service")
	s.want("command 42 cron.service (kernel)")
}

// A bus that waited in vain for a service tells the caller so. What begins the
// service later is another request.
func TestAnActivationThatFailedIsBlamedForNothing(t *testing.T) {
	for sender, want := range map[string]string{
		"org.freedesktop.DBus": "command 42 cron.service (kernel)",
		":1.9":                 "command 41 cron.service (kernel)", // an error of the service's own: it runs
	} {
		s := withHostnamed(t)
		u := hostnamed()
		u.InactiveExitUS = 3200 * 1000
		s.units["systemd-hostnamed.service"] = u
		s.caller(41, "hostnamectl")
		s.send(41, toBus, getHostname())
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		failure := refusal()
		failure.Headers[dbus.FieldSender] = dbus.MakeVariant(sender)
		s.fromBus(41, failure)
		s.now = 3000
		s.caller(42, "systemctl")
		s.send(42, private, job("StartUnit", "systemd-hostnamed.service"))
		if sender == "org.freedesktop.DBus" {
			s.newJob("systemd-hostnamed.service")
		}
		s.now = 3200
		s.service(43, "systemd-hostnamed.service")
		s.want(want)
	}
}

func TestActivationWithoutAKnownCaller(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "stranger")
	s.send(41, toBus, method("org.example.other", "/", "org.example", "Get"))
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("unknown (unknown): no_call org.freedesktop.hostname1")
}

// A service file can name any unit: only the manager knows the bus name then.
func TestActivationOfAUnitByItsOwnName(t *testing.T) {
	s := withHostnamed(t)
	s.caller(40, "stranger")
	s.send(40, toBus, method("org.example.other", "/", "org.example", "Get"))
	s.caller(41, "hostnamectl")
	s.send(41, toBus, getHostname())
	s.fromBus(1, activation("systemd-hostnamed.service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("command 41 cron.service (kernel)")
}

func TestAForgedActivationRequest(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "forger")
	forged := activation("systemd-hostnamed.service")
	forged.Headers[dbus.FieldSender] = dbus.MakeVariant(":1.5")
	s.fromBus(1, forged)
	s.service(42, "systemd-hostnamed.service")
	s.want("unknown (unknown): nobody_asked systemd-hostnamed.service")
}

// A name says nothing: what counts is who sent the message.
func TestAFalseName(t *testing.T) {
	s := withHostnamed(t)
	s.caller(41, "hostnamectl", "--static") // never says a word
	s.caller(42, "innocent-name")
	s.send(42, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.service(43, "systemd-hostnamed.service")
	s.want("command 42 cron.service (kernel)")
}

func TestDBusBroker(t *testing.T) {
	s := withHostnamed(t)
	s.process(21, 1, "/system.slice/dbus-broker.service", "/usr/bin/dbus-broker-launch", "dbus-broker-launch")
	s.caller(41, "hostnamectl", "--static")
	s.send(41, toBus, getHostname())
	s.send(21, toBus, job("StartUnit", "dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	s.want("command 41 cron.service (kernel)")
}
