package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// forPod is a creation for a pod, which a kubelet with that command line runs.
func forPod(pod finding.Pod, kubelet ...string) *finding.Attribution {
	k := plain(100, "/system.slice/kubelet.service", kubelet...)
	k.For = &finding.For{Pod: &pod, Evidence: evidence.Kernel}
	k.Origin.Trigger, k.Origin.Pod = finding.TriggerPod, &pod
	return k
}

func TestPods(t *testing.T) {
	pod := finding.Pod{Namespace: "batch", Name: "mail-1-x", Workload: &finding.Workload{Kind: "CronJob", Name: "mail"}}
	if diff := cmp.Diff([][]string{
		{"kubectl", "--namespace", "batch", "describe", "pod", "mail-1-x"},
		{"crictl", "pods", "--namespace", "batch", "--name", "mail-1-x"},
	}, remedyOf(t, Pod, forPod(pod, "kubelet")).Commands); diff != "" {
		t.Error(diff)
	}
	got := remedyOf(t, Workload, forPod(pod, "kubelet"))
	if diff := cmp.Diff([][]string{{"kubectl", "--namespace", "batch", "describe", "cronjob", "mail"}}, got.Commands); diff != "" || got.Do.Code != AdviceChangeWorkload {
		t.Error(got.Do.Code, diff)
	}
	// a name that would be an option, or another command, stands in none
	for _, name := range []string{"-f", "--kubeconfig=x", "a;b", "", "a\nb"} {
		if got := remedyOf(t, Pod, forPod(finding.Pod{Namespace: "x", Name: name}, "kubelet")); got.Commands != nil {
			t.Errorf("%q: %q", name, got.Commands)
		}
	}
}

// Where the manifest of a static pod is, only the kubelet knows.
func TestManifests(t *testing.T) {
	static := finding.Pod{Namespace: "shop", Name: "web-node1", Source: "file"}
	for want, argv := range map[string][]string{
		"/etc/kubelet.yaml": {"kubelet", "--config=/etc/kubelet.yaml"},
		"/etc/other.yaml":   {"kubelet", "--v", "2", "--config", "/etc/other.yaml"},
		"/etc/manifests":    {"kubelet", "--config=/etc/kubelet.yaml", "--pod-manifest-path=/etc/manifests"},
		"":                  {"kubelet", "--config"},
	} {
		k := forPod(static, argv...)
		s := newStory()
		s.create(second, k)
		list := s.causes(t, 1)[0].Remedies
		last := list[len(list)-1]
		var got string
		if len(last.Commands) > 0 {
			got = last.Commands[0][len(last.Commands[0])-1]
		}
		if last.Do.Code != AdviceChangeManifest || got != want {
			t.Errorf("%q: %+v", argv, last)
		}
	}
}

// It is known where the kubelet was asked.
func TestKnownManifests(t *testing.T) {
	static := finding.Pod{Namespace: "shop", Name: "web-node1", Source: "file", Manifests: "/srv/pods"}
	s := newStory()
	s.create(second, forPod(static, "kubelet", "--config=/etc/kubelet.yaml"))
	list := s.causes(t, 1)[0].Remedies
	if diff := cmp.Diff([][]string{{"ls", "/srv/pods"}}, list[len(list)-1].Commands); diff != "" {
		t.Error(diff)
	}
}

func TestContainersThatAreRestarted(t *testing.T) {
	restarted := func(runtime string, uid uint32) *finding.Attribution {
		k := plain(100, "/system.slice/x.service", "runc", "create")
		k.Process.UID = uid
		c := finding.Container{ID: containerID, Runtime: runtime, Name: "web", RestartPolicy: "always"}
		k.For = &finding.For{Container: &c, Evidence: evidence.Runtime}
		k.Origin = finding.Origin{Trigger: finding.TriggerRestart, Container: &c, Evidence: evidence.Inferred}
		return k
	}
	got := remedyOf(t, ContainerRestart, restarted(cgroup.RuntimeDocker, 0))
	if diff := cmp.Diff([][]string{{"docker", "update", "--restart=no", "web"}}, got.Commands); diff != "" || got.Do.HasUser || got.Cost.Code != DrawbackContainerDown {
		t.Error(got, diff)
	}
	if got := remedyOf(t, FixFailure, restarted(cgroup.RuntimeDocker, 0)); got.Do.Code != AdviceFixContainer || got.Commands[1][4] != "web" {
		t.Errorf("%+v", got)
	}
	if got := remedyOf(t, ContainerRestart, restarted(cgroup.RuntimePodman, 1000)); got.Commands[0][0] != "podman" || got.Do.User != 1000 {
		t.Errorf("%+v", got)
	}
	if got := remedyOf(t, ContainerRestart, restarted("lxc", 0)); got.Commands != nil || got.Do.Program != "lxc" {
		t.Errorf("%+v", got)
	}
}

// A command that has a container made is what to change. Its container ends by itself.
func TestCommandsOfContainers(t *testing.T) {
	k := plain(100, "/system.slice/cron.service", "docker", "run", "nginx")
	k.For = &finding.For{Container: &finding.Container{ID: containerID, Runtime: cgroup.RuntimeDocker}, Evidence: evidence.Runtime}
	if got := remedyOf(t, FewerStarts, k); got.Do.Code != AdviceRunWithin || got.Do.Program != "docker" {
		t.Errorf("%+v", got)
	}
	if got := remedyOf(t, Command, k); got.Do.Code != AdviceChangeCrontab {
		t.Errorf("%+v", got)
	}
}

// Who it was for helps even where nobody knows who asked.
func TestUnknownForSomebody(t *testing.T) {
	k := plain(100, "/system.slice/containerd.service", "containerd")
	k.Origin = finding.Origin{Trigger: finding.TriggerUnknown, Evidence: evidence.Unknown}
	k.For = &finding.For{Pod: &finding.Pod{Namespace: "a", Name: "b"}, Evidence: evidence.Kernel}
	if got := remedyOf(t, Pod, k); got.Do.Code != AdviceSeePod {
		t.Errorf("%+v", got)
	}
	k.For = &finding.For{Container: &finding.Container{ID: containerID, Runtime: cgroup.RuntimePodman}, Evidence: evidence.Kernel}
	if got := remedyOf(t, ContainerRestart, k); got.Commands[0][4] != containerID {
		t.Errorf("%+v", got)
	}
}

// A cause counts for whom it was at work, each pod once for all its sandboxes.
func TestBeneficiaries(t *testing.T) {
	s := newStory()
	for i := range uint64(3) {
		attempt := uint32(i)
		s.create(i*second, forPod(finding.Pod{Namespace: "batch", Name: "broken", Attempt: &attempt}, "kubelet"))
	}
	var counted uint64
	for _, c := range s.causes(t, 1) {
		for _, v := range c.For.Values {
			if !equal(v.Value, []string{"pod", "batch/broken"}) {
				t.Errorf("%q", v.Value)
			}
			counted += v.Count
		}
	}
	if counted != 3 {
		t.Errorf("%d", counted)
	}
}

// Pods are causes of their own, unless one workload makes them. So are containers that
// are restarted.
func TestBeneficiariesKeepCausesApart(t *testing.T) {
	s := newStory()
	job := &finding.Workload{Kind: "Job", Name: "mail", Evidence: evidence.Claimed}
	for i, pod := range []finding.Pod{
		{Namespace: "shop", Name: "web"},
		{Namespace: "batch", Name: "broken"},
		{Namespace: "batch", Name: "broken"},
		{Namespace: "batch", Name: "mail-a", Workload: job},
		{Namespace: "batch", Name: "mail-b", Workload: job},
		{Namespace: "other", Name: "mail-a", Workload: job},
	} {
		s.create(uint64(i)*second, forPod(pod, "kubelet"))
	}
	for _, name := range []string{"web", "db", "web"} {
		k := plain(100, "/system.slice/docker-"+containerID+".scope", "runc")
		k.Origin = finding.Origin{Trigger: finding.TriggerRestart, Container: &finding.Container{Runtime: cgroup.RuntimeDocker, Name: name}, Evidence: evidence.Inferred}
		s.create(10*second, k)
	}
	var counts []uint64
	for _, c := range s.causes(t, 6) {
		counts = append(counts, c.Count)
	}
	if diff := cmp.Diff([]uint64{2, 2, 2, 1, 1, 1}, counts); diff != "" {
		t.Error(diff)
	}
}
