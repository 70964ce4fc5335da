package report

import (
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// runtimes are the programs that make containers.
var runtimes = []string{"dockerd", "containerd", "containerd-shim-runc-v2", "crio", "conmon", "podman", "docker", "nerdctl", "ctr", "crictl"}

// container tells how to see whether a container is restarted by its runtime.
func container(c *Cause) (Remedy, bool) {
	k := c.Example
	out := Remedy{
		Kind: ContainerRestart,
		Cost: Drawback{Code: DrawbackContainerDown},
	}
	for _, place := range []*cgroup.Placement{&k.Origin.Placement, &k.Placement} {
		known := place.Container
		if place.Outer != nil {
			known = place.Outer // whose name is not chosen within another
		}
		switch {
		case known == nil:
			continue
		case known.Claimed:
			// the machine's runtime may have another one of this id
			out.Do = Advice{Code: AdviceInspectContainerOfUser, Program: known.Runtime, User: known.UID, HasUser: known.HasUID}
		default:
			out.Do = Advice{Code: AdviceInspectContainer, Program: known.Runtime}
			out.Commands = inspect(known.Runtime, known.ID)
		}
		return out, true
	}
	if p := k.Origin.Process; p != nil && slices.Contains(runtimes, program(p)) {
		out.Do = Advice{Code: AdviceInspectContainersOf, Program: program(p)}
		out.Commands = inspect(program(p), "")
		return out, true
	}
	return Remedy{}, false
}

// program is the name of a process's executable.
func program(p *lineage.Process) string {
	if p.Exe != "" {
		return path.Base(strings.TrimSuffix(p.Exe, " (deleted)"))
	}
	return p.Comm
}

// inspect are the commands that show a container's restart policy.
func inspect(runtime, id string) [][]string {
	var tool string
	switch {
	case strings.Contains(runtime, "docker"):
		tool = "docker"
	case strings.Contains(runtime, "podman"), strings.Contains(runtime, "libpod"), runtime == "conmon":
		tool = "podman"
	case strings.Contains(runtime, "cri"), strings.Contains(runtime, "containerd"):
		if id == "" {
			return [][]string{{"crictl", "ps", "--all"}}
		}
		return [][]string{{"crictl", "inspect", id}, {"crictl", "logs", id}}
	default:
		return nil
	}
	if id == "" {
		return [][]string{{tool, "ps", "--all"}}
	}
	return [][]string{
		{tool, "inspect", "--format", "{{.HostConfig.RestartPolicy.Name}} {{.RestartCount}}", id},
		{tool, "logs", "--tail", "50", id},
	}
}
