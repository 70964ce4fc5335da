package cgroup

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nsblame/nsblame/internal/event"
)

const (
	idA = "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d"
	idB = "34dc0b5e626f2c5c4c5170e34b10e7654ce36f0fcd532739f4445baabea03376"
)

// TestParse reads paths as the software named in each case makes them.
func TestParse(t *testing.T) {
	const podUID = "74c13223-5a00-11e9-b385-42010a80018d"
	podSlice := "pod" + strings.ReplaceAll(podUID, "-", "_") + ".slice"
	docker := func(id string) *Container { return &Container{ID: id, Runtime: RuntimeDocker} }
	podman := func(id string) *Container { return &Container{ID: id, Runtime: RuntimePodman} }
	lxc := func(id string) *Container { return &Container{ID: id, Runtime: RuntimeLXC} }
	nspawn := func(id string) *Container { return &Container{ID: id, Runtime: RuntimeNspawn} }
	// system is the placement of a unit of pid 1's.
	system := func(slice, unit string) Placement {
		return Placement{Unit: unit, SystemUnit: unit, Manager: event.ManagerSystem, Slice: slice}
	}
	// user is the placement of a unit of user 1000's manager.
	user := func(slice, unit string) Placement {
		return Placement{
			Unit: unit, Manager: event.ManagerUser, Slice: slice,
			SystemUnit: "user@1000.service", OwnerUID: 1000, HasOwner: true,
		}
	}
	session := func(id string) Placement {
		p := system("user-1000.slice", "session-"+id+".scope")
		p.Session, p.OwnerUID, p.HasOwner = id, 1000, true
		return p
	}
	top := Placement{Slice: rootSlice}
	in := func(p Placement, c *Container) Placement { p.Container = c; return p }
	// under has a container within another, which chose its name.
	under := func(p Placement, outer *Container) Placement {
		p.Outer = outer
		p.Container.Claim = outer.Claim
		p.Container.Claimed, p.Container.Within = true, outer.ID
		return p
	}
	// theirs is a container of user 1000.
	theirs := func(c *Container) *Container {
		c.Claim = Claim{Claimed: true, UID: 1000, HasUID: true}
		return c
	}
	guest := func(unit string, p Placement) Placement { p.GuestUnit = unit; return p }
	watching := func(p Placement, c *Container) Placement { p.Monitor = c; return p }

	for _, tc := range []struct {
		from, path string
		want       Placement
	}{
		// systemd, version 2 and name=systemd alike.
		{"unknown path", "", Placement{}},
		{"kernel thread", "/", top},
		{"pid 1", "/init.scope", system(rootSlice, "init.scope")},
		{"pid 1 of systemd before 226, v1", "/", top},
		{"cron on Debian 12", "/system.slice/cron.service", system("system.slice", "cron.service")},
		{"transient service of systemd-run", "/system.slice/run-u42.service", system("system.slice", "run-u42.service")},
		{"transient scope of systemd-run", "/system.slice/run-rb2f1c0.scope", system("system.slice", "run-rb2f1c0.scope")},
		{"getty", "/system.slice/system-getty.slice/getty@tty1.service", system("system-getty.slice", "getty@tty1.service")},
		{
			"instance with escapes", `/system.slice/system-systemd\x2dfsck.slice/systemd-fsck@dev-disk-by\x2duuid-1234\x2dabcd.service`,
			system(`system-systemd\x2dfsck.slice`, `systemd-fsck@dev-disk-by\x2duuid-1234\x2dabcd.service`),
		},
		{"instance with a second at sign", "/system.slice/foo@a@b.service", system("system.slice", "foo@a@b.service")},
		{"mount unit", "/system.slice/dev-hugepages.mount", system("system.slice", "dev-hugepages.mount")},
		{"socket unit", "/system.slice/docker.socket", system("system.slice", "docker.socket")},
		{"name escaped against the cpu controller, v1", "/system.slice/_cpu.service/x", system("system.slice", "cpu.service")},
		{"name with a leading underscore", "/system.slice/__foo.service", system("system.slice", "_foo.service")},
		{"delegated subtree", "/system.slice/foo.service/payload/x", system("system.slice", "foo.service")},
		{"delegated subtree with names like units", "/system.slice/foo.service/bar.service", system("system.slice", "foo.service")},
		{"systemd's own control group", "/system.slice/foo.service/.control", system("system.slice", "foo.service")},
		{"doubled and trailing slashes", "//system.slice///cron.service//", system("system.slice", "cron.service")},
		{"a process in a slice", "/user.slice/user-1000.slice", Placement{Slice: "user-1000.slice", OwnerUID: 1000, HasOwner: true}},
		{"slice of no user", "/user.slice/user-waldo.slice", Placement{Slice: "user-waldo.slice"}},
		{"template without instance", "/system.slice/getty@.service/x", Placement{Slice: "system.slice"}},
		{"template without prefix", "/system.slice/@tty1.service", Placement{Slice: "system.slice"}},
		{"bad byte", "/system.slice/getty####@tty6.service/xxx", Placement{Slice: "system.slice"}},
		{"no such type", "/system.slice/foo.conf", Placement{Slice: "system.slice"}},
		{"only a type", "/system.slice/.service", Placement{Slice: "system.slice"}},
		{"slice instance", "/foo@bar.slice/x.service", top},
		{"longest name", "/" + strings.Repeat("a", 247) + ".service", system(rootSlice, strings.Repeat("a", 247)+".service")},
		{"too long a name", "/" + strings.Repeat("a", 248) + ".service", top},
		{"no systemd", "/foo/bar", top},
		{"no leading slash", "system.slice/cron.service", system("system.slice", "cron.service")},

		// Users and sessions.
		{"login session", "/user.slice/user-1000.slice/session-3.scope", session("3")},
		{"login session of cron's pam, v1", "/user.slice/user-1000.slice/session-c12.scope", session("c12")},
		{
			"session without id", "/user.slice/user-1000.slice/session-.scope",
			Placement{Unit: "session-.scope", SystemUnit: "session-.scope", Manager: event.ManagerSystem, Slice: "user-1000.slice", OwnerUID: 1000, HasOwner: true},
		},
		{
			"session with a bad id", "/user.slice/user-1000.slice/session-a-b.scope",
			Placement{Unit: "session-a-b.scope", SystemUnit: "session-a-b.scope", Manager: event.ManagerSystem, Slice: "user-1000.slice", OwnerUID: 1000, HasOwner: true},
		},
		{
			"unit below a session (systemd 205)", "/user.slice/user-1000.slice/session-2.scope/waldo.slice/foobar.service",
			Placement{Unit: "foobar.service", Manager: event.ManagerUser, Slice: "waldo.slice", SystemUnit: "session-2.scope", Session: "2", OwnerUID: 1000, HasOwner: true},
		},
		{"user manager", "/user.slice/user-1000.slice/user@1000.service/init.scope", user(rootSlice, "init.scope")},
		{
			"user manager, bare, v1", "/user.slice/user-1000.slice/user@1000.service",
			Placement{Unit: "user@1000.service", SystemUnit: "user@1000.service", Manager: event.ManagerSystem, Slice: "user-1000.slice", OwnerUID: 1000, HasOwner: true},
		},
		{"user service", "/user.slice/user-1000.slice/user@1000.service/app.slice/pipewire.service", user("app.slice", "pipewire.service")},
		{
			"user's application (GNOME)", `/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-8e2f-41.scope`,
			user("app-org.gnome.Terminal.slice", "vte-spawn-8e2f-41.scope"),
		},
		{
			"user's D-Bus service", `/user.slice/user-1000.slice/user@1000.service/app.slice/app-dbus\x2d:1.2\x2dorg.gnome.Nautilus.slice/dbus-:1.2-org.gnome.Nautilus@0.service`,
			user(`app-dbus\x2d:1.2\x2dorg.gnome.Nautilus.slice`, "dbus-:1.2-org.gnome.Nautilus@0.service"),
		},
		{
			"root's manager", "/user.slice/user-0.slice/user@0.service/app.slice/foo.service",
			Placement{Unit: "foo.service", Manager: event.ManagerUser, Slice: "app.slice", SystemUnit: "user@0.service", HasOwner: true},
		},
		{"manager of nobody", "/user.slice/user@.service/server.service", Placement{Slice: "user.slice"}},
		{"manager of a name", "/user.slice/user-x.slice/user@x.service/server.service", system("user-x.slice", "user@x.service")},
		{
			"uid that means none", "/user.slice/user-4294967295.slice/session-1.scope",
			Placement{Unit: "session-1.scope", SystemUnit: "session-1.scope", Manager: event.ManagerSystem, Slice: "user-4294967295.slice", Session: "1"},
		},
		{"uid too large", "/user.slice/user-4294967296.slice", Placement{Slice: "user-4294967296.slice"}},
		{
			"capsule (systemd 256)", "/capsule.slice/capsule@foo.service/app.slice/bar.service",
			Placement{Unit: "bar.service", Manager: event.ManagerUser, Slice: "app.slice", SystemUnit: "capsule@foo.service"},
		},

		// docker.
		{"docker, cgroupfs", "/docker/" + idA, in(top, docker(idA))},
		{"docker, systemd driver", "/system.slice/docker-" + idA + ".scope", in(system("system.slice", "docker-"+idA+".scope"), docker(idA))},
		{"docker, container's own subtree", "/docker/" + idA + "/init.scope", guest("init.scope", in(top, docker(idA)))},
		{
			"systemd in docker", "/system.slice/docker-" + idA + ".scope/system.slice/nginx.service",
			guest("nginx.service", in(system("system.slice", "docker-"+idA+".scope"), docker(idA))),
		},
		{
			"docker, rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + idA + ".scope",
			in(user("user.slice", "docker-"+idA+".scope"), theirs(docker(idA))),
		},
		{"docker in docker", "/docker/" + idA + "/docker/" + idB, under(in(top, docker(idB)), docker(idA))},
		{"docker, systemd path given to cgroupfs", "/system.slice:docker:" + idA, in(top, docker(idA))},
		{"docker build", "/docker/buildkit/khiqosr0x3n4b1k46wm2zkbtt", in(top, &Container{ID: "khiqosr0x3n4b1k46wm2zkbtt", Runtime: RuntimeBuildKit})},
		{"the docker daemon", "/system.slice/docker.service", system("system.slice", "docker.service")},
		{"Amazon ECS", "/ecs/0c1f3a5b7d9e4f60a1b2c3d4e5f60718/" + idA, in(top, docker(idA))},
		{"docker with a cgroup parent of its own", "/foo/" + idA, top},
		{"bare id (old Debian's docker, v1)", "/" + idA, top},
		{"short id", "/docker/9ec39b91f3d7", top},
		{"capital digits", "/docker/" + strings.ToUpper(idA), top},

		// podman.
		{"podman, systemd, root", "/machine.slice/libpod-" + idA + ".scope", in(system("machine.slice", "libpod-"+idA+".scope"), podman(idA))},
		{"podman, crun's inner cgroup", "/machine.slice/libpod-" + idA + ".scope/container", in(system("machine.slice", "libpod-"+idA+".scope"), podman(idA))},
		{
			"conmon, systemd", "/machine.slice/libpod-conmon-" + idA + ".scope",
			watching(system("machine.slice", "libpod-conmon-"+idA+".scope"), podman(idA)),
		},
		{
			"podman, rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + idA + ".scope/container",
			in(user("user.slice", "libpod-"+idA+".scope"), theirs(podman(idA))),
		},
		{
			"conmon, rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-conmon-" + idA + ".scope",
			watching(user("user.slice", "libpod-conmon-"+idA+".scope"), theirs(podman(idA))),
		},
		{"podman, cgroupfs", "/libpod_parent/libpod-" + idA, in(top, podman(idA))},
		{"podman, cgroupfs, supervisor", "/libpod_parent/libpod-" + idA + "/supervisor", watching(top, podman(idA))},
		{"podman, cgroupfs, conmon", "/libpod_parent/conmon", top},
		{"podman pod, cgroupfs", "/libpod_parent/" + idB + "/libpod-" + idA, in(top, &Container{ID: idA, Runtime: RuntimePodman, Pod: idB})},
		{"podman pod, cgroupfs, the pod itself", "/libpod_parent/" + idB + "/" + idA, top},
		{
			"podman pod, systemd", "/machine.slice/machine-libpod_pod_" + idB + ".slice/libpod-" + idA + ".scope",
			in(system("machine-libpod_pod_"+idB+".slice", "libpod-"+idA+".scope"), &Container{ID: idA, Runtime: RuntimePodman, Pod: idB}),
		},
		{
			"podman pod, rootless", "/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_" + idB + ".slice/libpod-" + idA + ".scope",
			in(user("user-libpod_pod_"+idB+".slice", "libpod-"+idA+".scope"), theirs(&Container{ID: idA, Runtime: RuntimePodman, Pod: idB})),
		},
		{"quadlet (--cgroups=split)", "/system.slice/nginx.service/libpod-payload-" + idA, in(system("system.slice", "nginx.service"), podman(idA))},
		{"quadlet, conmon", "/system.slice/nginx.service/runtime", system("system.slice", "nginx.service")},
		{
			"quadlet, rootless", "/user.slice/user-1000.slice/user@1000.service/app.slice/redis.service/libpod-payload-" + idA,
			in(user("app.slice", "redis.service"), theirs(podman(idA))),
		},

		// Kubernetes.
		{"kubelet, cgroupfs, burstable", "/kubepods/burstable/pod" + podUID + "/" + idA, in(top, &Container{ID: idA, Runtime: RuntimeKubernetes, Pod: podUID})},
		{"kubelet, cgroupfs, guaranteed", "/kubepods/pod" + podUID + "/" + idA, in(top, &Container{ID: idA, Runtime: RuntimeKubernetes, Pod: podUID})},
		{
			"kubelet, cgroupfs, static pod", "/kubepods/besteffort/pod0c1f3a5b7d9e4f60a1b2c3d4e5f60718/" + idA,
			in(top, &Container{ID: idA, Runtime: RuntimeKubernetes, Pod: "0c1f3a5b7d9e4f60a1b2c3d4e5f60718"}),
		},
		{"kubelet, cgroupfs, CRI-O", "/kubepods/burstable/pod" + podUID + "/crio-" + idA, in(top, &Container{ID: idA, Runtime: RuntimeCRIO, Pod: podUID})},
		{
			"kubelet, cgroupfs, CRI-O's conmon", "/kubepods/burstable/pod" + podUID + "/crio-conmon-" + idA,
			watching(top, &Container{ID: idA, Runtime: RuntimeCRIO, Pod: podUID}),
		},
		{"kubelet, a pod's own cgroup", "/kubepods/burstable/pod" + podUID, top},
		{"id below no pod", "/kubepods/burstable/" + idA, top},
		{
			"kubelet, systemd, containerd", "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-" + podSlice + "/cri-containerd-" + idA + ".scope",
			in(system("kubepods-burstable-"+podSlice, "cri-containerd-"+idA+".scope"), &Container{ID: idA, Runtime: RuntimeContainerd, Pod: podUID}),
		},
		{
			"kubelet, systemd, guaranteed, docker", "/kubepods.slice/kubepods-" + podSlice + "/docker-" + idA + ".scope",
			in(system("kubepods-"+podSlice, "docker-"+idA+".scope"), &Container{ID: idA, Runtime: RuntimeDocker, Pod: podUID}),
		},
		{
			"kubelet, systemd, CRI-O", "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-" + podSlice + "/crio-" + idA + ".scope/container",
			in(system("kubepods-besteffort-"+podSlice, "crio-"+idA+".scope"), &Container{ID: idA, Runtime: RuntimeCRIO, Pod: podUID}),
		},
		{
			"CRI-O's conmon, systemd", "/system.slice/crio-conmon-" + idA + ".scope",
			watching(system("system.slice", "crio-conmon-"+idA+".scope"), &Container{ID: idA, Runtime: RuntimeCRIO}),
		},
		{
			"drivers that differ", "/system.slice/containerd.service/kubepods-besteffort-" + podSlice + ":cri-containerd:" + idA,
			in(system("system.slice", "containerd.service"), &Container{ID: idA, Runtime: RuntimeContainerd, Pod: podUID}),
		},
		{
			"kind, v2", "/system.slice/docker-" + idA + ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-" + podSlice + "/cri-containerd-" + idB + ".scope",
			under(in(system("system.slice", "docker-"+idA+".scope"), &Container{ID: idB, Runtime: RuntimeContainerd, Pod: podUID}), docker(idA)),
		},
		{
			"kind, v1", "/docker/" + idA + "/kubelet/kubepods/burstable/pod" + podUID + "/" + idB,
			under(in(top, &Container{ID: idB, Runtime: RuntimeKubernetes, Pod: podUID}), docker(idA)),
		},
		{"containerd's shim", "/system.slice/containerd.service", system("system.slice", "containerd.service")},

		// containerd by itself.
		{"nerdctl, cgroupfs", "/default/" + idA, in(top, &Container{ID: idA, Runtime: RuntimeContainerd})},
		{"nerdctl, systemd", "/system.slice/nerdctl-" + idA + ".scope", in(system("system.slice", "nerdctl-"+idA+".scope"), &Container{ID: idA, Runtime: RuntimeContainerd})},
		{"crictl without a kubelet", "/k8s.io/" + idA, in(top, &Container{ID: idA, Runtime: RuntimeContainerd})},
		{"ctr with a name", "/default/web", top},
		{"default deeper down", "/x/default/" + idA, top},

		// LXC, LXD, Incus, Proxmox.
		{"LXC, v1", "/lxc/web", in(top, lxc("web"))},
		{"LXC 3.1", "/lxc.payload/web/init.scope", guest("init.scope", in(top, lxc("web")))},
		{"LXC 4, LXD, Incus", "/lxc.payload.web/system.slice/cron.service", guest("cron.service", in(top, lxc("web")))},
		{"LXC 4, monitor", "/lxc.monitor.web", watching(top, lxc("web"))},
		{"Proxmox", "/lxc/100/ns/init.scope", guest("init.scope", in(top, lxc("100")))},
		{"Proxmox, monitor", "/lxc.monitor/100", watching(top, lxc("100"))},
		{"LXC, pattern lxc/%n", "/lxc/web/lxc.payload/init.scope", guest("init.scope", in(top, lxc("web")))},
		{"LXC, pattern lxc/%n, monitor", "/lxc/web/lxc.monitor", watching(top, lxc("web"))},
		{"LXC, ordinary user, v1", "/user.slice/user-1000.slice/session-3.scope/lxc/web", in(session("3"), theirs(lxc("web")))},
		{"LXC, ordinary user", "/user.slice/user-1000.slice/user@1000.service/app.slice/run-7.scope/lxc.payload.web", in(user("app.slice", "run-7.scope"), theirs(lxc("web")))},
		{"vpsAdminOS", "/osctl/pool.tank/group.default/user.alice/ct.ct1/user-owned/lxc.payload.ct1", in(top, lxc("ct1"))},
		{"docker in LXD", "/lxc.payload.web/docker/" + idA, under(in(top, docker(idA)), lxc("web"))},
		{"a directory called lxc", "/system.slice/foo.service/lxc/x", system("system.slice", "foo.service")},
		{"LXC without a name", "/lxc.payload.", top},

		// systemd-nspawn and libvirt.
		{"nspawn scope", "/machine.slice/machine-web.scope/payload/system.slice/cron.service", guest("cron.service", in(system("machine.slice", "machine-web.scope"), nspawn("web")))},
		{"nspawn scope, v1", "/machine.slice/machine-web.scope/init.scope", guest("init.scope", in(system("machine.slice", "machine-web.scope"), nspawn("web")))},
		{"nspawn scope, escaped name", `/machine.slice/machine-my\x2dbox.scope/payload`, in(system("machine.slice", `machine-my\x2dbox.scope`), nspawn("my-box"))},
		{"nspawn scope, supervisor", "/machine.slice/machine-web.scope/supervisor", watching(system("machine.slice", "machine-web.scope"), nspawn("web"))},
		{"nspawn, not registered", "/machine.slice/my-box.scope/payload/system.slice/cron.service", guest("cron.service", in(system("machine.slice", "my-box.scope"), nspawn("my-box")))},
		{"nspawn, not registered, supervisor", "/machine.slice/box.scope/supervisor", watching(system("machine.slice", "box.scope"), nspawn("box"))},
		{"a scope of another's in the slice of machines", "/machine.slice/box.scope/other", system("machine.slice", "box.scope")},
		{"payload elsewhere", "/system.slice/box.scope/payload", system("system.slice", "box.scope")},
		{"nspawn service, payload", "/machine.slice/systemd-nspawn@web.service/payload/init.scope", guest("init.scope", in(system("machine.slice", "systemd-nspawn@web.service"), nspawn("web")))},
		{"nspawn service, supervisor", "/machine.slice/systemd-nspawn@web.service/supervisor", watching(system("machine.slice", "systemd-nspawn@web.service"), nspawn("web"))},
		{"nspawn service, starting", "/machine.slice/systemd-nspawn@web.service", system("machine.slice", "systemd-nspawn@web.service")},
		{
			"nspawn in nspawn", "/machine.slice/machine-a.scope/payload/machine.slice/machine-b.scope/payload",
			under(in(system("machine.slice", "machine-a.scope"), nspawn("b")), nspawn("a")),
		},
		{
			"nspawn in nspawn, inner supervisor", "/machine.slice/machine-a.scope/payload/machine.slice/machine-b.scope/supervisor",
			watching(
				in(system("machine.slice", "machine-a.scope"), nspawn("a")),
				&Container{ID: "b", Runtime: RuntimeNspawn, Claim: Claim{Claimed: true, Within: "a"}},
			),
		},
		{"libvirt's QEMU", `/machine.slice/machine-qemu\x2d6\x2dvm1.scope/libvirt/emulator`, system("machine.slice", `machine-qemu\x2d6\x2dvm1.scope`)},
		{
			"libvirt's LXC", `/machine.slice/machine-lxc\x2d12\x2dweb.scope`,
			in(system("machine.slice", `machine-lxc\x2d12\x2dweb.scope`), &Container{ID: "lxc-12-web", Runtime: RuntimeLibvirtLXC}),
		},
		{"machine scope outside machine.slice", "/system.slice/machine-web.scope", system("system.slice", "machine-web.scope")},
	} {
		t.Run(tc.from, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Parse(tc.path)); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", tc.path, diff)
			}
		})
	}
}

// TestParseTail: a path without its beginning names no unit.
func TestParseTail(t *testing.T) {
	for _, tc := range []struct {
		tail string
		want Placement
	}{
		{"", Placement{}},
		{"em.slice", Placement{}},
		{"em.slice/cron.service", Placement{}},
		{"em.slice/docker-" + idA + ".scope/x", Placement{Container: &Container{ID: idA, Runtime: RuntimeDocker, Claim: Claim{Claimed: true}}}},
		{"docker-" + idA + ".scope", Placement{}},
		{"x/docker/" + idA, Placement{Container: &Container{ID: idA, Runtime: RuntimeDocker, Claim: Claim{Claimed: true}}}},
		{"x/lxc/web", Placement{}},
		{"x/default/" + idA, Placement{}},
	} {
		if diff := cmp.Diff(tc.want, ParseTail(tc.tail)); diff != "" {
			t.Errorf("ParseTail(%q) (-want +got):\n%s", tc.tail, diff)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		"cron.service":             "cron.service",
		`a\x2db.service`:           "a-b.service",
		`\x2d`:                     "-",
		`a\x2`:                     `a\x2`,
		`a\xzz\x41`:                `a\xzzA`,
		`\\x2d`:                    `\-`,
		`dev-disk-by\x2did.device`: "dev-disk-by-id.device",
		"":                         "",
	} {
		if got := unescape(in); got != want {
			t.Errorf("Unescape(%q) = %q, want %q", in, got, want)
		}
	}
}
