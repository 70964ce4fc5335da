package finding

import (
	"errors"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

func TestForWhom(t *testing.T) {
	id := strings.Repeat("ab12", 16)
	pod := func(namespace, name string, w *Workload) *Attribution {
		return &Attribution{Creation: &lineage.Creation{}, For: &For{Pod: &Pod{Namespace: namespace, Name: name, Workload: w}}}
	}
	made := func(uid uint32, path, name string) *Attribution {
		return &Attribution{
			Creation:  &lineage.Creation{Process: lineage.Process{UID: uid}},
			Placement: cgroup.Parse(path), For: &For{Container: &Container{ID: id, Name: name}},
		}
	}
	backup := pod("shop", "backup-28374620-xk2bq", &Workload{Kind: "CronJob", Name: "backup"})
	web := made(0, "/system.slice/containerd.service", "web")
	users := made(1000, "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "web")
	within := made(0, "/lxc.payload.outer/docker/"+id, "web")
	for name, tc := range map[string]struct {
		match    func(string) bool
		yes, not []string
	}{
		"pod":          {backup.ForPod, []string{"backup-28374620-xk2bq", "backup-*", "shop/backup-*", "*/backup-*", "sho?/*"}, []string{"backup", "", "batch/backup-*", "shop/*/x", "[", "shop"}},
		"workload":     {backup.ForWorkload, []string{"backup", "b*", "cronjob/backup", "CronJob/*", "*/backup"}, []string{"job/backup", "", "backup-28374620", "cronjob"}},
		"no workload":  {pod("shop", "web", nil).ForWorkload, nil, []string{"web", "*", "*/*"}},
		"no pod":       {web.ForPod, nil, []string{"*", "web", "*/*"}},
		"container":    {web.ForContainer, []string{"web", "w*", id, id[:6]}, []string{"we", "", "user@1000/web", "user@*/web", "webb"}},
		"a user's own": {users.ForContainer, []string{"user@1000/web", "user@*/w*", "user@1000/" + id[:6]}, []string{"web", "*", id, "user@1001/web"}},
		"a guest's":    {within.ForContainer, []string{"outer", "outer/" + id[:6]}, []string{"web", "*"}},
		"nobody":       {(&Attribution{Creation: &lineage.Creation{}}).ForContainer, nil, []string{"*", ""}},
	} {
		for _, pattern := range tc.yes {
			if !tc.match(pattern) {
				t.Errorf("%s: %q does not match", name, pattern)
			}
		}
		for _, pattern := range tc.not {
			if tc.match(pattern) {
				t.Errorf("%s: %q matches", name, pattern)
			}
		}
	}
}

func TestCausedBy(t *testing.T) {
	id := strings.Repeat("ab12", 16)
	by := func(o Origin) func(string) bool {
		return (&Attribution{Creation: &lineage.Creation{}, Origin: o}).CausedBy
	}
	kubelet := cgroup.Parse("/system.slice/kubelet.service")
	pod := &Pod{Namespace: "shop", Name: "backup-1-x", Workload: &Workload{Kind: "Job", Name: "backup-1"}}
	for name, tc := range map[string]struct {
		match    func(string) bool
		yes, not []string
	}{
		"a pod": {
			by(Origin{Trigger: TriggerPod, Pod: pod, Placement: kubelet}),
			[]string{"pod/backup-*", "pod/shop/*", "workload/backup-1", "workload/job/backup-*", "kubelet.service"},
			[]string{"backup-*", "pod/", "pod/batch/*", "workload/cronjob/*", "container/backup-1-x", "*/*"},
		},
		"a container's policy": {
			by(Origin{Trigger: TriggerRestart, Container: &Container{ID: id, Name: "web"}}),
			[]string{"container/web", "container/w*", "container/" + id[:6]},
			[]string{"web", "container/", "container/user@1000/web", "pod/web"},
		},
		"a process in a container": {
			by(Origin{Trigger: TriggerCommand, Placement: cgroup.Parse("/system.slice/docker-" + id + ".scope")}),
			[]string{"container/" + id[:6], "docker-*.scope"},
			[]string{"container/web"},
		},
		"a unit": {by(Origin{Trigger: TriggerCommand, Placement: kubelet}), []string{"kube*"}, []string{"pod/*", "workload/*", "container/*"}},
	} {
		for _, pattern := range tc.yes {
			if !tc.match(pattern) {
				t.Errorf("%s: %q does not match", name, pattern)
			}
		}
		for _, pattern := range tc.not {
			if tc.match(pattern) {
				t.Errorf("%s: %q matches", name, pattern)
			}
		}
	}
}

func TestUnitPattern(t *testing.T) {
	for in, want := range map[string]string{
		"cron": "cron.service", "cron.service": "cron.service", "cron*": "cron*", "apt-daily.timer": "apt-daily.timer",
		"user@1000/app": "user@1000/app.service", "init.scope": "init.scope", "[a,b]": "[a,b]", "foo.bar": "foo.bar.service",
		"": "", "getty@tty1": "getty@tty1.service",
	} {
		if got, err := UnitPattern(in); got != want || err != nil {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	if _, err := UnitPattern("a.service,b"); !errors.Is(err, ErrUnitList) {
		t.Error(err)
	}
}
