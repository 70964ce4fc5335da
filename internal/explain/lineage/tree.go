package lineage

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
)

// maxAncestors bounds a chain of parents: a recording may claim anything, even a
// circle. The kernel part keeps fewer.
const maxAncestors = 1024

// usualAncestors is how many most processes have at most.
const usualAncestors = 6

// Tree is the process tree after the events so far, with the creations that wait
// for the exec of their creator.
type Tree struct {
	processes map[event.ProcessID]*event.Process
	programs  map[event.ProgramID]*event.Program
	cgroups   map[event.CgroupID]*event.Cgroup
	execWait  uint64
	now       uint64
	held      []*held
}

// held is a creation that waits for an exec.
type held struct {
	creation *Creation
	// waitsFor is the process whose exec or exit ends the wait: the creator,
	// or the child of a clone. Zero while that child is not known.
	waitsFor event.ProcessID
	deadline uint64
}

// NewTree returns an empty tree.
func NewTree() *Tree {
	return &Tree{
		processes: make(map[event.ProcessID]*event.Process),
		programs:  make(map[event.ProgramID]*event.Program),
		cgroups:   make(map[event.CgroupID]*event.Cgroup),
	}
}

// Observe takes the next event of the stream and returns the creations that
// are complete with it, in the order in which they happened. A creation is
// complete when its creator (or the child born in the namespace) has called
// exec or ended, when it failed, or when the wait that the stream's head sets
// is over.
func (t *Tree) Observe(ev event.Event) []*Creation {
	t.now = max(t.now, ev.BootNS)
	done := t.expire()
	switch b := ev.Body.(type) {
	case *event.Host:
		t.execWait = b.ExecWaitNS
	case *event.Process:
		t.processes[b.ID] = b
	case *event.Program:
		t.programs[b.ID] = b
	case *event.Cgroup:
		t.cgroups[b.ID] = b
	case *event.Forget:
		delete(t.processes, b.Process)
		delete(t.programs, b.Program)
		delete(t.cgroups, b.Cgroup)
	case *event.Damage:
		// What a process has become meanwhile is not known. Programs and cgroups
		// don't change.
		clear(t.processes)
	case *event.NetnsCreate:
		done = t.create(ev.BootNS, b, done)
	case *event.NetnsChild:
		t.child(b)
	case *event.Exec:
		done = append(done, t.release(b.Process, true)...)
	case *event.Exit:
		done = append(done, t.release(b.Process, false)...)
	case *event.End:
		done = append(done, t.releaseAll()...)
	}
	return done
}

// Deadline returns the time since boot in nanoseconds at which the first
// waiting creation is complete whatever happens, 0 if none waits.
func (t *Tree) Deadline() uint64 {
	if len(t.held) == 0 {
		return 0
	}
	first := t.held[0].deadline
	for _, h := range t.held {
		first = min(first, h.deadline)
	}
	return first
}

// Flush returns the creations that still wait. It is for a stream that breaks
// off without an End.
func (t *Tree) Flush() []*Creation { return t.releaseAll() }

// create assembles a creation and either completes it or lets it wait.
func (t *Tree) create(boot uint64, n *event.NetnsCreate, done []*Creation) []*Creation {
	c := &Creation{BootNS: boot, Netns: *n, Process: t.process(n.Creator)}
	c.Process.TID, c.Process.Comm, c.Process.UID = n.TID, n.Comm, n.UID
	t.setCgroup(&c.Process, n.Cgroup)
	c.Ancestry, c.AncestryWhy = t.ancestry(n.Creator)
	if c.AncestryWhy == CutParentUnknown && n.AncestorsLost > 0 {
		c.AncestryWhy = CutLost
	}
	c.AncestryTruncated = c.AncestryWhy != ""
	if n.Errno != 0 {
		return append(done, c)
	}
	h := &held{creation: c, deadline: boot + n.DurationNS + t.execWait}
	if n.Call != event.CallClone {
		h.waitsFor = n.Creator
	}
	t.held = append(t.held, h)
	return done
}

func (t *Tree) child(b *event.NetnsChild) {
	for _, h := range t.held {
		if h.creation.Netns.Serial == b.Serial {
			child := t.process(b.Child)
			h.creation.Child = &child
			h.waitsFor = b.Child
			return
		}
	}
}

// release completes the creations that wait for a process. Its exec follows all of
// them.
func (t *Tree) release(id event.ProcessID, exec bool) []*Creation {
	return t.releaseIf(func(h *held) bool {
		if h.waitsFor != id {
			return false
		}
		if exec {
			after := t.process(id)
			h.subject().Exec = &after
		}
		return true
	})
}

// subject is the process that the wait is about.
func (h *held) subject() *Process {
	if h.creation.Child != nil {
		return h.creation.Child
	}
	return &h.creation.Process
}

func (t *Tree) expire() []*Creation {
	if len(t.held) == 0 {
		return nil
	}
	return t.releaseIf(func(h *held) bool { return t.now >= h.deadline })
}

func (t *Tree) releaseAll() []*Creation {
	return t.releaseIf(func(*held) bool { return true })
}

func (t *Tree) releaseIf(ready func(*held) bool) []*Creation {
	var done []*Creation
	t.held = slices.DeleteFunc(t.held, func(h *held) bool {
		if !ready(h) {
			return false
		}
		done = append(done, h.creation)
		return true
	})
	return done
}

// Lineage describes a process as it is known now, with its ancestors, nearest
// first. why is empty if they reach the root, and otherwise says why not.
func (t *Tree) Lineage(id event.ProcessID) (p Process, ancestry []Process, why Cut) {
	ancestry, why = t.ancestry(id)
	return t.process(id), ancestry, why
}

func (t *Tree) ancestry(id event.ProcessID) (list []Process, why Cut) {
	p, known := t.processes[id]
	if known && !p.Parent.IsZero() {
		list = make([]Process, 0, usualAncestors)
	}
	for known && len(list) < maxAncestors {
		if p.AncestryCut {
			return list, CutTooLong
		}
		if p.Parent.IsZero() {
			return list, ""
		}
		parent := p.Parent
		list = append(list, t.process(parent))
		p, known = t.processes[parent]
	}
	if known {
		return list, CutTooLong
	}
	return list, CutParentUnknown
}

// process describes a process as it is known now.
func (t *Tree) process(id event.ProcessID) Process {
	p, known := t.processes[id]
	if !known {
		return Process{ID: id, TID: id.PID, ArgvUnread: true, CgroupUnknown: true, Unresolved: true}
	}
	out := Process{
		ID: id, TID: id.PID,
		Comm: p.Comm, UID: p.UID, Preexisting: p.Preexisting,
		Exited: p.Exited, ExitNS: p.ExitNS, ExitCode: p.ExitCode,
	}
	t.setCgroup(&out, p.Cgroup)
	t.setProgram(&out, p.Program)
	return out
}

func (t *Tree) setProgram(p *Process, id event.ProgramID) {
	p.ArgvInherited = id.Process != p.ID
	prog, known := t.programs[id]
	if !known {
		p.ArgvUnread = true
		return
	}
	p.Argv, p.ArgvTruncated, p.ArgvUnread = prog.Argv, prog.ArgvTruncated, prog.ArgvUnread
	p.Exe, p.ExeTruncated = prog.Exe, prog.ExeTruncated
}

func (t *Tree) setCgroup(p *Process, id event.CgroupID) {
	p.CgroupID = id
	cg, known := t.cgroups[id]
	if !known {
		p.Cgroup, p.CgroupTruncated, p.CgroupUnknown = "", false, true
		return
	}
	p.Cgroup, p.CgroupTruncated, p.CgroupUnknown = cg.Path, cg.Truncated, false
}
