package machinery

import (
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Work is what machinery made a network namespace for.
type Work struct {
	// Runtime is one of the words of package cgroup. ID is the runtime's own id, empty
	// where nothing tells. Namespace is that of containerd.
	Runtime, Namespace, ID string
	// Name is the container's name as conmon's arguments say, Bundle the directory with its
	// configuration as the runtime's do. Both are empty where nothing tells.
	Name, Bundle string
	// Sandbox is set if it was made for a pod's sandbox, of which nothing is known yet.
	Sandbox bool
	// Build is set if it was made for a step of a build.
	Build bool
	// Cleanup is set if podman began the container anew when it had ended.
	Cleanup bool
	// Engine is what it was done for, empty if that is not known.
	Engine event.Engine
	// Head is who had it done, where the ancestors tell: the engine, or the command
	// if Command is set. It is nil where they do not tell. Above are Head's ancestors.
	Head    *lineage.Process
	Above   []lineage.Process
	Command bool
	// Realm is in whose name all of it runs.
	Realm Realm
}

// Realm is in whose name processes run: the machine's, a user's, or a container's.
// What machinery says is true of its own realm only.
type Realm struct {
	event.Owner
	// Machine is set for root outside of all containers.
	Machine bool
}

// Machine is the machine whose processes are looked at.
type Machine struct {
	// PIDNamespace is the number of the pid namespace of pid 1, 0 where it is not known.
	PIDNamespace uint32
}

// RealmOf tells in whose name a process runs.
func (m Machine) RealmOf(p *lineage.Process) Realm {
	owner := p.Owner
	if owner.IsZero() {
		owner.UID = p.UID
	}
	return Realm{Owner: owner, Machine: owner.UID == 0 && m.outside(p, &owner)}
}

// outside reports whether a process is in no container.
func (m Machine) outside(p *lineage.Process, owner *event.Owner) bool {
	if m.PIDNamespace != 0 && owner.PIDNamespace != 0 {
		return owner.PIDNamespace == m.PIDNamespace
	}
	return finding.Place(p).Container == nil
}

// is reports whether two realms are the same, in what is known of both.
func (r Realm) is(other Realm) bool {
	return r.UID == other.UID && (r.PIDNamespace == other.PIDNamespace || r.PIDNamespace == 0 || other.PIDNamespace == 0)
}

// EngineOf tells which engine a process is, if it is one.
func (m Machine) EngineOf(p *lineage.Process) (event.Engine, bool) {
	x, ok := read(p)
	if !ok || x.role != engine || !m.installed(p) {
		return "", false
	}
	return x.engine, true
}

// directories are those that root owns, in which programs are installed.
var directories = []string{
	"/usr/", "/bin/", "/sbin/", "/lib/", "/opt/", "/snap/", "/nix/store/", "/gnu/store/", "/var/lib/rancher/", "/var/lib/k0s/",
}

// installed reports whether the executable of a process lies where only root can put it.
func (m Machine) installed(p *lineage.Process) bool {
	return !p.ExeTruncated && slices.ContainsFunc(directories, func(dir string) bool { return strings.HasPrefix(p.Exe, dir) })
}

// walk goes up from the creator.
type walk struct {
	Machine
	line []*lineage.Process
	work Work
	// forks is how many processes at the beginning of the line are forks of the one that
	// follows them, into the pid namespace of the container that they begin.
	forks int
	// foreign is set once a part lies elsewhere than where root installs programs.
	foreign bool
	// child is a process that does not tell by itself what it is, nil if there is none:
	// what follows must be its runtime.
	child *lineage.Process
	any   bool
	// sealed is set while a runtime without a path has nothing above it that tells that
	// it is one.
	sealed bool
}

// Find tells what the creator of a network namespace made it for, if it is machinery.
// ancestry are its ancestors, nearest first.
func (m Machine) Find(creator *lineage.Process, ancestry []lineage.Process) (*Work, bool) {
	w := &walk{Machine: m, line: make([]*lineage.Process, 0, len(ancestry)+1)}
	w.line = append(w.line, creator)
	for i := range ancestry {
		w.line = append(w.line, &ancestry[i])
	}
	w.forks = w.forksAcross()
	w.work.Realm = m.RealmOf(w.line[w.forks])
	for i := range w.line {
		if !w.step(i, ancestry) {
			break
		}
	}
	if !w.any || w.child != nil || w.sealed || w.foreign && !w.ownEngine() {
		return nil, false
	}
	w.work.conclude()
	return &w.work, true
}

// ownEngine reports whether the user whose machinery it is runs an installed engine:
// then his own runtimes work for that.
func (w *walk) ownEngine() bool {
	return w.work.Realm.UID != 0 && w.work.Head != nil && w.installed(w.work.Head)
}

// step looks at the process at a place of the line, and reports whether to go on.
func (w *walk) step(i int, ancestry []lineage.Process) bool {
	p := w.line[i]
	if i >= w.forks && !w.RealmOf(p).is(w.work.Realm) {
		return false
	}
	x, known := read(p)
	switch {
	case !known && !w.any && w.child == nil && i+1 < len(w.line) && w.helps(p, w.line[i+1]):
		return true // what follows tells
	case !known && !w.any && isInit(p):
		w.child = p
		return true
	case !known, w.child != nil && (x.role != runtime || !sameName(w.child, p)):
		return false
	}
	w.child = nil
	if w.sealed = sealed(p); w.sealed && x.role != runtime {
		return false
	}
	if !w.sealed && !w.installed(p) {
		if w.foreign = true; w.work.Realm.UID == 0 {
			return false
		}
	}
	w.any = true
	w.work.add(x, i == 0 || p.ArgvInherited)
	if x.role != engine && x.role != command {
		return true
	}
	w.head(i, ancestry)
	return false
}

// forksAcross counts the processes in which the program of the machinery still runs, though
// they are in a pid namespace of the container's already: LXC's child makes the network
// namespace there. Nobody in the container has a say before the next exec.
func (w *walk) forksAcross() int {
	for i := 0; i+1 < len(w.line); i++ {
		p, parent := w.line[i], w.line[i+1]
		own, above := w.RealmOf(p), w.RealmOf(parent)
		if own.UID != above.UID || !p.ArgvInherited || !isCopy(p, parent) {
			return 0
		}
		if !own.is(above) {
			return i + 1
		}
	}
	return 0
}

// head takes the process at a place for the head, or the one that it is a copy of: a fork
// without an exec, or podman's own copy of itself in a user namespace.
func (w *walk) head(i int, ancestry []lineage.Process) {
	for i+1 < len(w.line) && isCopy(w.line[i], w.line[i+1]) && w.RealmOf(w.line[i+1]).is(w.work.Realm) {
		i++
	}
	w.work.Head, w.work.Above = w.line[i], ancestry[i:]
}

func isCopy(p, of *lineage.Process) bool {
	return !p.ArgvUnread && p.Exe == of.Exe && slices.Equal(p.Argv, of.Argv)
}

// isInit reports whether a process is the "runc init" that becomes the container, or a
// fork of it.
func isInit(p *lineage.Process) bool { return len(p.Argv) == 2 && p.Argv[1] == "init" }

// sameName reports whether two processes were called by the same name.
func sameName(p, other *lineage.Process) bool {
	return len(other.Argv) > 0 && p.Argv[0] == other.Argv[0]
}

// helps reports whether a process is a program that an engine itself has called.
func (w *walk) helps(p, parent *lineage.Process) bool {
	x, known := read(parent)
	return known && x.role == engine && !p.ArgvInherited && w.installed(p) && w.installed(parent) && !isInit(p)
}

// add takes in what a process says. What is nearer to the namespace has spoken before.
func (k *Work) add(x part, acts bool) {
	for _, f := range []struct {
		to   *string
		from string
	}{{&k.ID, x.id}, {&k.Name, x.name}, {&k.Bundle, x.bundle}, {&k.Namespace, x.namespace}, {&k.Runtime, x.runtime}} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
	if k.Engine == "" {
		k.Engine = x.engine
	}
	k.Cleanup = k.Cleanup || x.cleanup
	k.Command = x.role == command
	criEngine := x.engine == event.EngineContainerd || x.engine == event.EngineCRIO
	if k.ID == "" && criEngine && (x.role == helper || x.role == engine && acts) {
		k.Sandbox = true
	}
}

// conclude fills in what follows from all together.
func (k *Work) conclude() {
	if k.Engine == event.EngineDocker && k.Head != nil && IsBuildStep(k.ID) {
		k.Build, k.Runtime = true, cgroup.RuntimeBuildKit
	}
	if k.Runtime == "" {
		k.Runtime = cgroup.RuntimeContainerd
		if k.Engine == "" && k.Name != "" {
			k.Runtime = cgroup.RuntimePodman // conmon, without its ancestors
		}
	}
}

// IsPart reports whether a process is a part of machinery that is no engine: what it
// calls may belong to a container.
func (m Machine) IsPart(p *lineage.Process) bool {
	x, ok := read(p)
	return ok && x.role != engine
}
