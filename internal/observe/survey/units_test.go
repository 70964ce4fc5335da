package survey

import (
	"slices"
	"testing"
	"testing/fstest"
)

// Units are found in slices, and what is below a unit is its own.
func TestUnitsBelow(t *testing.T) {
	root := fstest.MapFS{
		"init.scope/cgroup.procs":                              {},
		"system.slice/cron.service/cgroup.procs":               {},
		"system.slice/a.slice/b.service/cgroup.procs":          {},
		"system.slice/docker.service/x.service/cgroup.procs":   {},
		"user.slice/user-1.slice/user@1.service/app.slice/c":   {},
		"system.slice/cgroup.controllers":                      {},
		"kubepods.slice/pod1/cri-containerd-1.scope/processes": {},
	}
	want := []string{"b.service", "cron.service", "docker.service", "init.scope", "user@1.service"}
	if got := unitsBelow(root, ".", 0); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
