package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// inUnit is a creation by a process of a unit of the machine, that began with somebody.
func inUnit(inum uint32, by lineage.Process, ancestry ...lineage.Process) *finding.Attribution {
	k := unblamed(&lineage.Creation{
		BootNS: at(1, 41, 20, uint64(inum)), Process: by, Ancestry: append(ancestry, systemd()),
		Netns: event.NetnsCreate{Call: event.CallUnshare, Inum: 4026533000 + inum, Cookie: uint64(inum), ParentInum: 4026531840, DurationNS: 2_100_000},
	})
	k.Placement = cgroup.Parse(by.Cgroup)
	return k
}

// begunBy is an origin by a process.
func begunBy(trigger finding.Trigger, p lineage.Process, ancestry ...lineage.Process) finding.Origin {
	place := cgroup.Parse(p.Cgroup)
	return finding.Origin{
		Trigger: trigger, Process: &p, Ancestry: append(ancestry, systemd()), Unit: place.Unit, Placement: place, Evidence: evidence.Kernel,
	}
}

// nginx is the container web of docker's, composePart one of docker compose's.
var (
	nginx       = finding.Container{ID: containerID, Runtime: cgroup.RuntimeDocker, Namespace: "moby", Name: "web", Image: "nginx:latest", RestartPolicy: "always"}
	composePart = finding.Container{
		ID: containerID, Runtime: cgroup.RuntimeDocker, Namespace: "moby", Name: "shop-web-1", Image: "nginx:latest", RestartPolicy: "no",
		ComposeProject: "shop", ComposeService: "web",
	}
)

// inDocker is a creation by runc for a container of docker's.
func inDocker(inum uint32, c finding.Container) *finding.Attribution {
	runc := process(1200+inum, "runc:[1:CHILD]", "runc", "init")
	runc.ArgvInherited, runc.Exe, runc.Cgroup = true, "/usr/sbin/runc", "/system.slice/docker-"+containerID+".scope"
	shim := process(1100, "containerd-shim", "/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", containerID, "-address", "/run/containerd/containerd.sock")
	k := inUnit(inum, runc, exited(process(1150, "runc", "runc", "--root", "/var/run/docker/runtime-runc/moby", "--log", "/run/containerd/io.containerd.runtime.v2.task/moby/"+containerID+"/log.json", "create", "--bundle", "/run/containerd/io.containerd.runtime.v2.task/moby/"+containerID, containerID), 0), shim)
	k.For = &finding.For{Container: &c, Evidence: evidence.Runtime}
	return k
}

// ofPod is a creation by a thread of containerd for a pod.
func ofPod(inum uint32, pod finding.Pod) *finding.Attribution {
	containerd := process(700, "containerd", "/usr/bin/containerd")
	containerd.TID, containerd.Cgroup, containerd.Preexisting = 711, "/system.slice/containerd.service", true
	kubelet := process(650, "kubelet", "/usr/bin/kubelet", "--config=/etc/kubelet.yaml")
	kubelet.Cgroup, kubelet.Preexisting = "/system.slice/kubelet.service", true
	k := inUnit(inum, containerd)
	k.For = &finding.For{Pod: &pod, Evidence: evidence.Kernel}
	k.Origin = begunBy(finding.TriggerPod, kubelet)
	k.Origin.Pod = &pod
	k.Links = []finding.Link{
		{Kind: finding.KindBecause, Evidence: evidence.Kernel, Cause: finding.EngineRequest{Engine: event.EngineContainerd, Call: event.EngineRunSandbox, Pod: &pod}},
		{Kind: finding.KindAskedBy, Evidence: evidence.Kernel, Process: &kubelet, Ancestry: []lineage.Process{systemd()}},
	}
	return k
}

func podOf(namespace, name string, attempt uint32) finding.Pod {
	return finding.Pod{
		Namespace: namespace, Name: name, UID: "3fd0cb54-5a00-11e9-b385-42010a80018d", Attempt: &attempt, Source: "api",
		Labels: []event.Label{{Key: "app", Value: name}},
	}
}

// beneficiaries are creations for containers and pods, by name.
func beneficiaries() []*finding.Attribution {
	cli := process(1300, "docker", "docker", "run", "--rm", "--name", "web", "nginx:latest")
	cli.Exe, cli.Cgroup = "/usr/bin/docker", "/system.slice/cron.service"
	run := inDocker(1, nginx)
	run.Origin = begunBy(finding.TriggerCommand, cli, process(300, "cron", "/usr/sbin/cron", "-f"))
	run.Links = []finding.Link{
		{Kind: finding.KindBecause, Evidence: evidence.Kernel, Cause: finding.EngineRequest{Engine: event.EngineDocker, Call: event.EngineStart, Container: containerID}},
		{Kind: finding.KindAskedBy, Evidence: evidence.Kernel, Process: &cli, Ancestry: run.Origin.Ancestry},
	}

	code := uint32(1 << 8)
	again := inDocker(2, nginx)
	again.Links = []finding.Link{{Kind: finding.KindBecause, Evidence: evidence.Inferred, Cause: finding.ContainerRestart{Container: nginx, Ended: &code}}}
	again.Origin = finding.Origin{Trigger: finding.TriggerRestart, Container: &nginx, Evidence: evidence.Inferred}

	up := inDocker(3, composePart)
	up.Links = []finding.Link{{Kind: finding.KindBecause, Evidence: evidence.Inferred, Cause: finding.EngineStart{Engine: event.EngineDocker, Container: composePart}}}
	up.Origin = finding.Origin{
		Trigger: finding.TriggerBoot, Unit: "docker.service", Placement: cgroup.Parse("/system.slice/docker.service"), Evidence: evidence.Inferred,
	}

	crun := process(1400, "crun", "/usr/bin/crun", "--log-format=json", "--log", "/run/containers/storage/overlay-containers/"+containerID+"/userdata/oci-log", "create", "--bundle", "/var/lib/containers/storage/overlay-containers/"+containerID+"/userdata", "--pid-file", "/run/pidfile", containerID)
	podman := process(1390, "podman", "podman", "run", "--name", "pd", "--network", "none", "alpine", "sleep", "9")
	podman.Exe = "/usr/bin/podman"
	rootless := inUnit(4, crun, process(1395, "conmon", "/usr/bin/conmon", "--api-version", "1", "-c", containerID, "-n", "pd"), podman)
	rootless.For = &finding.For{Container: &finding.Container{ID: containerID, Runtime: cgroup.RuntimePodman, Name: "pd"}, Evidence: evidence.Kernel}
	rootless.Origin = begunBy(finding.TriggerCommand, podman)

	job := podOf("batch", "mail-29321400-x7k2p", 0)
	job.Workload = &finding.Workload{Kind: "CronJob", Name: "mail", Evidence: evidence.Inferred}
	static := podOf("shop", "web-node1", 0)
	static.Source, static.Labels, static.Manifests = "file", nil, "/etc/kubernetes/manifests"
	sandboxed := ofPod(7, static)
	sandboxed.For.Container = &finding.Container{ID: strings.Repeat("ab", 32), Runtime: cgroup.RuntimeContainerd, Namespace: "k8s.io", Name: "app"}

	several := ofPod(8, finding.Pod{})
	several.For = &finding.For{Evidence: evidence.Unknown, Why: finding.Reason{Text: "pods a/b and c/d were asked for at once"}}
	several.Links, several.Origin = nil, finding.Origin{Trigger: finding.TriggerUnknown, Evidence: evidence.Unknown, Why: several.For.Why}

	guessed := ofPod(9, finding.Pod{UID: job.UID})
	guessed.For.Evidence, guessed.For.Why = evidence.Inferred, finding.Reason{Text: "it is the only one open"}
	step := inDocker(10, finding.Container{ID: "k2f7c0q1n5x8u3m6b9d4w7z1a", Runtime: cgroup.RuntimeBuildKit})
	bare := inDocker(11, finding.Container{ID: containerID, Runtime: cgroup.RuntimeContainerd, Namespace: "default"})
	return []*finding.Attribution{
		run, again, up, rootless, ofPod(5, podOf("batch", "broken-node1", 7)), ofPod(6, job), sandboxed, several, guessed, step, bare,
		misnamed("\x1b[2J), docker\n\u202e\xff"),
	}
}

// misnamed is for a pod and a container of which every name is the one given.
func misnamed(s string) *finding.Attribution {
	c := finding.Container{ID: s, Runtime: s, Namespace: s, Name: s, Image: s, RestartPolicy: s, ComposeProject: s, ComposeService: s}
	p := finding.Pod{
		Namespace: s, Name: s, UID: s, Source: s, Labels: []event.Label{{Key: s, Value: s}},
		Workload: &finding.Workload{Kind: s, Name: s, Evidence: evidence.Evidence(s)},
	}
	k := inDocker(20, c)
	k.For.Pod, k.For.Why, k.For.Evidence = &p, finding.Reason{Text: s}, evidence.Evidence(s)
	k.Origin = finding.Origin{Trigger: finding.TriggerRestart, Container: &c, Pod: &p, Evidence: evidence.Claimed}
	for _, cause := range []finding.Cause{
		finding.EngineRequest{Engine: event.Engine(s), Call: event.EngineCall(s), Container: s},
		finding.EngineRequest{Engine: event.EngineCRIO, Call: event.EngineRunSandbox, Pod: &p},
		finding.ContainerRestart{Container: c},
		finding.EngineStart{Engine: event.Engine(s), Container: c},
	} {
		k.Links = append(k.Links, finding.Link{Kind: finding.KindBecause, Evidence: evidence.Kernel, Cause: cause})
	}
	return k
}

// TestForGolden shows for whom namespaces were made, in each form, and what becomes
// known of that only later.
func TestForGolden(t *testing.T) {
	for name, newPrinter := range map[string]func(w *bytes.Buffer) finding.Consumer{
		"line":  func(w *bytes.Buffer) finding.Consumer { return NewText(w, w, TextOptions{}) },
		"color": func(w *bytes.Buffer) finding.Consumer { return NewText(w, w, TextOptions{Color: true}) },
		"tree":  func(w *bytes.Buffer) finding.Consumer { return NewText(w, w, TextOptions{Tree: true}) },
		"json":  func(w *bytes.Buffer) finding.Consumer { return NewJSON(w) },
	} {
		var w bytes.Buffer
		p := newPrinter(&w)
		observe(p, host)
		for _, k := range beneficiaries() {
			later := &finding.NetnsFor{BootNS: k.BootNS + 4_100_000_000, Created: k, For: k.For}
			if err := p.Consume(created(k)); err != nil {
				t.Fatal(err)
			}
			if err := p.Consume(later); err != nil {
				t.Fatal(err)
			}
		}
		if name != "color" {
			harmless(t, w.String())
		}
		golden(t, "for."+name+".golden", w.Bytes())
	}
}

// Who it was made for comes before the machinery that made it, and as much of that as
// a person needs stands within a terminal's width.
func TestForComesFirst(t *testing.T) {
	for _, k := range beneficiaries()[:7] {
		var w bytes.Buffer
		if err := NewText(&w, &w, TextOptions{Tree: true}).Consume(created(k)); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(w.String(), "\n")
		if !strings.HasPrefix(lines[1], "  for       ") || width(strings.TrimRight(lines[1][:min(len(lines[1]), 78)], " ")) > 78 {
			t.Errorf("not for whom: %q", lines[1])
		}
		for _, line := range lines {
			if strings.HasPrefix(line, "  by ") && width(line) > 120 {
				t.Errorf("the machinery takes %d cells: %s", width(line), line)
			}
		}
	}
}

// TestForIsLossless: each name comes back byte by byte.
func TestForIsLossless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(anyString(), rapid.Just("x")).Draw(t, "name")
		if s == "" {
			return // not known
		}
		k := misnamed(s)
		object := jsonOf(t, k)
		to := object["for"].(map[string]any)
		same(t, to, "evidence", s)
		same(t, to, "why", s)
		for _, c := range []map[string]any{to["container"].(map[string]any), object["origin"].(map[string]any)["restarted_container"].(map[string]any)} {
			for _, field := range []string{"id", "runtime", "namespace", "name", "image", "restart_policy"} {
				same(t, c, field, s)
			}
			for _, l := range c["labels"].([]any) {
				same(t, l.(map[string]any), "value", s)
			}
		}
		for _, p := range []map[string]any{to["pod"].(map[string]any), object["origin"].(map[string]any)["pod"].(map[string]any)} {
			for _, field := range []string{"namespace", "name", "uid", "source"} {
				same(t, p, field, s)
			}
			label := p["labels"].([]any)[0].(map[string]any)
			same(t, label, "key", s)
			same(t, label, "value", s)
			workload := p["workload"].(map[string]any)
			same(t, workload, "kind", s)
			same(t, workload, "name", s)
		}
	})
}

// jsonOf is a creation as JSON.
func jsonOf(t fataler, k *finding.Attribution) (object map[string]any) {
	var w bytes.Buffer
	if err := NewJSON(&w).Consume(created(k)); err != nil {
		t.Fatalf("%v", err)
	}
	if err := json.Unmarshal(w.Bytes(), &object); err != nil {
		t.Fatalf("%v: %s", err, w.Bytes())
	}
	return object
}

// A report calls causes by the pod or the container that they are for.
func TestForReport(t *testing.T) {
	list := beneficiaries()
	for i := range uint32(3) {
		list = append(list, ofPod(30+i, podOf("batch", "broken-node1", 8+i)))
	}
	r := reportOf(false, list...)
	reportIsLossless(t, r)
	markdownHolds(t, r)
	var text, object bytes.Buffer
	if err := errors.Join(ReportText(&text, r, &ReportOptions{All: true}), ReportJSON(&object, r)); err != nil {
		t.Fatal(err)
	}
	harmless(t, text.String())
	sameAgain(t, object.Bytes())
	for _, want := range []string{
		". Pod batch/broken-node1, run by kubelet.service: 4 times\n", ". Restarts of container web: 1 time\n",
		". Pod shop/web-node1, run by kubelet.service: 1 time\n",
		"  for       pod batch/broken-node1 (4)\n", "  attempts  up to number 10, counted from 0\n",
		"  because   containerd was asked for a sandbox of pod batch/broken-node1\n", "$ kubectl --namespace batch describe pod broken-node1\n",
		"$ docker update --restart=no web\n", "$ ls /etc/kubernetes/manifests\n", "$ kubectl --namespace batch describe cronjob mail\n",
		"docker restarts container web by its policy always whenever it ends: mend what makes it end.\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("not told: %q", want)
		}
	}
	if t.Failed() {
		t.Log(text.String())
	}
}
