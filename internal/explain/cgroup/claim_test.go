package cgroup

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

// The places of the tests below: what stands in front is the machine's.
const (
	inService  = "/system.slice/x.service"
	inManager  = "/user.slice/user-1000.slice/user@1000.service"
	inUserUnit = inManager + "/app.slice/x.service"
	aPod       = "/kubepods/burstable/pod0c1f3a5b7d9e4f60a1b2c3d4e5f60718/"
)

// TestContainerOwner: a container's name is believed where only the machine can have
// given it. A user, and whoever is in a container, can give any.
func TestContainerOwner(t *testing.T) {
	for _, tc := range []struct {
		about, path, name string
	}{
		{"docker's own", "/system.slice/docker-" + idA + ".scope", "docker:" + idA},
		{"the kubelet's own", aPod + idA, "kubernetes:" + idA},
		{"a service that was given its cgroup", inService + "/docker/" + idA, "docker:" + idA},
		{"below a user's manager", inManager + "/docker-" + idA + ".scope", "user@1000/docker:" + idA},
		{"below a user's unit", inUserUnit + "/docker/" + idA, "user@1000/docker:" + idA},
		{"a pod below a user's unit", inUserUnit + aPod + idA, "user@1000/kubernetes:" + idA},
		{"rootless podman", inManager + "/user.slice/libpod-" + idA + ".scope", "user@1000/podman:" + idA},
		{"below a login session", "/user.slice/user-1000.slice/session-3.scope/lxc/web", "user@1000/lxc:web"},
		{"below a capsule", "/capsule.slice/capsule@x.service/docker-" + idA + ".scope", "?/docker:" + idA},
		{"root's own manager", "/user.slice/user-0.slice/user@0.service/docker-" + idA + ".scope", "docker:" + idA},
		{"root's own session", "/user.slice/user-0.slice/session-1.scope/docker-" + idA + ".scope", "docker:" + idA},
		{"named in a container", "/lxc.payload.web/docker/" + idA, "web/docker:" + idA},
		{"named in a user's container", inManager + "/libpod-" + idA + ".scope/docker/" + idB, "user@1000/" + idA + "/docker:" + idB},
		{"a user's manager in a container", "/lxc.payload.web" + inManager + "/docker/" + idA, "web/docker:" + idA},
		{"a manager's name within a service", inService + "/user@0.service/docker/" + idA, "docker:" + idA},
		{"a user's name for root's manager", inUserUnit + "/user@0.service/docker/" + idA, "user@1000/docker:" + idA},
	} {
		p := Parse(tc.path)
		if p.Container == nil || p.Container.ContainerName() != tc.name {
			t.Errorf("%s: %+v, want %s", tc.about, p.Container, tc.name)
		}
	}
	if c := ParseTail("cut/docker-" + idA + ".scope").Container; c == nil || c.ContainerName() != "?/docker:"+idA {
		t.Errorf("behind a cut: %+v", c)
	}
}

// TestDelegated: what root has given to somebody, he names as he likes. A container's
// name there is his, and no unit's is the machine's.
func TestDelegated(t *testing.T) {
	his := func(names uint32) event.Delegation { return event.Delegation{Names: names, UID: 1000} }
	for _, tc := range []struct {
		about, path     string
		delegated       event.Delegation
		unit, container string
	}{
		{"a service of his", inService + "/docker/" + idA, his(2), "x.service", "user@1000/docker:" + idA},
		{"a pod in it", inService + aPod + idA, his(4), "x.service", "user@1000/kubernetes:" + idA},
		{"a unit in it", inService + "/cron.service/docker/" + idA, his(3), "x.service", "user@1000/docker:" + idA},
		{"root's manager in it", inService + "/user@0.service/docker/" + idA, his(3), "x.service", "user@1000/docker:" + idA},
		{"in a container of his", inService + "/docker/" + idA + "/docker/" + idB, his(4), "x.service", "user@1000/" + idA + "/docker:" + idB},
		{"rootless podman in a service", inService + "/libpod-payload-" + idA, his(1), "x.service", "user@1000/podman:" + idA},
		{"the container's own directory", "/system.slice/docker-" + idA + ".scope/x", his(1), "docker-" + idA + ".scope", "docker:" + idA},
		{"in a container whose root is a user", "/lxc.payload.web/docker/" + idA, his(2), "", "web/docker:" + idA},
		{"a part below root's", inService + "/docker/" + idA + "/x", his(1), "x.service", "docker:" + idA},
		{"a slice", "/his.slice/cron.service/docker/" + idA, his(3), "user@1000/cron.service", "user@1000/docker:" + idA},
		{"a manager's name in a slice", "/his.slice/user@0.service/cron.service", his(2), "user@1000/user@0.service", ""},
		{"below the user's own manager", inUserUnit + "/docker/" + idA, his(4), "user@1000/x.service", "user@1000/docker:" + idA},
		{"below another one's manager", inUserUnit + "/docker/" + idA, event.Delegation{Names: 4, UID: 7}, "user@1000/x.service", "user@1000/docker:" + idA},
		{"below a capsule", "/capsule.slice/capsule@x.service/docker-" + idA + ".scope", his(1), "capsule@x/docker-" + idA + ".scope", "user@1000/docker:" + idA},
		{"more names than there are", "/docker/" + idA, his(9), "", "user@1000/docker:" + idA},
		{"root's", inService + "/docker/" + idA, event.Delegation{Names: 2}, "x.service", "docker:" + idA},
	} {
		p := ParseDelegated(tc.path, tc.delegated)
		var unit, container string
		if names := p.UnitNames(); len(names) > 0 {
			unit = names[0]
		}
		if p.Container != nil {
			container = p.Container.ContainerName()
		}
		if unit != tc.unit || container != tc.container {
			t.Errorf("%s: in %q and %q, want %q and %q", tc.about, unit, container, tc.unit, tc.container)
		}
		if p.UnitClaimed() != strings.Contains(unit, "@") {
			t.Errorf("%s: %s is claimed: %v", tc.about, unit, p.UnitClaimed())
		}
	}
	if p := ParseDelegated("/his.slice/user-0.slice", his(1)); p.OwnerUID != 1000 {
		t.Errorf("another's slice is taken for %+v", p)
	}
}

// TestBelowADelegation: whatever a user makes in a directory that is his, neither a unit
// nor a container of it is taken for the machine's, or for another user's.
func TestBelowADelegation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		front := rapid.SampledFrom([]string{inService, "/his.slice", "/his", "/user.slice/user-7.slice"}).Draw(t, "front")
		below := pathGen().Draw(t, "below")
		p := ParseDelegated(front+"/"+below, event.Delegation{Names: uint32(components(below)), UID: 1000})
		if p.Unit != "" && p.Unit != "x.service" && (!p.UnitClaimed() || p.OwnerUID != 1000 || !p.HasOwner) {
			t.Fatalf("%+v", p)
		}
		for _, c := range []*Container{p.Container, p.Outer, p.Monitor} {
			if c != nil && (!c.Claimed || !c.HasUID || c.UID != 1000) {
				t.Fatalf("%+v", *c)
			}
		}
	})
}

// TestInContainer: the id alone is that of a container of the machine's, and
// of what runs in it. What others call so has to be asked for.
func TestInContainer(t *testing.T) {
	for _, tc := range []struct {
		about, path string
		yes, no     []string
	}{
		{
			"docker's own", "/system.slice/docker-" + idA + ".scope",
			[]string{idA, idA[:12], ""},
			[]string{idB, "user@1000/" + idA, "user@*/" + idA, "docker:" + idA, idA + "/", idA + "/" + idA},
		},
		{
			"a user's", inUserUnit + aPod + idA,
			[]string{"user@1000/" + idA, "user@1000/" + idA[:12], "user@*/" + idA, "user@1000/"},
			[]string{idA, idA[:12], "", "u", "user@1000", "user@1/" + idA, "user@10000/" + idA, "user@/" + idA, "/" + idA},
		},
		{
			"named in a container", "/lxc.payload.web/docker/" + idA,
			[]string{"web", "w", "web/" + idA, "web/", "w/" + idA[:12]},
			[]string{idA, "web/" + idB, "user@*/web", "user@*/" + idA, "web/" + idA + "/x"},
		},
		{
			"named in a user's container", inManager + "/libpod-" + idA + ".scope/docker/" + idB,
			[]string{"user@1000/" + idA, "user@1000/" + idA + "/" + idB, "user@*/" + idA},
			[]string{idA, idB, idA + "/" + idB, "user@1000/" + idB},
		},
		{"none", "/system.slice/x.service", nil, []string{"", "user@*/", "/"}},
	} {
		p := Parse(tc.path)
		for _, pattern := range tc.yes {
			if !p.InContainer(pattern) {
				t.Errorf("%s is not in %q", tc.about, pattern)
			}
		}
		for _, pattern := range tc.no {
			if p.InContainer(pattern) {
				t.Errorf("%s is in %q", tc.about, pattern)
			}
		}
	}
	tail := ParseTail("cut/docker-" + idA + ".scope")
	if tail.InContainer(idA) || !tail.InContainer("user@*/"+idA) {
		t.Error("behind a cut an id is believed, or is not found")
	}
}

// TestUnitNames: a unit of a user's manager never goes by its bare name.
func TestUnitNames(t *testing.T) {
	for path, want := range map[string][]string{
		"/system.slice/cron.service":                               {"cron.service"},
		"/user.slice/user-1000.slice/session-3.scope":              {"session-3.scope"},
		inManager + "/app.slice/cron.service":                      {"user@1000/cron.service", "user@1000.service"},
		"/user.slice/user-0.slice/user@0.service/x.service":        {"user@0/x.service", "user@0.service"},
		"/capsule.slice/capsule@web.service/x.service":             {"capsule@web/x.service", "capsule@web.service"},
		"/user.slice/user-1000.slice/session-3.scope/cron.service": {"user@1000/cron.service", "user@1000.service"},
		"/system.slice/foo.service/cron.service":                   {"foo.service"},
		"/":                                                        nil,
	} {
		p := Parse(path)
		if got := p.UnitNames(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// TestBelowAUser: whatever a user makes below his manager, neither a unit nor a
// container of it is taken for the machine's, or for another user's.
func TestBelowAUser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Parse(inManager + "/" + pathGen().Draw(t, "below"))
		if p.Unit != "user@1000.service" && !p.UnitClaimed() || p.OwnerUID != 1000 || !p.HasOwner {
			t.Fatalf("%+v", p)
		}
		for _, c := range []*Container{p.Container, p.Outer, p.Monitor} {
			if c != nil && (!c.Claimed || !c.HasUID || c.UID != 1000) {
				t.Fatalf("%+v", *c)
			}
		}
		for _, id := range []string{"", idA, idB, "a", "x", "web"} {
			if p.InContainer(id) {
				t.Fatalf("found as %q: %+v", id, *p.Container)
			}
		}
	})
}

// TestBelowAContainer: whatever is made within a container, it is found there.
func TestBelowAContainer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Parse("/system.slice/docker-" + idA + ".scope/" + pathGen().Draw(t, "below"))
		if p.InContainer(idB) || !p.InContainer(idA) || p.UnitClaimed() {
			t.Fatalf("%+v", p)
		}
	})
}
