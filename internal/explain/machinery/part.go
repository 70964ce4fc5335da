package machinery

import (
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// role is what a program is to a container.
type role int

const (
	// engine is a daemon that is asked over a socket.
	engine role = iota + 1
	// command is a program that makes a container itself, for whoever calls it.
	command
	// monitor looks after a container: conmon, a shim.
	monitor
	// runtime makes the container: runc, crun, youki.
	runtime
	// helper does a part of the work for an engine, which has forked it: pinns,
	// "lxd forkstart".
	helper
)

// part is what one process says of itself by its executable and arguments.
type part struct {
	role   role
	engine event.Engine
	// cleanup is set for podman's command that conmon runs when a container ended.
	cleanup bool
	// runtime is one of the words of package cgroup. The others are as in Work.
	runtime, namespace, id, name, bundle string
}

// The names of programs.
const (
	shimV2    = "containerd-shim-runc-v2"
	nspawn    = "systemd-nspawn"
	podman    = "podman"
	forkstart = "forkstart"
)

// MayBeEngine reports whether a process whose program could not be read may be an engine:
// it has the name of one, which anybody can give himself.
func MayBeEngine(p *lineage.Process) bool {
	if p.Exe != "" {
		return false
	}
	named := *p
	named.Exe = p.Comm
	found, ok := read(&named)
	return ok && found.role == engine
}

// read tells what a process is by the name of its executable and the shape of its
// arguments. Where that lies, and who runs it, is not looked at.
func read(p *lineage.Process) (part, bool) {
	name := program(p)
	args := p.Argv[min(1, len(p.Argv)):]
	switch name {
	case "dockerd":
		return part{role: engine, engine: event.EngineDocker, runtime: cgroup.RuntimeDocker}, true
	case "containerd":
		return part{role: engine, engine: event.EngineContainerd, runtime: cgroup.RuntimeContainerd}, true
	case "crio":
		return part{role: engine, engine: event.EngineCRIO, runtime: cgroup.RuntimeCRIO}, true
	case "pinns":
		return part{role: helper, engine: event.EngineCRIO, runtime: cgroup.RuntimeCRIO}, true
	case "lxd":
		return readLXD(event.EngineLXD, args), true
	case "incusd":
		return readLXD(event.EngineIncus, args), true
	case shimV2, "containerd-shim-runc-v1", "containerd-shim":
		return readShim(args), true
	case "conmon", "conmonrs":
		return part{role: monitor, id: option(args, "-c", "--cid"), name: option(args, "-n", "--name"), bundle: option(args, "-b", "--bundle")}, true
	case "runc", "crun", "youki":
		return readRuntime(args)
	case podman, "buildah":
		return readPodman(args), true
	case "lxc-start", "lxc-execute", "lxc-autostart":
		return part{role: command, runtime: cgroup.RuntimeLXC, id: lxcName(args)}, true
	case nspawn:
		return part{role: command, runtime: cgroup.RuntimeNspawn, id: machineName(args)}, true
	}
	return part{}, false
}

// sealed reports whether a process runs a copy that has no path: crun executes itself
// from a mount that is in no tree, so that its container cannot overwrite it
// (src/libcrun/cloned_binary.c). What it is called says what it may be, no more.
func sealed(p *lineage.Process) bool {
	return p.Exe == "" && !p.ExeTruncated && !p.ArgvUnread && len(p.Argv) > 0
}

// program is the name of a program. One executable of k3s and of rke2 is many programs,
// which it is by the name that it is called by.
func program(p *lineage.Process) string {
	if sealed(p) {
		return path.Base(p.Argv[0])
	}
	name := path.Base(strings.TrimSuffix(p.Exe, " (deleted)"))
	switch name {
	case "k3s", "rke2":
		if len(p.Argv) > 0 {
			return path.Base(p.Argv[0])
		}
	}
	return name
}

// option is the value of an option by one of its names: "-c V", "--cid V" or "--cid=V".
// It is empty if it is not there.
func option(args []string, names ...string) string {
	for i, arg := range args {
		for _, name := range names {
			if value, ok := strings.CutPrefix(arg, name+"="); ok {
				return value
			}
			if arg == name && i+1 < len(args) {
				return args[i+1]
			}
		}
	}
	return ""
}

// readShim reads "-namespace moby -id ID -address PATH".
func readShim(args []string) part {
	out := part{role: monitor, engine: event.EngineContainerd, namespace: option(args, "-namespace", "--namespace"), id: option(args, "-id", "--id")}
	out.runtime = cgroup.RuntimeContainerd
	if out.namespace == MobyNamespace {
		out.engine, out.runtime = event.EngineDocker, cgroup.RuntimeDocker
	}
	return out
}

// flags are the options of runc, crun and youki before the verb that have no value.
var flags = []string{"--debug", "--systemd-cgroup", "--help", "--version", "-h", "-v"}

// readRuntime reads "runc --root DIR create --bundle DIR ID".
func readRuntime(args []string) (part, bool) {
	i := 0
	for i < len(args) && strings.HasPrefix(args[i], "-") {
		if !strings.Contains(args[i], "=") && !slices.Contains(flags, args[i]) {
			i++
		}
		i++
	}
	if i >= len(args) || !slices.Contains([]string{"create", "run", "restore"}, args[i]) {
		return part{}, false
	}
	rest := args[i+1:]
	out := part{role: runtime, bundle: option(rest, "-b", "--bundle")}
	if last := len(rest) - 1; last >= 0 && !strings.HasPrefix(rest[last], "-") && (last == 0 || !takesValue(rest[last-1])) {
		out.id = rest[last]
	}
	return out, true
}

// takesValue reports whether an option of "create" has its value in the next argument.
func takesValue(arg string) bool {
	return slices.Contains([]string{"-b", "--bundle", "--pid-file", "--console-socket", "--preserve-fds", "-f", "--config"}, arg)
}

// readPodman tells podman's service from its command, and from the command that conmon
// runs when a container ended.
func readPodman(args []string) part {
	out := part{role: command, engine: event.EnginePodman, runtime: cgroup.RuntimePodman}
	switch {
	case follow(args, "system", "service"):
		out.role = engine
	case follow(args, "container", "cleanup"):
		out.cleanup = true
		if last := args[len(args)-1]; IsID(last) {
			out.id = last
		}
	}
	return out
}

// follow reports whether two words follow each other.
func follow(args []string, first, second string) bool {
	i := slices.Index(args, first)
	return i >= 0 && i+1 < len(args) && args[i+1] == second
}

// readLXD reads "lxd forkstart NAME …", which starts a container for the daemon.
func readLXD(of event.Engine, args []string) part {
	out := part{role: engine, engine: of, runtime: cgroup.RuntimeLXC}
	if len(args) > 1 && args[0] == forkstart {
		out.role, out.id = helper, args[1]
	}
	return out
}

// lxcName is the name of a container of LXC: "-n NAME", or the first argument.
func lxcName(args []string) string {
	if name := option(args, "-n", "--name"); name != "" || len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return name
	}
	return args[0]
}

// machineName is the name of a container of systemd-nspawn: that given, or that of its
// directory.
func machineName(args []string) string {
	if name := option(args, "-M", "--machine"); name != "" {
		return name
	}
	for _, arg := range args {
		if name, ok := strings.CutPrefix(arg, "-M"); ok && !strings.HasPrefix(name, "-") {
			return name
		}
	}
	if dir := option(args, "-D", "--directory"); dir != "" && path.Base(dir) != "/" && path.Base(dir) != "." {
		return path.Base(dir)
	}
	return ""
}

// MobyNamespace is the namespace of containerd in which docker has its containers.
const MobyNamespace = "moby"

// IsID reports whether a text is an id as docker, podman and containerd make them: 64
// hexadecimal digits.
func IsID(text string) bool { return len(text) == 64 && consistsOf(text, "0123456789abcdef") }

// IsBuildStep reports whether a text is the id of a step of a build: BuildKit makes 25
// digits and lower-case letters (identity.NewID).
func IsBuildStep(text string) bool {
	return len(text) == 25 && consistsOf(text, "0123456789abcdefghijklmnopqrstuvwxyz")
}

func consistsOf(text, set string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(set, r) })
}
