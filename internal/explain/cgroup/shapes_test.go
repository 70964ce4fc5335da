package cgroup

import (
	"fmt"
	"strings"
	"testing"
)

// shape is what a path of the field says, in short: the host's unit, the container with
// its pod, the container around it, the one that is watched, and the guest's unit.
func shape(p Placement) string {
	var parts []string
	add := func(what, value string) {
		if value != "" {
			parts = append(parts, what+" "+value)
		}
	}
	unit := p.Unit
	if p.Manager != "" && p.ManagerName() != "" {
		unit = p.ManagerName() + "/" + unit
	}
	add("unit", unit)
	for _, c := range []struct {
		what string
		*Container
	}{{"in", p.Container}, {"outer", p.Outer}, {"watches", p.Monitor}} {
		if c.Container != nil {
			add(c.what, c.Runtime+":"+c.ID)
			add("pod", c.Pod)
		}
	}
	add("guest", p.GuestUnit)
	return strings.Join(parts, ", ")
}

// TestShapes has paths of public reports, with made-up ids: where each comes from, and
// what it says.
func TestShapes(t *testing.T) {
	const (
		step  = "khiqosr0x3n4b1k46wm2zkbtt"
		h     = "0c1f3a5b7d9e4f60a1b2c3d4e5f60718"
		uuid  = "74c13223-5a00-11e9-b385-42010a80018d"
		under = "74c13223_5a00_11e9_b385_42010a80018d"
		user  = "/user.slice/user-1000.slice/user@1000.service"
	)
	pods := "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + h + ".slice/"
	kind := "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod" + under + ".slice/"
	a, b := idA, idB
	for _, tc := range []struct{ from, path, want string }{
		{"docker/buildx#782, #2903", "/system.slice/docker-" + step + ".scope", "unit docker-" + step + ".scope, in buildkit:" + step},
		{"the same, with a cgroupfs driver", "/system.slice/system.slice:docker:" + step, "in buildkit:" + step},
		{"no step's id", "/system.slice/docker-khiqosr0x3n4b1k46wm2zkbtt1.scope", "unit docker-khiqosr0x3n4b1k46wm2zkbtt1.scope"},
		{"coroot-node-agent cgroup_test.go", pods + "cri-containerd-" + a, "in containerd:" + a + ", pod " + h},
		{"moby/buildkit#6368", "/buildkit/" + step, ""},
		{"opencontainers/runc#5117", "/init", ""},
		{"google/cadvisor#450", "/lxc/outer/docker/" + a, "in docker:" + a + ", outer lxc:outer"},
		{"nested LXC", "/lxc.payload.outer/lxc.payload.inner/system.slice/x.service", "in lxc:inner, outer lxc:outer, guest x.service"},
		{"nested LXC, version 1", "/lxc/outer/lxc/inner", "in lxc:inner, outer lxc:outer"},
		{"canonical/lxd-pkg-snap#73", "/lxc.payload.web/.lxc", "in lxc:web"},
		{"lxc/incus#947", "/lxc.payload.web/system.slice/systemd-hostnamed.service", "in lxc:web, guest systemd-hostnamed.service"},
		{"lxc/lxc#2782", "/lxc.monitor.web", "watches lxc:web"},
		{"lxc/lxc#2643", "/lxc.pivot", ""},
		{"coroot, a container's own cgroup", "/kubepods/besteffort/pod" + uuid + "/" + a + "/kube-proxy", "in kubernetes:" + a + ", pod " + uuid},
		{"coroot, Talos", "/podruntime/kubelet", ""},
		{"coroot, Talos", "/system/dashboard", ""},
		{"jpetazzo/dind#87", "/system.slice/docker-" + a + ".scope/docker/" + b, "unit docker-" + a + ".scope, in docker:" + b + ", outer docker:" + a},
		{"grafana/beyla#589", "/docker/" + a + kind + "cri-containerd-" + b + ".scope", "in containerd:" + b + ", pod " + uuid + ", outer docker:" + a},
		{"containers/podman#10602", "/machine.slice/libpod-" + a + ".scope/init.scope", "unit libpod-" + a + ".scope, in podman:" + a + ", guest init.scope"},
		{"the same, by crun", "/machine.slice/libpod-" + a + ".scope/container/system.slice/x.service", "unit libpod-" + a + ".scope, in podman:" + a + ", guest x.service"},
		{"aquasecurity/tracee#5086", "/machine.slice/libpod-conmon-" + a + ".scope", "unit libpod-conmon-" + a + ".scope, watches podman:" + a},
		{"aquasecurity/tracee#5086", "/machine.slice/crio-conmon-" + a + ".scope", "unit crio-conmon-" + a + ".scope, watches cri-o:" + a},
		{"containers/podman#20910", user + "/user.slice/podman-239302.scope", "unit user@1000/podman-239302.scope"},
		{"containers/crun#376", user + "/user.slice/libpod-" + a + ".scope/container", "unit user@1000/libpod-" + a + ".scope, in podman:" + a},
		{"containers/podman#6400", "/system.slice/nginx.service/supervisor", "unit nginx.service"},
		{"containers/podman#6400", "/system.slice/nginx.service/container", "unit nginx.service"},
		{"moby/moby#42704", "/my-example-cgroup.slice/docker-" + a + ".scope", "unit docker-" + a + ".scope, in docker:" + a},
		{"google/cadvisor#1572", "/system.slice/var-lib-docker-containers-" + a + "-shm.mount", "unit var-lib-docker-containers-" + a + "-shm.mount"},
		{
			"docker/for-linux#679", `/system.slice/run-docker-runtime\x2drunc-moby-` + a + `-runc.GC2atV.mount`,
			`unit run-docker-runtime\x2drunc-moby-` + a + `-runc.GC2atV.mount`,
		},
		{"flatpak/xdg-desktop-portal#745", user + "/app.slice/app-com.obsproject.Studio-" + h + ".scope", "unit user@1000/app-com.obsproject.Studio-" + h + ".scope"},
		{"systemd/systemd#16135", user + "/app.slice/app-chromium@" + h + ".service", "unit user@1000/app-chromium@" + h + ".service"},
		{"containers/podman#20910", user + "/app.slice/app-org.gnome.Terminal.slice/vte-spawn-" + uuid + ".scope", "unit user@1000/vte-spawn-" + uuid + ".scope"},
		{"canonical/snapd#10847", user + "/app.slice/snap.firefox.firefox-" + uuid + ".scope", "unit user@1000/snap.firefox.firefox-" + uuid + ".scope"},
		{"canonical/snapd#10847", user + "/app.slice/snap.x.y." + uuid + ".scope", "unit user@1000/snap.x.y." + uuid + ".scope"},
		{"containers/podman#22884", "/system.slice/" + a + "-1b5d1787b55c20ba.service", "unit " + a + "-1b5d1787b55c20ba.service"},
		{"containers/podman#22884", "/system.slice/" + a + "-startup-1b5d1787b55c20ba.service", "unit " + a + "-startup-1b5d1787b55c20ba.service"},
		{"systemd/systemd#29272", `/system.slice/system-systemd\x2dcoredump.slice/systemd-coredump@0-70-0.service`, "unit systemd-coredump@0-70-0.service"},
		{"google/cadvisor#342", "/docker/" + a + "/system.slice/aaautils.service", "in docker:" + a + ", guest aaautils.service"},
		{"EnterpriseDB/barman#531", "/user.slice/user-965.slice/session-4711.scope", "unit session-4711.scope"},
		{"bus1/dbus-broker#303", user + "/app.slice/dbus-:1.2-org.gnome.Nautilus@0.service", "unit user@1000/dbus-:1.2-org.gnome.Nautilus@0.service"},
		{"falcosecurity/plugins", "/moby/" + a, ""},
		{"falcosecurity/plugins", "/default/web", ""},
		{
			"systemd/systemd#29526", "/machine.slice/systemd-nspawn@web.service/payload/system.slice/systemd-hostnamed.service",
			"unit systemd-nspawn@web.service, in systemd-nspawn:web, guest systemd-hostnamed.service",
		},
		{"a user's unit in a guest", "/lxc.payload.web/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "in lxc:web, guest user@1000/x.service"},
		{"Amazon ECS", "/ecs/" + h + "/" + a, "in docker:" + a},
		{"Amazon ECS, systemd", "/ecstasks.slice/ecstasks-" + h + ".slice/docker-" + a + ".scope", "unit docker-" + a + ".scope, in docker:" + a},
		{"Garden", "/garden/3a5bdc4f-1c3d-4a1e-5d9b-70f1", "in garden:3a5bdc4f-1c3d-4a1e-5d9b-70f1"},
		{"Garden with shares of the CPU", "/garden/good/" + uuid, "in garden:" + uuid},
		{"a directory called garden", "/garden/shed", ""},
		{"one deeper down", "/system.slice/x.service/garden/" + uuid, "unit x.service"},
	} {
		t.Run(fmt.Sprintf("%s %s", tc.from, tc.path), func(t *testing.T) {
			if got := shape(Parse(tc.path)); got != tc.want {
				t.Errorf("%q says %q, want %q", tc.path, got, tc.want)
			}
		})
	}
}
