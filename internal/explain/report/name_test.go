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
