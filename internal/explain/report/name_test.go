package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

var containerID = strings.Repeat("9ec39b91", 8)

func TestStable(t *testing.T) {
	const users = "/user.slice/user-1000.slice/user@1000.service"
	for path, want := range map[string]string{
		"/system.slice/cron.service":                                                                                  "cron.service",
		"/system.slice/system-chat.slice/chat@3-341-0.service":                                                        "chat@*.service",
		"/system.slice/system-chat.slice/chat@12-127.0.0.1:80-127.0.0.1:44000.service":                                "chat@*.service",
		"/system.slice/system-getty.slice/getty@tty1.service":                                                         "getty@tty1.service",
		"/user.slice/user-1000.slice/session-42.scope":                                                                "session-*.scope",
		"/system.slice/run-u123.service":                                                                              "run-*.service",
		"/system.slice/run-r0123456789abcdef0123456789abcdef.scope":                                                   "run-*.scope",
		"/system.slice/run-p12-i345.service":                                                                          "run-*.service",
		"/system.slice/run-parts.service":                                                                             "run-parts.service",
		"/system.slice/docker-" + containerID + ".scope":                                                              "docker-*.scope",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-terminal-4711.scope":                       "app-gnome-terminal-*.scope",
		"/system.slice/app-gnome-terminal-4711.scope":                                                                 "app-gnome-terminal-4711.scope",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/snap.x.y-01234567-89ab-cdef-0123-456789abcdef.scope": "snap.x.y-*.scope",
		"/system.slice/docker-khiqosr0x3n4b1k46wm2zkbtt.scope":                                                        "docker-*.scope",
		"/system.slice/var-lib-docker-containers-" + containerID + "-shm.mount":                                       "var-lib-docker-containers-*-shm.mount",
		`/system.slice/run-docker-runtime\x2drunc-moby-` + containerID + `-runc.GC2atV.mount`:                         `run-docker-runtime\x2drunc-moby-*-runc.*.mount`,
		"/system.slice/home.mount":                                                                                    "home.mount",
		"/system.slice/" + containerID + "-1b5d1787b55c20ba.service":                                                  "*-*.service",
		"/system.slice/" + containerID + "-startup-1b5d1787b55c20ba.service":                                          "*-startup-*.service",
		users + "/user.slice/podman-239302.scope":                                                                     "podman-*.scope",
		users + "/user.slice/podman-pause-1b5d1787.scope":                                                             "podman-pause-*.scope",
		users + "/app.slice/app-com.obsproject.Studio-0123456789abcdef0123456789abcdef.scope":                         "app-com.obsproject.Studio-*.scope",
		users + "/app.slice/app-chromium@0123456789abcdef0123456789abcdef.service":                                    "app-chromium@*.service",
		users + "/app.slice/app-chromium@work.service":                                                                "app-chromium@work.service",
		users + "/app.slice/dbus-:1.2-org.gnome.Nautilus@0.service":                                                   "dbus-:1.*-org.gnome.Nautilus@*.service",
		"/system.slice/podman-239302.scope":                                                                           "podman-239302.scope",
	} {
		p := cgroup.Parse(path)
		if got := stable(p.Unit, &p); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// Only what is this run's own is taken out of a command line.
func TestCommand(t *testing.T) {
	place := cgroup.Parse("/system.slice/docker-" + containerID + ".scope")
	p := lineage.Process{ID: pid(300), Argv: []string{"300", "300", "200", "1", "301", "id=" + containerID}}
	got := command(&p, []lineage.Process{{ID: pid(200)}, {ID: pid(1)}}, &place)
	if want := []string{"300", "<pid>", "<pid>", "1", "301", "id=<id>"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if p.Argv[1] != "300" {
		t.Error("the case itself was changed")
	}
}

// Arguments are compared with pids as texts.
func TestIsPIDOf(t *testing.T) {
	at := func(pid uint32) lineage.Process {
		var p lineage.Process
		p.ID.PID = pid
		return p
	}
	p, ancestry := at(4294967295), []lineage.Process{at(20), at(1)}
	for arg, want := range map[string]bool{
		"4294967295": true, "20": true, "1": false, "0": false, "020": false, "+20": false, "20 ": false, "2": false, "": false, "x": false,
		"4294967316": false, "0x14": false, "2_0": false,
	} {
		if got := isPIDOf(arg, &p, ancestry); got != want {
			t.Errorf("%q: %v", arg, got)
		}
	}
	if first := at(1); !isPIDOf("1", &first, nil) {
		t.Error("the process itself may be pid 1")
	}
	if none := at(0); !isPIDOf("0", &none, nil) {
		t.Error("a pid of 0 is one, too")
	}
}

// What is remembered of a digest is what it would be anew.
func TestDigests(t *testing.T) {
	var d digests
	for range 2 {
		for i := range 3 * len(d.list) {
			long := strings.Repeat("x", i*100)
			p := parts{lists: [][]string{{long, "a"}, nil, {long}}}
			if got := d.of(&p); got != p.key() || d.of(&p) != got {
				t.Errorf("%d: another digest", i)
			}
		}
	}
}
