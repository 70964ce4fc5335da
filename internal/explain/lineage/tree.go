package lineage

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
)

// maxAncestors bounds a chain of parents: a recording may claim anything. The kernel
// part keeps half as many.
const maxAncestors = 256

// Tree is the process tree after the events so far, with the creations that wait
// for the exec of their creator. All of it is within the budgets of this package.
type Tree struct {
	processes *bounded.Store[event.ProcessID, *event.Process]
	programs  *bounded.Store[event.ProgramID, *event.Program]
	// argvs are the argument lists that are longer than is kept of a program.
	argvs    *bounded.Store[event.ProgramID, argv]
	cgroups  *bounded.Store[event.CgroupID, *event.Cgroup]
	execWait uint64
	now      uint64
	held     *bounded.Waiting[waitKey, *held]
	// startWait is how long a manager's child may take to its exec. starting has the
	// creations of those that were handed over meanwhile, settled those whose wait
	// is over.
	startWait uint64
	starting  *bounded.Waiting[event.ProcessID, *held]
	settled   []*Creation
	// order is the number of creations so far.
	order  uint64
	chains [maxChains]chain
}

// waitKey is what a held creation waits for: an exec or the end of a process, or the
// name of the child that has it as its creation.
type waitKey struct {
	process event.ProcessID
	serial  uint64
}

func (k waitKey) hash() uint64 { return bounded.Hash(bounded.HashOf(k.process), k.serial) }

// held is a creation that waits for an exec.
type held struct {
	creation *Creation
	// waitsFor is the process whose exec or exit ends the wait: the creator,
	// or the child of a clone. Zero while that child is not known.
	waitsFor event.ProcessID
	deadline uint64
	order    uint64
	owner    event.Owner
}

// NewTree returns an empty tree.
func NewTree() *Tree {
	return &Tree{
		processes: bounded.NewStore[event.ProcessID, *event.Process](processBudget),
		programs:  bounded.NewStore[event.ProgramID, *event.Program](programBudget),
		argvs:     bounded.NewStore[event.ProgramID, argv](argvBudget),
		cgroups:   bounded.NewStore[event.CgroupID, *event.Cgroup](cgroupBudget),
		held:      bounded.NewWaiting[waitKey, *held](heldBudget).Hashing(waitKey.hash),
		starting:  bounded.NewWaiting[event.ProcessID, *held](startingBudget),
	}
}

// Observe takes the next event of the stream and returns the creations that
// are complete with it, in the order in which they happened. A creation is
// complete when its creator (or the child born in the namespace) has called
// exec or ended, when it failed, or when the wait that the stream's head sets
// is over. For a manager's child the wait for the exec may go on then (ExecPending).
func (t *Tree) Observe(ev event.Event) []*Creation {
	t.now = max(t.now, ev.BootNS)
	done := t.expire()
	switch b := ev.Body.(type) {
	case *event.Host:
		t.execWait, t.startWait = b.ExecWaitNS, b.StartWaitNS
	case *event.Process:
		t.define(b)
	case *event.Program:
		t.defineProgram(b)
	case *event.Cgroup:
		t.cgroups.Put(b.ID, b, bounded.ShareOfCgroup(b), CgroupSize(b))
	case *event.Forget:
		t.processes.Delete(b.Process)
		t.programs.Delete(b.Program)
		t.argvs.Delete(b.Program)
		t.cgroups.Delete(b.Cgroup)
	case *event.Damage:
		t.damage(b)
	case *event.NetnsCreate:
		done = t.create(ev.BootNS, b, done)
	case *event.NetnsChild:
		done = append(done, t.child(b)...)
	case *event.Exec:
		done = append(done, t.exec(b.Process)...)
	case *event.Exit:
		done = append(done, creations(t.held.Take(waitKey{process: b.Process}))...)
		t.settle(t.starting.Take(b.Process))
	case *event.End:
		done = append(done, t.Flush()...)
	}
	return done
}

// define takes in what a process has become. A program that it has called came
// before, and is its owner's.
func (t *Tree) define(b *event.Process) {
	owner := bounded.ShareOf(b)
	t.processes.Put(b.ID, b, owner, ProcessSize(b))
	if b.Program.Process == b.ID {
		t.programs.Own(b.Program, owner)
		t.argvs.Own(b.Program, owner)
	}
}

func (t *Tree) defineProgram(b *event.Program) {
	brief, isCut := BriefProgram(b)
	owner, size := t.owner(b.ID.Process), ProgramSize(brief)
	if b.ID.Exec == 0 {
		// of all that runs at the beginning, what came first matters more
		t.programs.Offer(b.ID, brief, owner, size)
	} else {
		t.programs.Put(b.ID, brief, owner, size)
	}
	t.argvs.Delete(b.ID)
	if isCut {
		t.argvs.Put(b.ID, argv{b.Argv, b.ArgvTruncated}, owner, bounded.Text(b.Argv))
	}
}

// argv is a long argument list.
type argv struct {
	list      []string
	truncated bool
}

// owner is whose share a process is charged to, zero if it is not known.
func (t *Tree) owner(id event.ProcessID) event.Owner {
	if p, known := t.processes.Get(id); known {
		return bounded.ShareOf(p)
	}
	return event.Owner{}
}

// damage drops what may have changed in a part that could not be read. Programs and
// cgroups don't change, but are dropped if they are too many.
func (t *Tree) damage(b *event.Damage) {
	t.processes.Clear()
	if b.Code == event.DamageTooMuch {
		t.programs.Clear()
		t.argvs.Clear()
		t.cgroups.Clear()
	}
}

// Deadline returns the time since boot in nanoseconds at which the first
// waiting creation is complete whatever happens, 0 if none waits.
func (t *Tree) Deadline() uint64 {
	first, next := t.held.Deadline(), t.starting.Deadline()
	if first == 0 || next != 0 && next < first {
		return next
	}
	return first
}

// Flush returns the creations that still wait. It is for a stream that breaks
// off without an End.
func (t *Tree) Flush() []*Creation {
	t.settleAwaited(t.starting.TakeAll())
	return creations(markAwaited(t.held.TakeAll()))
}

// Dropped counts the processes, programs and cgroups for which there was no room.
func (t *Tree) Dropped() uint64 {
	return t.processes.Dropped() + t.programs.Dropped() + t.cgroups.Dropped()
}

// Hurried counts the creations that did not wait for an exec, because too many did.
func (t *Tree) Hurried() uint64 { return t.held.Dropped() + t.starting.Dropped() }

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
	t.order++
	h := &held{creation: c, deadline: boot + n.DurationNS + t.execWait, order: t.order, owner: t.owner(n.Creator)}
	if n.Call != event.CallClone {
		h.waitsFor = n.Creator
	}
	return append(done, t.hold(h)...)
}

// hold lets a creation wait, and returns those that can wait no longer.
func (t *Tree) hold(h *held) []*Creation {
	keys := []waitKey{{serial: h.creation.Netns.Serial}}
	if !h.waitsFor.IsZero() {
		keys = append(keys, waitKey{process: h.waitsFor})
	}
	return creations(markAwaited(t.held.Add(h, bounded.Terms[waitKey]{
		Keys: keys, Deadline: h.deadline, Order: h.order, Owner: h.owner, Size: h.creation.Size(),
	})))
}

// child takes in which child was born in a namespace: its exec is what counts.
func (t *Tree) child(b *event.NetnsChild) []*Creation {
	var done []*Creation
	for i, h := range t.held.Take(waitKey{serial: b.Serial}) {
		if i == 0 { // a recording may have given the serial twice
			child := t.process(b.Child)
			h.creation.Child, h.waitsFor = &child, b.Child
		}
		done = append(done, t.hold(h)...)
	}
	return done
}

// exec completes the creations that wait for a process. Its exec follows all of
// them.
func (t *Tree) exec(id event.ProcessID) []*Creation {
	list, starting := t.held.Take(waitKey{process: id}), t.starting.Take(id)
	for _, h := range slices.Concat(list, starting) {
		after := t.process(id)
		h.subject().Exec = &after
	}
	t.settle(starting)
	return creations(list)
}

// subject is the process that the wait is about.
func (h *held) subject() *Process {
	if h.creation.Child != nil {
		return h.creation.Child
	}
	return &h.creation.Process
}

func creations(list []*held) []*Creation {
	if len(list) == 0 {
		return nil
	}
	done := make([]*Creation, len(list))
	for i, h := range list {
		done[i] = h.creation
	}
	return done
}

// Lineage describes a process as it is known now, with its ancestors, nearest
// first. why is empty if they reach the root, and otherwise says why not.
func (t *Tree) Lineage(id event.ProcessID) (p Process, ancestry []Process, why Cut) {
	ancestry, why = t.ancestry(id)
	return t.process(id), ancestry, why
}

// Process describes a process as it is known now.
func (t *Tree) Process(id event.ProcessID) Process { return t.process(id) }

// process describes a process as it is known now.
func (t *Tree) process(id event.ProcessID) Process {
	p := t.ancestor(id)
	if !p.ArgvUnread && p.ArgvTruncated {
		if known, ok := t.processes.Get(id); ok {
			t.lengthen(&p, known.Program)
		}
	}
	return p
}

// lengthen puts the whole argument list in place of its beginning, if it is kept.
func (t *Tree) lengthen(p *Process, id event.ProgramID) {
	if whole, ok := t.argvs.Get(id); ok {
		p.Argv, p.ArgvTruncated = whole.list, whole.truncated
	}
}

// ancestor is process with the beginning of a long argument list.
func (t *Tree) ancestor(id event.ProcessID) Process {
	p, known := t.processes.Use(id)
	if !known {
		return Process{ID: id, TID: id.PID, ArgvUnread: true, CgroupUnknown: true, Unresolved: true}
	}
	out := Process{
		ID: id, TID: id.PID,
		Comm: p.Comm, UID: p.UID, Owner: p.Owner, Preexisting: p.Preexisting,
		Exited: p.Exited, ExitNS: p.ExitNS, ExitCode: p.ExitCode,
	}
	t.setCgroup(&out, p.Cgroup)
	t.setProgram(&out, p.Program)
	return out
}

func (t *Tree) setProgram(p *Process, id event.ProgramID) {
	p.ArgvInherited = id.Process != p.ID
	prog, known := t.programs.Use(id)
	if !known {
		p.ArgvUnread = true
		return
	}
	p.Argv, p.ArgvTruncated, p.ArgvUnread = prog.Argv, prog.ArgvTruncated, prog.ArgvUnread
	p.Exe, p.ExeTruncated = prog.Exe, prog.ExeTruncated
}

func (t *Tree) setCgroup(p *Process, id event.CgroupID) {
	p.CgroupID = id
	cg, known := t.cgroups.Use(id)
	if !known {
		p.Cgroup, p.CgroupTruncated, p.CgroupUnknown, p.CgroupDelegated = "", false, true, event.Delegation{}
		return
	}
	p.Cgroup, p.CgroupTruncated, p.CgroupUnknown, p.CgroupDelegated = cg.Path, cg.Truncated, false, cg.Delegated
}
