package cgroup

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
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
