package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

const (
	nspawnGuest   = "/machine.slice/machine-web.scope/payload"
	guestPID      = 300
	guestPIDs     = hostPIDs + 1 // the pid namespace of a container
	anyService    = "/system.slice/x.service"
	guestHostname = "/system.slice/systemd-hostnamed.service"
)

// guestStory is a story of a container whose first process, a service manager, is in the
// cgroup given.
func guestStory(t *testing.T, manager string) *story {
	t.Helper()
	s := tell(t)
	s.pidns = hostPIDs
	s.process(1, 0, "/init.scope", "/usr/lib/systemd/systemd", "/sbin/init")
	s.process(200, 1, "/machine.slice/machine-web.scope/supervisor", "/usr/bin/systemd-nspawn", "systemd-nspawn", "-b")
	s.pidns = guestPIDs
	s.process(guestPID, 200, manager, "/usr/lib/systemd/systemd", "/usr/lib/systemd/systemd")
	return s
}

// A manager in a container runs its units: these are the origin, under the container's name.
func TestGuestUnits(t *testing.T) {
	docker := "/system.slice/docker-" + containerID(1) + ".scope"
	for about, tc := range map[string]struct{ guest, unit, runtime string }{
		"nspawn":               {nspawnGuest, "machine-web.scope", "systemd-nspawn"},
		"nspawn as a service":  {"/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn@web.service", "systemd-nspawn"},
		"lxc":                  {"/lxc.payload.web", "", "lxc"},
		"docker with systemd":  {docker, "docker-" + containerID(1) + ".scope", "docker"},
		"podman with systemd":  {"/machine.slice/libpod-" + containerID(1) + ".scope/container", "libpod-" + containerID(1) + ".scope", "podman"},
		"docker and cgroupfs":  {"/docker/" + containerID(1), "", "docker"},
		"a container of x's":   {anyService + "/docker/" + containerID(1), "x.service", "docker"},
		"lxc, of cgroups of 1": {"/lxc/web", "", "lxc"},
	} {
		t.Run(about, func(t *testing.T) {
			s := guestStory(t, tc.guest+"/init.scope")
			s.forked(310, guestPID, tc.guest+guestHostname, "(ostnamed)")
			s.create(310, tc.guest+guestHostname)
			s.want("guest (claimed)")
			k := s.done[0]
			o := k.Origin
			if o.Placement.GuestUnit != "systemd-hostnamed.service" || o.Placement.Unit != tc.unit || o.Placement.Container.Runtime != tc.runtime {
				t.Errorf("%+v", o.Placement)
			}
			l := s.lastLink()
			if g, ok := l.Cause.(finding.GuestUnit); !ok || l.Kind != finding.KindBecause || l.Evidence != evidence.Claimed || l.Unit != "" || g.Unit != "systemd-hostnamed.service" || g.Container != *o.Placement.Container {
				t.Errorf("%+v", l)
			}
			for _, pattern := range []string{"systemd-hostnamed.service", "*hostnamed*", "user@*/systemd-hostnamed.service"} {
				if k.CausedBy(pattern) || finding.MatchUnit(pattern, &k.Placement) {
					t.Errorf("taken for the machine's by %s", pattern)
				}
			}
			if tc.unit != "" && (!k.CausedBy(tc.unit) || !finding.MatchUnit(tc.unit, &k.Placement)) {
				t.Error("not in the unit of its container")
			}
			if id := k.Placement.Container.ID; !k.CausedBy("container/" + id) {
				t.Errorf("not caused by container %s", id)
			}
		})
	}
}

// What is not shown to be a manager's doing in a container of the machine's is a command.
func TestCommandsInGuests(t *testing.T) {
	const users = "/user.slice/user-1000.slice/user@1000.service/app.slice"
	docker := "/docker-" + containerID(1) + ".scope"
	for about, tc := range map[string]struct {
		manager, unit string
		tell          func(*story)
	}{
		"a child of a service's process": {nspawnGuest + "/init.scope", nspawnGuest + anyService, func(s *story) {
			s.process(305, guestPID, nspawnGuest+anyService, "/bin/sh", "sh")
			s.process(310, 305, nspawnGuest+anyService, "/bin/unshare", "unshare", "-n")
		}},
		"a daemon that has been up for long": {nspawnGuest + "/init.scope", nspawnGuest + anyService, func(s *story) {
			s.process(310, guestPID, nspawnGuest+anyService, "/bin/daemon", "daemon")
			s.now += 61_000
		}},
		"a session": {nspawnGuest + "/init.scope", nspawnGuest + "/user.slice/user-0.slice/session-1.scope", func(s *story) {
			s.process(310, guestPID, nspawnGuest+"/user.slice/user-0.slice/session-1.scope", "/bin/login", "login")
		}},
		"one that was there before": {nspawnGuest + "/init.scope", nspawnGuest + anyService, func(s *story) {
			s.process(310, guestPID, nspawnGuest+anyService, "/bin/x", "x")
			s.see(&event.Process{
				ID: s.id(310), Parent: s.id(guestPID), Comm: "x", Cgroup: s.cgroups[nspawnGuest+anyService], Preexisting: true,
				Owner: event.Owner{PIDNamespace: guestPIDs},
			})
		}},
		"an ordinary user's cgroups": {users + docker + "/init.scope", users + docker + anyService, func(s *story) {
			s.pidns, s.uid = hostPIDs, 1000
			s.process(309, 30, users+docker+"/init.scope", "/home/x/systemd", "systemd")
			s.process(310, 309, users+docker+anyService, "/bin/unshare", "unshare", "-n")
		}},
		"those of a service of a user's": {users + "/x.service/lxc.payload.web/init.scope", users + "/x.service/lxc.payload.web" + anyService, func(s *story) {
			s.process(310, guestPID, users+"/x.service/lxc.payload.web"+anyService, "/bin/x", "x")
		}},
		"a container within a container": {"/lxc.payload.a/lxc.payload.b/init.scope", "/lxc.payload.a/lxc.payload.b" + anyService, func(s *story) {
			s.process(310, guestPID, "/lxc.payload.a/lxc.payload.b"+anyService, "/bin/x", "x")
		}},
		"no container's pid namespace": {nspawnGuest + "/init.scope", nspawnGuest + anyService, func(s *story) {
			s.pidns = hostPIDs
			s.process(309, 200, nspawnGuest+"/init.scope", "/usr/lib/systemd/systemd", "systemd")
			s.process(310, 309, nspawnGuest+anyService, "/bin/x", "x")
		}},
		"the manager of another container": {"/lxc.payload.a/init.scope", "/lxc.payload.b" + anyService, func(s *story) {
			s.process(310, guestPID, "/lxc.payload.b"+anyService, "/bin/x", "x")
		}},
		"a program that is called systemd": {nspawnGuest + "/init.scope", nspawnGuest + anyService, func(s *story) {
			s.process(305, guestPID, nspawnGuest+anyService, "/usr/lib/systemd/systemd", "systemd")
			s.process(310, 305, nspawnGuest+anyService, "/bin/x", "x")
		}},
		"a unit of a user of the guest's, of the system's manager": {nspawnGuest + "/init.scope", nspawnGuest + users + "/x.service", func(s *story) {
			s.process(310, guestPID, nspawnGuest+users+"/x.service", "/bin/x", "x")
		}},
		"a container without a manager": {"/system.slice" + docker, "/system.slice" + docker, func(s *story) {
			s.process(310, guestPID, "/system.slice"+docker, "/bin/x", "x")
		}},
	} {
		t.Run(about, func(t *testing.T) {
			s := guestStory(t, tc.manager)
			tc.tell(s)
			s.create(310, tc.unit)
			if len(s.done) != 1 || s.done[0].Origin.Trigger != finding.TriggerCommand || s.done[0].Origin.Process.ID != s.id(310) {
				t.Errorf("%+v", s.done[0].Origin)
			}
			if len(s.done[0].Links) != 0 {
				t.Error(s.chains())
			}
		})
	}
}

// A manager that is in no scope of its own is known as the first process of its container.
func TestGuestManagerWithoutAScope(t *testing.T) {
	s := guestStory(t, nspawnGuest)
	s.forked(310, guestPID, nspawnGuest+anyService, "(x)")
	s.create(310, nspawnGuest+anyService)
	s.want("guest (claimed)")
	// of old recordings, in which that is not known
	s = guestStory(t, nspawnGuest)
	s.pidns = 0
	s.process(301, 200, nspawnGuest, "/usr/lib/systemd/systemd", "systemd")
	s.forked(310, 301, nspawnGuest+anyService, "(x)")
	s.create(310, nspawnGuest+anyService)
	s.want("command 310 machine-web.scope (kernel)")
}

// The manager of one of the guest's users runs units, too.
func TestUsersOfGuests(t *testing.T) {
	const manager = nspawnGuest + "/user.slice/user-1000.slice/user@1000.service"
	s := guestStory(t, nspawnGuest+"/init.scope")
	s.process(305, guestPID, manager+"/init.scope", "/usr/lib/systemd/systemd", "systemd", "--user")
	s.forked(310, 305, manager+"/app.slice/x.service", "(x)")
	s.create(310, manager+"/app.slice/x.service")
	s.want("guest (claimed)")
	if got := s.done[0].Origin.Placement.GuestUnit; got != "user@1000/x.service" {
		t.Error(got)
	}
}

// Who asks for something from within a container may run because its manager ran it.
func TestGuestsThatAsk(t *testing.T) {
	s := guestStory(t, nspawnGuest+"/init.scope")
	s.units["systemd-hostnamed.service"] = hostnamed()
	s.process(310, guestPID, nspawnGuest+anyService, "/usr/bin/busctl", "busctl")
	s.pidns = hostPIDs
	s.send(310, toBus, getHostname())
	s.fromBus(1, activation("dbus-"+hostname1+".service"))
	s.runs(hostnamed())
	s.service(400, "systemd-hostnamed.service")
	s.want("guest (claimed)")
	k := s.done[0]
	if !finding.MatchUnit("systemd-hostnamed.service", &k.Placement) || k.CausedBy("x.service") || !k.CausedBy("machine-web.scope") {
		t.Error(s.chains())
	}
}
