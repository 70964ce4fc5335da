package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// conmon is what podman's process has look after a container: conmon, its fork, and crun,
// whose pids begin at the one given, and a child of crun's. crun makes the namespace if
// that is how podman does it.
func (s *story) conmon(pid, podman uint32, path, id, name string) {
	s.process(pid, podman, path, "/usr/bin/conmon", "/usr/bin/conmon", "--api-version", "1", "-c", id, "-u", id, "-r", "/usr/bin/crun", "-b", "/b", "-n", name)
	s.forked(pid+1, pid, path, "conmon")
	s.process(pid+2, pid+1, path, "/usr/bin/crun", "/usr/bin/crun", "--log-format=json", "create", "--bundle", "/b", id)
}

// crun is crun making a namespace by clone.
func (s *story) crun(pid uint32, path string) {
	s.serial++
	s.see(&event.NetnsCreate{Serial: s.serial, Creator: s.id(pid), TID: pid, Call: event.CallClone, Inum: 1, Cgroup: s.cgroups[path]})
	s.forked(pid+1, pid, path, "3")
	s.see(&event.NetnsChild{Serial: s.serial, Child: s.id(pid + 1)})
	s.see(&event.Exec{Process: s.id(pid + 1)})
}

const session1000 = "/user.slice/user-1000.slice/session-1000.scope"

func TestPodmanByHand(t *testing.T) {
	for _, uid := range []uint32{0, 1000} {
		s := engineStory(t)
		s.session(1000)
		s.uid = uid
		s.process(70, 1000, session1000, "/usr/bin/podman", "podman", "run", "alpine")
		s.conmon(80, 70, session1000, containerID(1), "web")
		s.crun(82, session1000)
		s.want("command 70 session-1000.scope (kernel)")
		if uid == 0 {
			s.wantFor("podman:a1a1 web (kernel):  no such container")
		} else {
			s.wantFor("podman:a1a1 web (claimed)")
		}
	}
}

// podman makes the namespace of a container with a bridge before conmon is there.
func TestPodmanSaysLaterForWhom(t *testing.T) {
	s := engineStory(t)
	s.session(1000)
	s.process(70, 1000, session1000, "/usr/bin/podman", "podman", "run", "alpine")
	s.serial++
	n := s.serial
	s.see(&event.NetnsCreate{Serial: n, Creator: s.id(70), TID: 75, Call: event.CallUnshare, Inum: 1, Cgroup: s.cgroups[session1000]})
	s.wait(1000)
	s.want()
	s.process(90, 1000, session1000, "/usr/bin/podman", "podman", "run", "other")
	s.conmon(91, 90, session1000, containerID(2), "other")
	s.see(&event.NetnsJoin{Serial: n, Process: s.id(93), How: event.JoinSetns}) // somebody else's
	s.want()
	s.conmon(80, 70, session1000, containerID(1), "web")
	s.see(&event.NetnsJoin{Serial: n, Process: s.id(82), How: event.JoinSetns})
	s.want("command 70 session-1000.scope (kernel)")
	s.wantFor("podman:a1a1 web (kernel):  no such container")
}

// podman's conmon runs the command that restarts the container.
func TestPodmanRestarts(t *testing.T) {
	s := engineStory(t)
	s.containers[containerID(1)] = named("web", "always")
	s.session(1000)
	s.process(70, 1000, session1000, "/usr/bin/podman", "podman", "run", "--restart", "always", "alpine")
	s.conmon(80, 70, session1000, containerID(1), "web")
	s.crun(82, session1000)
	s.see(&event.Process{ID: s.id(83), Parent: s.id(82), Exited: true, ExitNS: s.now * ms, ExitCode: 3 << 8})
	s.process(90, 81, session1000, "/usr/bin/podman", "/usr/bin/podman", "container", "cleanup", "--stopped-only", containerID(1))
	s.conmon(91, 90, session1000, containerID(1), "web")
	s.crun(93, session1000)
	s.want("command 70 session-1000.scope (kernel)", "restart (kernel)")
	how, ok := s.done[1].Links[0].Cause.(finding.ContainerRestart)
	if !ok || how.Container.Name != "web" || how.Container.RestartPolicy != "always" || how.Ended == nil || *how.Ended != 3<<8 {
		t.Errorf("%+v", s.done[1].Links)
	}
}

// A quadlet's service runs podman, and a timer that service.
func TestPodmanInAService(t *testing.T) {
	s := engineStory(t)
	s.units["web.service"] = event.UnitState{Name: "web.service", Type: "notify", TriggeredBy: []string{"web.timer"}, InactiveExitUS: s.now * 1000}
	s.units["web.timer"] = event.UnitState{Name: "web.timer", LastTriggerUS: s.now*1000 - 1}
	const path = "/system.slice/web.service"
	s.process(70, 1, path, "/usr/bin/podman", "podman", "run", "--cgroups=split", "-d", "alpine")
	s.conmon(80, 70, path, containerID(1), "web")
	s.crun(82, path)
	s.want("timer web.timer (manager)")
}

// podman moves to a cgroup below its unit's, so the unit's is another than its own.
func TestPodmanBelowItsService(t *testing.T) {
	const path = "/system.slice/web.service"
	for _, kind := range []string{"notify", "simple"} {
		s := engineStory(t)
		s.see(&event.Host{CgroupHierarchy: "unified", NameWaitNS: 5e9})
		s.caller(41, "systemctl", "start", "web.service")
		s.startJob(41, private, "StartUnit", "web.service")
		s.process(70, 1, path+"/supervisor", "/usr/bin/podman", "podman", "run", "--cgroups=split", "-d", "alpine")
		s.units["web.service"] = event.UnitState{
			Name: "web.service", Type: kind, InactiveExitUS: s.now * 1000, ControlGroupID: 7, MainPID: 70,
		}
		s.conmon(80, 70, path+"/supervisor", containerID(1), "web")
		s.crun(82, path+"/supervisor")
		s.want("command 41 cron.service (kernel)")
	}
}

// LXC's monitor has moved out of its unit, which the manager knows by the main process.
func TestLXC(t *testing.T) {
	for _, tt := range []struct {
		main uint32
		want string
	}{{70, "timer lxc.timer (manager)"}, {71, "command 70 (kernel)"}} {
		s := engineStory(t)
		s.units["lxc@web.service"] = event.UnitState{
			Name: "lxc@web.service", Type: "simple", TriggeredBy: []string{"lxc.timer"}, InactiveExitUS: s.now * 1000, MainPID: tt.main,
		}
		s.units["lxc.timer"] = event.UnitState{Name: "lxc.timer", LastTriggerUS: s.now*1000 - 1}
		const path = "/lxc.monitor.web"
		s.process(70, 1, path, "/usr/bin/lxc-start", "lxc-start", "-F", "-n", "web")
		s.forked(72, 70, path, "lxc-start")
		s.create(72, path)
		s.want(tt.want)
		s.wantFor("lxc:web (kernel)")
	}
}

func TestNspawn(t *testing.T) {
	s := engineStory(t)
	s.session(1000)
	s.process(70, 1000, session1000, "/usr/bin/systemd-nspawn", "systemd-nspawn", "--machine=web", "-D", "/srv/web")
	s.forked(72, 70, session1000, "(sd-nspawn)")
	s.create(72, session1000)
	s.want("command 70 session-1000.scope (kernel)")
	s.wantFor("systemd-nspawn:web (kernel)")
}

// A step of a build has an id that nobody asked for.
func TestBuildKit(t *testing.T) {
	const step = "uoegjx2w3pe4zb1gmbrfh5kpe"
	for _, tt := range []struct {
		name   string
		builds []uint32
		want   string
	}{
		{"one", []uint32{70}, "command 70 session-1000.scope (inferred)"},
		{"two", []uint32{70, 71}, "unknown (unknown): several_builds " + step + " docker build b (pid 71), docker build a (pid 70)"},
		{"none", nil, "unknown (unknown): no_engine_request " + step},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := engineStory(t)
			s.session(1000)
			s.typed(1000, 70, "docker", "build", "a")
			s.typed(1000, 71, "docker", "build", "b")
			for _, pid := range tt.builds {
				s.engineAsk(pid, dockerd, event.EngineRequest{Call: event.EngineBuild})
			}
			scope := "/system.slice/system.slice:docker:" + step
			s.process(82, dockerd, "/system.slice/docker.service", "/usr/sbin/runc", "runc", "--log", "/l", "run", "--bundle", "/b", "--keep", step)
			s.process(83, 82, scope, "/memfd:runc_cloned:/proc/self/exe", "runc", "init")
			s.forked(84, 83, scope, "runc:[1:CHILD]")
			s.create(84, scope)
			s.want(tt.want)
		})
	}
}
