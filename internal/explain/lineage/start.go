package lineage

import (
	"path"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
)

// executor is the program that a manager runs from systemd 254 on to become a
// unit's process.
const executor = "systemd-executor"

// ByManager reports whether a service manager's own code made the namespace, on
// the way to a unit's program: in a child of the manager's that has not called exec
// (src/core/exec-invoke.c, exec_invoke), or from systemd 254 on in its executor.
func (c *Creation) ByManager() bool {
	if len(c.Ancestry) == 0 {
		return false
	}
	p := &c.Process
	return c.Ancestry[0].isManager() && (p.ArgvInherited || path.Base(p.Exe) == executor)
}

// isManager reports whether a process is pid 1 or a user's systemd.
func (p *Process) isManager() bool {
	return p.ID.PID == 1 || path.Base(p.Exe) == "systemd" &&
		!p.CgroupUnknown && !p.CgroupTruncated && cgroup.ParseDelegated(p.Cgroup, p.CgroupDelegated).Unit == "init.scope"
}

// Settled returns the creations that the tree handed over with ExecPending since the
// last call, and whose wait is over now, in the order in which it was.
func (t *Tree) Settled() []*Creation {
	list := t.settled
	t.settled = nil
	return list
}

// expire ends the waits that are over, and returns the creations that are complete.
// A manager's child is on its way to another program, and calls exec in any case: it
// is handed over, and the wait for its exec goes on.
func (t *Tree) expire() []*Creation {
	t.settleAwaited(t.starting.Expire(t.now))
	due := t.held.Expire(t.now)
	for _, h := range due {
		if t.startWait > t.execWait && h.creation.ByManager() {
			t.waitForStart(h)
		} else {
			h.creation.ExecAwaited = true
		}
	}
	return creations(due)
}

// waitForStart has a creation wait on, which is handed over already.
func (t *Tree) waitForStart(h *held) {
	h.creation.ExecPending = true
	t.settleAwaited(t.starting.Add(h, bounded.Terms[event.ProcessID]{
		Keys: []event.ProcessID{h.waitsFor}, Deadline: h.deadline - t.execWait + t.startWait, Order: h.order, Owner: h.owner,
		Size: startedSize + startedFactor*h.creation.Size(),
	}))
}

// What a creation takes with its causes, which name processes and their ancestors
// as it does.
const (
	startedSize   = 2 << 10
	startedFactor = 3
)

// settle ends the waits for the start of a unit's program.
func (t *Tree) settle(list []*held) {
	for _, h := range list {
		h.creation.ExecPending = false
		t.settled = append(t.settled, h.creation)
	}
}

// settleAwaited ends the waits of those whose exec is not awaited any longer.
func (t *Tree) settleAwaited(list []*held) {
	markAwaited(list)
	t.settle(list)
}

func markAwaited(list []*held) []*held {
	for _, h := range list {
		h.creation.ExecAwaited = true
	}
	return list
}
