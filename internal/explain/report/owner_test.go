package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// The same name in the hands of the machine and of users.
const (
	ofMachine = "/system.slice/"
	ofAlice   = "/user.slice/user-1000.slice/user@1000.service/app.slice/"
	ofBob     = "/user.slice/user-1001.slice/user@1001.service/app.slice/"
)

// What differs by its owner alone is never one cause.
func TestCausesOfOwnersStayApart(t *testing.T) {
	timer := func(n uint32, path string) *finding.Attribution {
		k := ofUnit(n, path+"job.service")
		place := cgroup.Parse(path + "job.timer")
		k.Links = append(k.Links, finding.Link{
			Kind: finding.KindBecause, Unit: "job.timer", Manager: place.Manager, OwnerUID: place.OwnerUID,
			Cause: finding.Triggered{Trigger: finding.TriggerTimer, Unit: "job.timer"},
		})
		k.Origin = finding.Origin{Trigger: finding.TriggerTimer, Unit: "job.timer", Placement: place, Evidence: evidence.Manager}
		return k
	}
	// asked for by one command, of units of that name
	asked := func(n uint32, path string) *finding.Attribution {
		k := plain(n, ofMachine+"x.service", "x")
		place := cgroup.Parse(path + "job.service")
		k.Links = []finding.Link{{
			Kind: finding.KindBecause, Unit: "job.service", Manager: place.Manager, OwnerUID: place.OwnerUID,
			Cause: finding.Job{Method: "StartUnit", Unit: "job.service"},
		}}
		return k
	}
	unknown := func(n uint32, path string) *finding.Attribution {
		k := ofUnit(n, path+"job.service")
		k.Origin = finding.Origin{Trigger: finding.TriggerUnknown, Why: finding.Reason{Code: finding.ReasonNobodyAsked, Unit: "job.service"}}
		return k
	}
	for about, create := range map[string]func(uint32, string) *finding.Attribution{
		"a command": func(n uint32, path string) *finding.Attribution { return plain(n, path+"cron.service", "x") },
		"a timer":   timer,
		"a request": asked,
		"unknown":   unknown,
		"in a container": func(n uint32, path string) *finding.Attribution {
			return plain(n, path+"docker-"+containerID+".scope", "x")
		},
	} {
		s := newStory()
		for i := range uint32(2) {
			for j, path := range []string{ofMachine, ofAlice, ofBob} {
				s.create(second, create(100+10*i+uint32(j), path))
			}
		}
		for _, c := range s.Report().Causes {
			if len(s.Report().Causes) != 3 || c.Count != 2 {
				t.Errorf("%s: %d of %+v", about, c.Count, c.Creator)
			}
		}
	}
}

// One cause may make many containers, each with an owner.
func TestContainersAreCountedByOwner(t *testing.T) {
	s := newStory()
	k := plain(100, "/lxc.payload.web/docker/"+containerID, "x")
	s.create(second, k)
	c := s.causes(t, 1)[0]
	if got := c.Containers.Values[0].Value[0]; got != "web/docker:"+containerID {
		t.Errorf("%s", got)
	}
}

// A remedy for the machine's is none for a user's of the same name.
func TestRemediesOfOwners(t *testing.T) {
	kinds := func(k *finding.Attribution) (list []Remedy) {
		s := newStory()
		s.create(second, k)
		return s.causes(t, 1)[0].Remedies
	}
	commands := func(k *finding.Attribution) string {
		var all []string
		for _, r := range kinds(k) {
			for _, argv := range r.Commands {
				all = append(all, strings.Join(argv, " "))
			}
		}
		return strings.Join(all, "; ")
	}
	for _, tc := range []struct {
		about        string
		k            func(path string) *finding.Attribution
		machine, not string // in the commands for the machine's alone
	}{
		{"cron", func(path string) *finding.Attribution { return plain(100, path+"cron.service", "x") }, "crontab", "crontab"},
		{"a container", func(path string) *finding.Attribution {
			return plain(100, path+"docker-"+containerID+".scope", "x")
		}, "docker inspect", containerID},
		{"a pod", func(path string) *finding.Attribution {
			return plain(100, path+"x.service/docker/"+containerID, "x")
		}, "docker inspect", containerID},
	} {
		if got := commands(tc.k(ofMachine)); !strings.Contains(got, tc.machine) {
			t.Errorf("%s of the machine: %s", tc.about, got)
		}
		if got := commands(tc.k(ofAlice)); strings.Contains(got, tc.not) {
			t.Errorf("%s of a user: %s", tc.about, got)
		}
	}
	if got := remedyOf(t, ContainerRestart, plain(100, ofAlice+"docker-"+containerID+".scope", "x")); got.Do.Code != AdviceInspectContainerOfUser || got.Do.User != 1000 {
		t.Errorf("%+v", got.Do)
	}
}

// The container that a name within it is looked at in is the outer one.
func TestTheOuterContainerIsInspected(t *testing.T) {
	outer := strings.Repeat("0123abcd", 8)
	got := remedyOf(t, ContainerRestart, plain(100, ofMachine+"docker-"+outer+".scope/docker/"+containerID, "x"))
	if !slices.Contains(got.Commands[0], outer) || slices.Contains(got.Commands[0], containerID) {
		t.Errorf("%q", got.Commands)
	}
}

// A service of the same bus name on a user's bus is another one.
func TestActivationOnAUsersBus(t *testing.T) {
	for _, tc := range []struct {
		manager event.Manager
		want    bool
	}{{event.ManagerSystem, true}, {event.ManagerUser, false}} {
		k := hostnamed(100, "hostnamectl", "--static")
		for i := range k.Links {
			if k.Links[i].Kind == finding.KindBecause {
				k.Links[i].Manager, k.Links[i].OwnerUID = tc.manager, 1000
			}
		}
		s := newStory()
		s.create(second, k)
		has := slices.ContainsFunc(s.causes(t, 1)[0].Remedies, func(r Remedy) bool { return r.Kind == CallInstead })
		if has != tc.want {
			t.Errorf("%s: %v", tc.manager, has)
		}
	}
}

// A user's unit of the same name takes no part for the machine's.
func TestSuspectsOfOwners(t *testing.T) {
	s := newStory()
	s.active(false, ofMachine+"kubelet.service", ofAlice+"kubelet.service", ofMachine+"a.service")
	k := plain(100, ofAlice+"x.service", "x")
	k.Links = []finding.Link{{
		Kind: finding.KindBecause, Unit: "kubelet.service", Manager: event.ManagerUser, OwnerUID: 1000, Cause: finding.Job{},
	}}
	s.create(second, k)
	s.active(true, ofMachine+"kubelet.service", ofAlice+"kubelet.service", ofMachine+"a.service")
	units := s.Report().Suspects.Units
	if len(units) != 2 || units[0].Unit != "kubelet.service" || !units[0].machines() || units[1].Unit != "a.service" {
		t.Errorf("%+v", units)
	}
	// nor is it among the first
	s = newStory()
	s.active(false, ofAlice+"kubelet.service", ofMachine+"a.service")
	s.active(true, ofAlice+"kubelet.service", ofMachine+"a.service")
	if units := s.Report().Suspects.Units; len(units) != 2 || units[0].Unit != "a.service" {
		t.Errorf("%+v", units)
	}
}
