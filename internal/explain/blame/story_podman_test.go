package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// With a bridge podman makes the namespace before there is a container's monitor. The
// runtime's child moves in, from the container's pid namespace.
func TestPodmanWithABridge(t *testing.T) {
	const path = "/system.slice/cron.service"
	s := engineStory(t)
	s.process(70, 30, path, "/usr/bin/podman", "podman", "run", "--name", "web", "busybox")
	s.serial++
	s.see(&event.NetnsCreate{Serial: s.serial, Creator: s.id(70), TID: 70, Call: event.CallUnshare, Inum: 1, Cgroup: s.cgroups[path]})
	s.process(71, 70, path, "/usr/bin/conmon", "/usr/bin/conmon", "-c", containerID(1), "-n", "web", "-r", "/usr/bin/crun")
	s.forked(72, 71, path, "conmon")
	s.process(73, 72, path, "", "/usr/bin/crun", "create", "--bundle", "/b", containerID(1))
	s.pidns = hostPIDs + 1
	s.forked(74, 73, path, "crun")
	s.pidns = hostPIDs
	s.see(&event.NetnsJoin{Serial: s.serial, Process: s.id(74), How: event.JoinSetns})
	s.wait(10_000)
	s.wantFor("podman:a1a1 web (kernel):  no such container")
}
