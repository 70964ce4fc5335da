package blame

import (
	"fmt"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// managerOf has the manager of a user run, and returns where its units are.
func (s *story) managerOf(uid uint32) (below string) {
	base := fmt.Sprintf("/user.slice/user-%d.slice/user@%d.service", uid, uid)
	s.uid = uid
	s.process(100, 1, base+"/init.scope", "/usr/lib/systemd/systemd", "systemd", "--user")
	s.uid = 0
	return base + "/app.slice/"
}

// userService is a creation by a user's manager for a unit of its own.
func (s *story) userService(pid uint32, below, name string) {
	s.forked(pid, 100, below+name, "("+name+")")
	s.create(pid, below+name)
}

// What a user's manager says of its own units is claimed: the user can have it say
// anything. That of root is believed.
func TestAUsersManagerOnlyClaims(t *testing.T) {
	for _, tc := range []struct {
		about  string
		tell   func(*story)
		origin string
	}{
		{"a timer", func(s *story) {
			s.units["own.service"] = event.UnitState{
				Name: "own.service", PrivateNetwork: true, TriggeredBy: []string{"own.timer"}, InactiveExitUS: s.now * 1000,
				Settings: []event.UnitSetting{{Name: "PrivateNetwork", Value: "yes", File: "/f", Line: 1, Source: event.SettingFromFile}},
			}
			s.units["own.timer"] = event.UnitState{Name: "own.timer", LastTriggerUS: s.now*1000 - 1}
		}, "timer own.timer"},
		{"a timer of a run that is over", func(s *story) {
			s.units["own.service"] = event.UnitState{
				Name: "own.service", PrivateNetwork: true, TriggeredBy: []string{"own.timer"}, InactiveExitUS: s.now * 1000,
				InactiveEnterUS: s.now*1000 + 1,
			}
			s.units["own.timer"] = event.UnitState{Name: "own.timer", LastTriggerUS: s.now*1000 - 1}
		}, "timer own.timer"},
		{"the start of the manager", func(s *story) {
			s.boot = event.ManagerBoot{UserspaceUS: 1}
			s.units["own.service"] = event.UnitState{Name: "own.service", PrivateNetwork: true, InactiveExitUS: s.now * 1000}
		}, "boot own.service"},
		{"an automatic restart", func(s *story) {
			s.units["own.service"] = event.UnitState{
				Name: "own.service", PrivateNetwork: true, Restart: "always", NRestarts: 3, MainPID: 42, InactiveExitUS: s.now * 1000,
			}
		}, "restart own.service"},
		{"a dependency of what a timer started", func(s *story) {
			s.units["own.service"] = event.UnitState{
				Name: "own.service", PrivateNetwork: true, InactiveExitUS: s.now * 1000,
				Dependents: []event.UnitDependent{{Name: "bar.service", Dependency: "WantedBy"}},
			}
			s.units["bar.service"] = event.UnitState{Name: "bar.service", TriggeredBy: []string{"bar.timer"}}
			s.units["bar.timer"] = event.UnitState{Name: "bar.timer", LastTriggerUS: s.now*1000 - 1}
		}, "timer bar.timer"},
	} {
		for uid, ev := range map[uint32]evidence.Evidence{1000: evidence.Claimed, 0: ""} {
			t.Run(fmt.Sprintf("%s of user %d", tc.about, uid), func(t *testing.T) {
				s := tell(t)
				below := s.managerOf(uid)
				tc.tell(s)
				s.userService(42, below, "own.service")
				c := s.done[0]
				if got := string(c.Origin.Trigger) + " " + c.Origin.Unit; got != tc.origin {
					t.Fatalf("origin %s, want %s\n%s", got, tc.origin, s.chains())
				}
				if isClaimed := c.Origin.Evidence == evidence.Claimed; isClaimed != (ev == evidence.Claimed) {
					t.Errorf("evidence %s", c.Origin.Evidence)
				}
				if p := c.Origin.Placement; p.Manager != event.ManagerUser || !p.HasOwner || p.OwnerUID != uid {
					t.Errorf("whose it is: %+v", p)
				}
				for _, l := range c.Links {
					if isClaimed := l.Evidence == evidence.Claimed; isClaimed != (ev == evidence.Claimed) && l.Evidence != evidence.Unknown {
						t.Errorf("%s: %s", l.Kind, l.Evidence)
					}
					if l.Kind == finding.KindBecause && (l.Manager != event.ManagerUser || l.OwnerUID != uid) {
						t.Errorf("%s is of %s %d", l.Unit, l.Manager, l.OwnerUID)
					}
				}
			})
		}
	}
}

// That a user's manager acted upon somebody else's request is its own word, with
// which it could blame anybody. Its own user could have it do anything.
func TestAUsersManagerBlamesAnotherUser(t *testing.T) {
	for _, tc := range []struct {
		manager, asker uint32
		want           string
	}{
		{1000, 1000, "command 41 session-3.scope (kernel)"},
		{1000, 0, "command 41 session-3.scope (claimed)"},
		{1000, 1001, "command 41 session-3.scope (claimed): no_effect_seen own.service"},
		{0, 0, "command 41 session-3.scope (kernel)"},
	} {
		t.Run(fmt.Sprintf("manager of %d, asked by %d", tc.manager, tc.asker), func(t *testing.T) {
			s := tell(t)
			below := s.managerOf(tc.manager)
			s.units["own.service"] = event.UnitState{Name: "own.service", Type: "simple", PrivateNetwork: true}
			s.uid = tc.asker
			s.process(41, 1, "/user.slice/user-5.slice/session-3.scope", "/usr/bin/systemctl", "systemctl", "--user")
			s.see(&event.BusMessage{
				Sender: s.id(41), Bus: 3, Path: fmt.Sprintf("/run/user/%d/systemd/private", tc.manager), PeerPID: 100,
				Data: encode(t, job("StartUnit", "own.service")),
			})
			s.usersJob(tc.manager, "own.service")
			s.userService(42, below, "own.service")
			s.want(tc.want)
		})
	}
}

// A user's own dbus-broker.service is not the system's: what its launcher asks pid 1
// for is asked by itself, and for nobody who called a name.
func TestAUsersOwnLauncher(t *testing.T) {
	s := withHostnamed(t)
	below := s.managerOf(1000)
	s.caller(41, "hostnamectl")
	s.send(41, toBus, getHostname())
	s.uid = 1000
	s.process(43, 100, below+"dbus-broker.service", "/home/u/dbus-broker-launch", "dbus-broker-launch")
	s.send(43, private, job("StartUnit", "dbus-"+hostname1+".service"))
	s.service(42, "systemd-hostnamed.service")
	if l := s.lastLink(); l.Process == nil || l.Process.ID.PID != 43 {
		t.Errorf("it is not its own request:\n%s", s.chains())
	}
	for _, l := range s.done[0].Links {
		if _, ok := l.Activation(); ok {
			t.Errorf("it counts as the system's:\n%s", s.chains())
		}
	}
}
