package blame

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

const (
	hostPIDs = 7
	// The pids of the engines.
	dockerd, containerd, kubelet, dockerd2 = 60, 61, 62, 63

	dockerSocket     = "/run/docker.sock"
	containerdSocket = "/run/containerd/containerd.sock"
)

// containerID is the id of the nth container.
func containerID(n int) string { return strings.Repeat(fmt.Sprintf("%02x", n+0xa0), 32) }

// engineStory is a story of a machine with dockerd, containerd and a kubelet, which have been
// up for long.
func engineStory(t *testing.T) *story {
	t.Helper()
	s := tell(t)
	s.pidns = hostPIDs
	s.see(&event.Host{NameWaitNS: 5000 * ms})
	s.process(1, 0, "/init.scope", "/usr/lib/systemd/systemd", "/sbin/init")
	for _, name := range []string{"cron.service", "docker.service", "containerd.service", "kubelet.service"} {
		s.units[name] = event.UnitState{Name: name, Type: "simple"}
	}
	s.process(30, 1, "/system.slice/cron.service", "/usr/sbin/cron", "cron", "-f")
	s.process(containerd, 1, "/system.slice/containerd.service", "/usr/bin/containerd", "/usr/bin/containerd")
	s.process(dockerd, 1, "/system.slice/docker.service", "/usr/sbin/dockerd", "/usr/sbin/dockerd", "-H", "fd://")
	s.process(kubelet, 1, "/system.slice/kubelet.service", "/usr/bin/kubelet", "/usr/bin/kubelet")
	s.now += 100_000
	// tell who listens
	s.engineAsk(kubelet, containerd, event.EngineRequest{Call: event.EngineTask, Container: "nothing"})
	s.engineAsk(containerd, dockerd, event.EngineRequest{Call: event.EngineCreate})
	s.now += 400_000
	return s
}

var listening = map[uint32]struct {
	engine event.Engine
	path   string
}{dockerd: {event.EngineDocker, dockerSocket}, containerd: {event.EngineContainerd, containerdSocket}}

// engineAsk is a request of a process to an engine.
func (s *story) engineAsk(pid, engine uint32, q event.EngineRequest) {
	q.Sender, q.TID, q.Listener, q.Conn = s.id(pid), pid, s.id(engine), uint64(pid)+5000
	q.Engine, q.Path = listening[engine].engine, listening[engine].path
	s.see(&q)
}

// start is docker's request to start a container.
func (s *story) start(pid uint32, container string) {
	s.engineAsk(pid, dockerd, event.EngineRequest{Call: event.EngineStart, Container: container})
}

// session is a shell of a user's, whose pid is the uid.
func (s *story) session(uid uint32) {
	s.uid = uid
	s.process(uid, 1, fmt.Sprintf("/user.slice/user-%d.slice/session-%d.scope", uid, uid), "/usr/bin/bash", "bash")
	s.uid = 0
}

// typed is a command that a user has typed.
func (s *story) typed(uid, pid uint32, argv ...string) {
	s.uid = uid
	s.process(pid, uid, fmt.Sprintf("/user.slice/user-%d.slice/session-%d.scope", uid, uid), "/usr/bin/"+argv[0], argv...)
	s.uid = 0
}

// dockerRuns is dockerd having containerd run a container, whose first process is pid+5.
func (s *story) dockerRuns(pid uint32, id string) {
	s.engineAsk(dockerd, containerd, event.EngineRequest{Call: event.EngineTask, Container: id})
	s.shim(pid, "moby", id)
	s.see(&event.NetnsJoin{Serial: s.serial, Process: s.id(dockerd), How: event.JoinSetns})
}

// shim is containerd running a container in one of its namespaces.
func (s *story) shim(pid uint32, namespace, id string) {
	const own = "/system.slice/containerd.service"
	scope := "/system.slice/docker-" + id + ".scope"
	if namespace != "moby" {
		scope = "/" + namespace + "/" + id
	}
	s.process(pid, containerd, own, "/usr/bin/containerd-shim-runc-v2", "/usr/bin/containerd-shim-runc-v2", "-namespace", namespace, "-id", id, "start")
	s.process(pid+1, pid, own, "/usr/bin/containerd-shim-runc-v2", "/usr/bin/containerd-shim-runc-v2", "-namespace", namespace, "-id", id)
	s.process(pid+2, pid+1, own, "/usr/sbin/runc", "runc", "--root", "/r", "create", "--bundle", "/run/b/"+id, id)
	s.process(pid+3, pid+2, scope, "/memfd:runc_cloned:/proc/self/exe", "runc", "init")
	s.forked(pid+4, pid+3, scope, "runc:[1:CHILD]")
	s.serial++
	s.see(&event.NetnsCreate{Serial: s.serial, Creator: s.id(pid + 4), TID: pid + 4, Call: event.CallUnshare, Inum: 1, Cgroup: s.cgroups[scope]})
	s.forked(pid+5, pid+4, scope, "runc:[2:INIT]")
	s.see(&event.NetnsJoin{Serial: s.serial, Process: s.id(pid + 5), How: event.JoinFork})
	s.see(&event.Exit{Process: s.id(pid + 4)})
}

// ends is the end of the first process of a container that dockerRuns ran.
func (s *story) ends(pid, code uint32) {
	p := event.Process{ID: s.id(pid + 5), Parent: s.id(pid + 4), Exited: true, ExitNS: (s.now + 1) * ms, ExitCode: code}
	s.see(&p)
	s.see(&event.Exit{Process: p.ID})
}

// sandbox is containerd making the namespace of a pod's sandbox.
func (s *story) sandbox() (serial uint64) {
	s.serial++
	s.see(&event.NetnsCreate{
		Serial: s.serial, Creator: s.id(containerd), TID: containerd + 1000, Comm: "containerd", Call: event.CallUnshare, Inum: uint32(s.serial),
		Cgroup: s.cgroups["/system.slice/containerd.service"],
	})
	return s.serial
}

// wantsPod is the kubelet asking for the sandbox of a pod.
func (s *story) wantsPod(pid uint32, name, uid string, attempt uint32) {
	s.engineAsk(pid, containerd, event.EngineRequest{Call: event.EngineRunSandbox, Sandbox: &event.SandboxRequest{
		Namespace: "shop", Name: name, UID: uid, Attempt: attempt, Source: "file",
	}})
}

// plugin is a CNI plugin that a process calls, and that moves into a namespace.
func (s *story) plugin(pid, parent uint32, path string, serial uint64, name, uid string) {
	s.process(pid, parent, path, "/usr/lib/cni/bridge", "/usr/lib/cni/bridge")
	s.see(&event.NetnsJoin{Serial: serial, Process: s.id(pid), How: event.JoinSetns})
	s.see(&event.CNI{Serial: serial, Process: s.id(pid), Command: "ADD", PodNamespace: "shop", PodName: name, PodUID: uid})
}

// calls is a plugin that containerd calls.
func (s *story) calls(pid uint32, serial uint64, name, uid string) {
	s.plugin(pid, containerd, "/system.slice/containerd.service", serial, name, uid)
}

// wait is time passing.
func (s *story) wait(millis uint64) {
	s.now += millis
	s.see(&event.Clock{})
}

// wantFor compares for whom each was made, as "container or pod (evidence)".
func (s *story) wantFor(want ...string) {
	s.t.Helper()
	var got []string
	for _, c := range s.done {
		got = append(got, forText(c.For))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("for (-want +got):\n%s", diff)
	}
}

func forText(f *finding.For) string {
	if f == nil {
		return "nobody"
	}
	var words []string
	if c := f.Container; c != nil {
		text := c.Runtime + ":" + c.ID[:min(4, len(c.ID))]
		if c.Name != "" {
			text += " " + c.Name
		}
		words = append(words, text)
	}
	if p := f.Pod; p != nil {
		text := "pod " + p.Namespace + "/" + p.Name + " " + p.UID
		if p.Attempt != nil {
			text += fmt.Sprintf(" attempt %d", *p.Attempt)
		}
		words = append(words, text)
	}
	text := strings.Join(append(words, "("+string(f.Evidence)+")"), " ")
	if !f.Why.IsZero() {
		text += ": " + reason(f.Why)
	}
	return text
}
