package inventory

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nsblame/nsblame/internal/event"
)

func TestFrees(t *testing.T) {
	mount := func(path string, own bool, pid uint32) Mount {
		return Mount{Path: path, Own: own, Process: Process{ID: event.ProcessID{PID: pid}}}
	}
	for name, tc := range map[string]struct {
		n    Namespace
		want [][]string
		why  KeptBy
	}{
		"nothing":       {Namespace{}, nil, KeptByNothing},
		"somebody":      {Namespace{Threads: 1, Processes: 1}, nil, KeptByInside},
		"the machine's": {Namespace{Initial: true}, nil, KeptByInside},
		"a name":        {Namespace{MountCount: 1, Mounts: []Mount{mount("/run/netns/blue", true, 0)}}, [][]string{{"ip", "netns", "delete", "blue"}}, ""},
		"a mount":       {Namespace{MountCount: 1, Mounts: []Mount{mount("/tmp/x", true, 0)}}, [][]string{{"umount", "/tmp/x"}}, ""},
		"elsewhere": {
			Namespace{MountCount: 2, Mounts: []Mount{mount("/tmp/x", true, 0), mount("/run/netns/cni-a", false, 7)}},
			[][]string{{"umount", "/tmp/x"}, {"nsenter", "--mount", "--target", "7", "umount", "/run/netns/cni-a"}},
			"",
		},
		"nobody's view":  {Namespace{MountCount: 1, Mounts: []Mount{mount("/tmp/x", false, 0)}}, nil, KeptByMounts},
		"unlisted":       {Namespace{MountCount: 2, Mounts: []Mount{mount("/tmp/x", true, 0)}}, nil, KeptByProcess},
		"a runtime's":    {Namespace{MountCount: 1, Mounts: []Mount{mount("/run/netns/cni-1", true, 0)}}, nil, KeptByRuntime},
		"docker's":       {Namespace{MountCount: 1, Mounts: []Mount{mount("/var/run/docker/netns/9", true, 0)}}, nil, KeptByRuntime},
		"a file as well": {Namespace{MountCount: 1, FileCount: 1, Mounts: []Mount{mount("/tmp/x", true, 0)}}, nil, KeptByProcess},
	} {
		got, why := tc.n.Frees()
		if diff := cmp.Diff(tc.want, got); diff != "" || why != tc.why {
			t.Errorf("%s: %q %s", name, why, diff)
		}
	}
}

func TestOlderThan(t *testing.T) {
	for _, tc := range []struct {
		age  Age
		want bool
	}{
		{Age{Bound: Exact, SinceNS: 100}, true},
		{Age{Bound: Exact, SinceNS: 500}, false},
		{Age{Bound: AtLeast, SinceNS: 1}, true},
		{Age{Bound: Inferred, SinceNS: 1}, true},
		{Age{}, false},
		{Age{Bound: Exact, SinceNS: 2000}, false},
	} {
		n := Namespace{Age: tc.age}
		if got := n.OlderThan(600, 1000); got != tc.want {
			t.Errorf("%+v: %v", tc.age, got)
		}
	}
}
