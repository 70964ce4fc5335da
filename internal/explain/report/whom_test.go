package report

import (
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

const containerd = "/system.slice/containerd.service"

// sandbox is the namespace of a pod, which a kubelet asked for.
func sandbox(namespace, name, uid string, attempt uint32, w *finding.Workload) *finding.Attribution {
	k := plain(100, containerd, "containerd")
	pod := &finding.Pod{Namespace: namespace, Name: name, UID: uid, Attempt: &attempt, Workload: w}
	kubelet := process(60, "/system.slice/kubelet.service", "kubelet")
	k.Origin = finding.Origin{Trigger: finding.TriggerPod, Process: &kubelet, Pod: pod, Unit: "kubelet.service", Placement: finding.Place(&kubelet), Evidence: evidence.Kernel}
	k.For = &finding.For{Pod: pod, Evidence: evidence.Kernel}
	return k
}

// contained is the namespace of a container of docker, which runc made.
func contained(id, name string, origin finding.Origin) *finding.Attribution {
	k := plain(100, "/system.slice/docker-"+id+".scope", "runc", "create", "--bundle", "/run/"+id, id)
	k.Origin = origin
	k.For = &finding.For{Container: &finding.Container{ID: id, Runtime: "docker", Name: name}}
	return k
}

func TestASandboxThatIsTriedAgainIsOneCause(t *testing.T) {
	s := newStory()
	for i := range uint32(5) {
		s.create(second+uint64(i), sandbox("batch", "broken-node1", "u1", i, nil))
	}
	s.create(20*second, sandbox("batch", "broken-node1", "u2", 0, nil)) // made anew
	s.create(30*second, sandbox("shop", "web-node1", "u3", 0, nil))
	s.create(31*second, sandbox("shop", "broken-node1", "u4", 0, nil))
	list := s.causes(t, 3)
	if c := list[0]; c.Count != 6 || c.Whom.PodNamespace != "batch" || c.Whom.Pod != "broken-node1" || c.Attempt == nil || *c.Attempt != 4 {
		t.Errorf("%d times for %+v", c.Count, c.Whom)
	}
	if list[1].Count != 1 || list[2].Count != 1 {
		t.Errorf("%d and %d", list[1].Count, list[2].Count)
	}
}

func TestPodsOfAWorkloadAreOneCause(t *testing.T) {
	s := newStory()
	backup := &finding.Workload{Kind: "CronJob", Name: "backup", Evidence: evidence.Inferred}
	for i, name := range []string{"backup-28374620-xk2bq", "backup-28374621-bbbbb", "backup-28374622-ccccc"} {
		s.create(second*uint64(i+1), sandbox("shop", name, name, 0, backup))
	}
	s.create(10*second, sandbox("other", "backup-28374620-xk2bq", "u", 0, backup))
	s.create(11*second, sandbox("shop", "backup", "u", 0, &finding.Workload{Kind: "Job", Name: "backup"}))
	list := s.causes(t, 3)
	if c := list[0]; c.Count != 3 || c.Whom.Workload == nil || c.Whom.Workload.Kind != "CronJob" || len(c.For.Values) != 3 || c.Whom.Pod != "" {
		t.Errorf("%d times for %+v, pods %v", c.Count, c.Whom, c.For)
	}
	if got := list[0].For.Values[0].Value[1]; got != "shop/backup-28374620-xk2bq" {
		t.Errorf("pod %q", got)
	}
}

// A restart is a cause by the container's name. Arguments of machinery make none.
func TestContainersAsCauses(t *testing.T) {
	id := func(n string) string { return strings.Repeat(n, 64) }
	restart := func(id, name string) *finding.Attribution {
		c := finding.Container{ID: id, Runtime: "docker", Name: name, RestartPolicy: "always"}
		return contained(id, name, finding.Origin{Trigger: finding.TriggerRestart, Container: &c, Evidence: evidence.Inferred})
	}
	s := newStory()
	for range 3 {
		s.create(second, restart(id("a"), "web"))
	}
	s.create(second, restart(id("b"), "db"))
	s.create(second, restart(id("b"), "db"))
	list := s.causes(t, 2)
	if list[0].Whom.Container != "web" || list[0].Count != 3 || list[1].Whom.Container != "db" {
		t.Errorf("%+v and %+v", list[0].Whom, list[1].Whom)
	}

	s = newStory()
	for _, n := range []string{"a", "b", "c"} {
		unknown := finding.Origin{Trigger: finding.TriggerUnknown, Evidence: evidence.Unknown, Why: finding.Reason{Code: finding.ReasonNoEngineRequest, Container: id(n)}}
		s.create(second, contained(id(n), "x"+n, unknown))
	}
	list = s.causes(t, 1)
	if c := list[0]; len(c.Command) != 1 || c.Command[0] != "runc" || len(c.Containers.Values) != 3 || c.Why.Container != "" {
		t.Errorf("%q, %v, %+v", c.Command, c.Containers, c.Why)
	}

	s = newStory()
	for _, n := range []string{"a", "b"} {
		docker := process(70, cronPath, "docker", "start", id(n))
		s.create(second, contained(id(n), "", finding.Origin{Trigger: finding.TriggerCommand, Process: &docker, Placement: finding.Place(&docker), Evidence: evidence.Kernel}))
	}
	list = s.causes(t, 1)
	if c := list[0]; strings.Join(c.Command, " ") != "docker start <id>" {
		t.Errorf("%q", c.Command)
	}
}

// Nobody is cleared while it is not known who asked for a container, be its requests
// heard or not, and the engine that made it is no suspect.
func TestEnginesAndTheirClientsAsSuspects(t *testing.T) {
	units := []string{"/system.slice/docker.service", containerd, "/system.slice/ci-runner.service"}
	tell := func(why finding.ReasonCode) Suspects {
		s := newStory()
		s.active(false, units...)
		id := strings.Repeat("a", 64)
		s.create(second, contained(id, "web", finding.Origin{Trigger: finding.TriggerUnknown, Why: finding.Reason{Code: why, Container: "web"}}))
		s.active(true, units...)
		return s.end()
	}
	heard := tell(finding.ReasonNoEngineRequest)
	if len(heard.Units) != 1 || heard.Units[0].Unit != "ci-runner.service" || heard.Cleared || len(heard.Doubts) != 1 || heard.Doubts[0].Code != OriginsUnknown {
		t.Errorf("%+v", heard)
	}
	unheard := tell(finding.ReasonEngineNotHeard)
	if unheard.Cleared || len(unheard.Doubts) != 2 || unheard.Doubts[0] != (Reason{Code: EnginesNotHeard, Count: 1}) {
		t.Errorf("%+v", unheard)
	}
}

// end ends the stream.
func (s *story) end() Suspects {
	s.at(9*second, &event.End{Seen: s.serial})
	return s.Report().Suspects
}
