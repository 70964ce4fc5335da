package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

func named(name, policy string) event.Container {
	return event.Container{Name: name, RestartPolicy: policy}
}

// Who asked docker for a container is found over containerd, by its id, the beginning of
// it, or its name.
func TestDockerIsAsked(t *testing.T) {
	id := containerID(1)
	for _, tt := range []struct{ name, asked, want string }{
		{"by id", id, "command 70 session-1000.scope (kernel)"},
		{"by the beginning of the id", id[:12], "command 70 session-1000.scope (kernel)"},
		{"by name", "web", "command 70 session-1000.scope (kernel)"},
		{"for another one", containerID(2), "unknown (unknown): no_engine_request web"},
		{"for another one by name", "we", "unknown (unknown): no_engine_request web"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := engineStory(t)
			s.containers[id] = named("web", "no")
			s.session(1000)
			s.typed(1000, 70, "docker", "start", "web")
			s.start(70, tt.asked)
			s.dockerRuns(80, id)
			s.want(tt.want)
			s.wantFor("docker:a1a1 web (kernel)")
		})
	}
}

// Two users run a container each at the same moment. docker names both by their ids.
func TestTwoRunAtTheSameMoment(t *testing.T) {
	s := engineStory(t)
	s.session(1000)
	s.session(1001)
	s.typed(1000, 70, "docker", "run", "alpine")
	s.typed(1001, 71, "docker", "run", "alpine")
	for _, who := range []struct {
		pid uint32
		id  string
	}{{70, containerID(1)}, {71, containerID(2)}} {
		s.engineAsk(who.pid, dockerd, event.EngineRequest{Call: event.EngineCreate})
	}
	s.start(71, containerID(2))
	s.start(70, containerID(1))
	s.dockerRuns(80, containerID(1))
	s.dockerRuns(90, containerID(2))
	s.want("command 70 session-1000.scope (kernel)", "command 71 session-1001.scope (kernel)")
}

// From cron, the chain goes on to its unit; from a timer, to that.
func TestDockerIsAskedByATimer(t *testing.T) {
	s := engineStory(t)
	s.containers[containerID(1)] = named("backup", "no")
	s.units["job.service"] = event.UnitState{Name: "job.service", Type: "oneshot", TriggeredBy: []string{"job.timer"}, InactiveExitUS: s.now * 1000}
	s.units["job.timer"] = event.UnitState{Name: "job.timer", LastTriggerUS: s.now*1000 - 1}
	s.process(70, 1, "/system.slice/job.service", "/usr/bin/docker", "docker", "start", "backup")
	s.start(70, "backup")
	s.dockerRuns(80, containerID(1))
	s.caller(71, "curl", "--unix-socket", dockerSocket)
	s.start(71, containerID(2))
	s.dockerRuns(90, containerID(2))
	s.want("timer job.timer (manager)", "command 71 cron.service (kernel)")
}

// An ordinary user's program listens on a socket of its own and forges requests.
func TestAForgedSocket(t *testing.T) {
	s := engineStory(t)
	s.containers[containerID(1)] = named("web", "no")
	s.session(1000)
	s.uid = 1000
	s.process(75, 1000, "/user.slice/user-1000.slice/session-1000.scope", "/home/eve/dockerd", "/usr/sbin/dockerd")
	s.process(76, 1000, "/user.slice/user-1000.slice/session-1000.scope", "/usr/sbin/dockerd", "/usr/sbin/dockerd")
	s.uid = 0
	s.session(1001)
	s.typed(1001, 70, "docker", "start", "web")
	for _, listener := range []uint32{75, 76} {
		s.see(&event.EngineRequest{Sender: s.id(70), TID: 70, Engine: event.EngineDocker, Listener: s.id(listener), Path: dockerSocket, Conn: 9, Call: event.EngineStart, Container: "web"})
	}
	s.dockerRuns(80, containerID(1))
	s.want("unknown (unknown): no_engine_request web")
}

// A program in a container makes a namespace itself: that nobody asked docker for.
func TestAProgramInAContainerActsItself(t *testing.T) {
	s := engineStory(t)
	s.session(1000)
	s.typed(1000, 70, "docker", "run", "alpine")
	s.start(70, containerID(1))
	s.dockerRuns(80, containerID(1))
	s.pidns++
	scope := "/system.slice/docker-" + containerID(1) + ".scope"
	s.process(100, 85, scope, "/bin/unshare", "unshare", "-n")
	s.create(100, scope)
	s.want("command 70 session-1000.scope (kernel)", "command 100 docker-"+containerID(1)+".scope (kernel)")
	s.wantFor("docker:a1a1 (kernel):  no such container", "nobody")
}

// A container that ended is restarted by its policy, right after somebody asked for
// another one.
func TestAPolicyRestarts(t *testing.T) {
	s := engineStory(t)
	s.containers[containerID(1)] = named("loop", "always")
	s.containers[containerID(2)] = named("other", "always")
	s.session(1000)
	s.typed(1000, 70, "docker", "run", "--restart", "always", "loop")
	s.start(70, containerID(1))
	s.dockerRuns(80, containerID(1))
	s.wait(3000)
	s.ends(80, 2<<8)
	s.session(1001)
	s.typed(1001, 71, "docker", "start", "other")
	s.start(71, "other")
	s.dockerRuns(90, containerID(1))
	s.dockerRuns(100, containerID(2))
	s.want("command 70 session-1000.scope (kernel)", "restart (inferred)", "command 71 session-1001.scope (kernel)")
	how, ok := s.done[1].Links[0].Cause.(finding.ContainerRestart)
	if !ok || how.Container.Name != "loop" || how.Container.RestartPolicy != "always" || how.Ended == nil || *how.Ended != 2<<8 {
		t.Errorf("%+v", s.done[1].Links)
	}
	if c := s.done[1].Origin.Container; c == nil || c.Name != "loop" {
		t.Errorf("%+v", c)
	}
}

// What else a run after an end can be.
func TestNoPolicy(t *testing.T) {
	for _, tt := range []struct {
		name, policy string
		tell         func(*story)
		code         uint32
		want         string
	}{
		{"no policy", "no", func(*story) {}, 0, "unknown (unknown): no_engine_request loop"},
		{"it succeeded", "on-failure", func(*story) {}, 0, "unknown (unknown): no_engine_request loop"},
		{"it failed", "on-failure", func(*story) {}, 1 << 8, "restart (inferred)"},
		{"a request was lost", "always", func(s *story) { s.see(&event.Loss{Kind: event.LossEngine, Count: 1}) }, 0, "unknown (unknown): messages_lost loop"},
		{"somebody asked", "always", func(s *story) { s.start(70, "loop") }, 0, "command 70 session-1000.scope (inferred): policy_or_request loop pid 70"},
		{"somebody asked long after", "always", func(s *story) { s.wait(100_000); s.start(70, "loop") }, 0, "command 70 session-1000.scope (kernel)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := engineStory(t)
			s.containers[containerID(1)] = named("loop", tt.policy)
			s.session(1000)
			s.typed(1000, 70, "docker", "start", "loop")
			s.start(70, "loop")
			s.dockerRuns(80, containerID(1))
			s.wait(3000)
			s.ends(80, tt.code)
			s.now += 3000
			tt.tell(s)
			s.dockerRuns(90, containerID(1))
			s.want("command 70 session-1000.scope (kernel)", tt.want)
		})
	}
}

// docker is asked to restart what runs.
func TestDockerRestart(t *testing.T) {
	s := engineStory(t)
	s.containers[containerID(1)] = named("web", "always")
	s.session(1000)
	s.typed(1000, 70, "docker", "start", "web")
	s.start(70, "web")
	s.dockerRuns(80, containerID(1))
	s.wait(20_000)
	s.typed(1000, 71, "docker", "restart", "web")
	s.engineAsk(71, dockerd, event.EngineRequest{Call: event.EngineRestart, Container: "web"})
	s.wait(10_000)
	s.ends(80, 9)
	s.dockerRuns(90, containerID(1))
	s.want("command 70 session-1000.scope (kernel)", "command 71 session-1000.scope (kernel)")
}

// dockerd brings a container up when it starts, and somebody started that.
func TestDockerBringsUp(t *testing.T) {
	s := engineStory(t)
	s.containers[containerID(1)] = named("web", "unless-stopped")
	s.caller(70, "systemctl", "restart", "docker")
	s.startJob(70, private, "RestartUnit", "docker.service")
	s.runs(event.UnitState{Name: "docker.service", Type: "notify", MainPID: dockerd2})
	s.process(dockerd2, 1, "/system.slice/docker.service", "/usr/sbin/dockerd", "/usr/sbin/dockerd", "-H", "fd://")
	s.see(&event.Process{ID: s.id(dockerd), Exited: true, ExitNS: s.now * ms})
	s.engineAsk(dockerd2, containerd, event.EngineRequest{Call: event.EngineTask, Container: containerID(1)})
	s.shim(80, "moby", containerID(1))
	s.want("command 70 cron.service (inferred)")
	if _, ok := s.done[0].Links[0].Cause.(finding.EngineStart); !ok {
		t.Errorf("%+v", s.done[0].Links)
	}
}

// ctr asks containerd itself.
func TestContainerdIsAsked(t *testing.T) {
	s := engineStory(t)
	s.session(1000)
	s.typed(1000, 70, "ctr", "run", "alpine", "web")
	for range 3 { // create, start, wait
		s.engineAsk(70, containerd, event.EngineRequest{Call: event.EngineTask, Container: "web"})
	}
	s.shim(80, "default", "web")
	s.want("command 70 session-1000.scope (kernel)")
	s.wantFor("containerd:web (kernel):  no such container")
}

// The runtime's files are gone, or nobody reads them in time.
func TestFilesThatAreGone(t *testing.T) {
	s := engineStory(t)
	s.session(1000)
	s.typed(1000, 70, "docker", "run", "alpine")
	s.start(70, containerID(1))
	s.deaf = true
	s.dockerRuns(80, containerID(1))
	s.want()
	if at := s.blamer.Deadline(); at == 0 || at > (s.now+5000)*ms {
		t.Errorf("deadline %d", at)
	}
	s.wait(5000)
	s.want("command 70 session-1000.scope (kernel)")
	s.wantFor("docker:a1a1 (kernel)")
	s.deaf = false
	s.see(&event.Container{Question: s.asked[0], Name: "late"})
	if len(s.fors) != 1 || s.fors[0].Created != s.done[0] || forText(s.fors[0].For) != "docker:a1a1 late (kernel)" {
		t.Errorf("%+v", s.fors)
	}
}

// The program of what made the namespace could not be read. By its name it is an engine,
// which may act for somebody: it is not taken for its own master.
func TestAnEngineWhoseProgramIsUnread(t *testing.T) {
	for comm, want := range map[string]string{
		"containerd": "unknown (unknown): engine_unread pid 150",
		"myd":        "command 150 containerd.service (kernel)",
	} {
		s := engineStory(t)
		const own = "/system.slice/containerd.service"
		unread := event.ProgramID{Process: s.id(150)}
		s.see(&event.Program{ID: unread, ArgvUnread: true})
		s.put(150, 1, own, unread, comm)
		s.wait(100_000)
		s.serial++
		s.see(&event.NetnsCreate{
			Serial: s.serial, Creator: s.id(150), TID: 150, Comm: comm, Call: event.CallUnshare, Inum: 1, Cgroup: s.cgroups[own],
		})
		s.see(&event.Exit{Process: s.id(150)})
		s.want(want)
	}
}
