package inventory

import (
	"path"
	"strconv"
	"strings"
)

// Leaked reports whether a namespace has nobody in it: nothing visible holds it, or a
// mount, an open file, a socket or a message does.
func (n *Namespace) Leaked() bool { return !n.Initial && n.Threads == 0 && n.Processes == 0 }

// OlderThan reports whether a namespace has been there for so many nanoseconds. Where only the age of a process in it is known, that counts.
func (n *Namespace) OlderThan(ns, now uint64) bool {
	return n.Age.Bound != Unknown && now-min(now, n.Age.SinceNS) >= ns
}

// KeptBy says why no command frees a namespace that nobody is in.
type KeptBy string

// The reasons. The zero value stands for none.
const (
	// KeptByNothing: nothing that can be seen holds it, so there is nothing to end.
	KeptByNothing KeptBy = "nothing"
	// KeptByRuntime: it is in the books of a container runtime, which would go on
	// counting on it.
	KeptByRuntime KeptBy = "runtime"
	// KeptByMounts: it is mounted in a mount namespace that no process is known of.
	KeptByMounts KeptBy = "mounts"
	// KeptByProcess: a process of no unit holds it, and only its end or its own doing
	// lets it go.
	KeptByProcess KeptBy = "process"
	// KeptByInside: somebody is in it.
	KeptByInside KeptBy = "inside"
)

// runtimePrefix is how the names begin that container runtimes give.
const runtimePrefix = "cni-"

// Frees returns the commands that let go of all that holds a namespace that nobody is in.
// It is empty if that takes more than a command, and why says what.
func (n *Namespace) Frees() (commands [][]string, why KeptBy) {
	if !n.Leaked() {
		return nil, KeptByInside
	}
	if !n.Held() {
		return nil, KeptByNothing
	}
	for i := range n.Mounts {
		command, why := n.Mounts[i].frees()
		if why != "" {
			return nil, why
		}
		commands = append(commands, command)
	}
	if n.FileCount+n.SockCount+n.MessageCount > 0 || n.MountCount > uint64(len(n.Mounts)) {
		return nil, KeptByProcess
	}
	return commands, ""
}

// frees is the command that unmounts a namespace. What a runtime has mounted for itself
// is the runtime's; what is left of that in the mount namespaces of others is not.
func (m *Mount) frees() (command []string, why KeptBy) {
	dir, name := path.Split(m.Path)
	dir = strings.TrimSuffix(dir, "/")
	named := nameDirs[dir] == "iproute2" && name != ""
	switch {
	case m.Own && (named && strings.HasPrefix(name, runtimePrefix) || nameDirs[dir] == "docker"):
		return nil, KeptByRuntime
	case named && m.Own:
		return []string{"ip", "netns", "delete", name}, ""
	case m.Own:
		return []string{"umount", m.Path}, ""
	case m.Process.ID.PID != 0:
		pid := strconv.FormatUint(uint64(m.Process.ID.PID), 10)
		return []string{"nsenter", "--mount", "--target", pid, "umount", m.Path}, ""
	}
	return nil, KeptByMounts
}
