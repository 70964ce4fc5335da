// Package lineage keeps the process tree in event time. For each network namespace
// it finds the process that created it, and the ancestors of that process.
//
// It is a pure function of the stream of events. Tree.Observe takes every event in
// order, and returns the creations.
package lineage

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
)

// Process is a process as it was at the moment of a creation.
type Process struct {
	// ID is its identity.
	ID event.ProcessID
	// TID is the calling thread for the creator, otherwise ID.PID.
	TID uint32
	// Comm is its name; for the creator that of the calling thread.
	Comm string
	// Argv is its argument list. A process that has not called exec since it
	// was forked shows its parent's, as ps does.
	Argv []string
	// ArgvTruncated is set when Argv is not the whole list.
	ArgvTruncated bool
	// ArgvUnread is set when the list is not known at all.
	ArgvUnread bool
	// ArgvInherited is set when the process has not called exec since it was
	// forked: Argv and Exe are its parent's of that time, and Comm is what
	// tells it apart.
	ArgvInherited bool
	// Exe is the path of the executable, empty where unknown.
	Exe string
	// ExeTruncated is set when leading directories of Exe are missing.
	ExeTruncated bool
	// UID is the real user id in the initial user namespace.
	UID uint32
	// Owner is who answers for it, zero where not known.
	Owner event.Owner
	// CgroupID is the identity of its cgroup, 0 where unknown.
	CgroupID event.CgroupID
	// Cgroup is the path of its cgroup; CgroupTruncated is set when leading
	// parts are missing, CgroupUnknown when the path is not known at all.
	Cgroup                         string
	CgroupTruncated, CgroupUnknown bool
	// CgroupDelegated says which names of Cgroup are not the machine's.
	CgroupDelegated event.Delegation
	// Exited is set when it had ended by the time of the creation; ExitCode is
	// then its wait status, ExitNS the time since boot in nanoseconds.
	Exited   bool
	ExitCode uint32
	ExitNS   uint64
	// Preexisting is set when its parent was not seen forking it but found in
	// place when nsblame started.
	Preexisting bool
	// Unresolved is set when only the identity is known.
	Unresolved bool
	// Exec is the process after the exec that followed the creation, nil if
	// none followed within the bound.
	Exec *Process
}

// Same reports whether two descriptions of a process say the same.
func (p *Process) Same(as *Process) bool {
	if (p.Exec == nil) != (as.Exec == nil) || p.Exec != nil && !p.Exec.Same(as.Exec) {
		return false
	}
	return p.ID == as.ID && p.TID == as.TID && p.Comm == as.Comm &&
		slices.Equal(p.Argv, as.Argv) && p.ArgvTruncated == as.ArgvTruncated && p.ArgvUnread == as.ArgvUnread && p.ArgvInherited == as.ArgvInherited &&
		p.Exe == as.Exe && p.ExeTruncated == as.ExeTruncated &&
		p.UID == as.UID && p.Owner == as.Owner &&
		p.CgroupID == as.CgroupID && p.Cgroup == as.Cgroup && p.CgroupTruncated == as.CgroupTruncated && p.CgroupUnknown == as.CgroupUnknown &&
		p.CgroupDelegated == as.CgroupDelegated &&
		p.Exited == as.Exited && p.ExitCode == as.ExitCode && p.ExitNS == as.ExitNS &&
		p.Preexisting == as.Preexisting && p.Unresolved == as.Unresolved
}

// Cut says why a list of ancestors does not reach the root, empty if it does.
type Cut string

// The reasons.
const (
	// CutTooLong: the chain of parents is longer than what is kept.
	CutTooLong Cut = "too_long"
	// CutLost: the records of some ancestors were lost, for the buffer was full.
	CutLost Cut = "records_lost"
	// CutParentUnknown: a parent is not known.
	CutParentUnknown Cut = "parent_unknown"
	// CutCircle: a process is among its own ancestors, which is not true.
	CutCircle Cut = "circle"
)

// Creation is the creation of a network namespace, or a failed try, with
// those behind it.
type Creation struct {
	// BootNS is the time of the call, nanoseconds since boot.
	BootNS uint64
	// Netns is the observation itself.
	Netns event.NetnsCreate
	// Process is the creator.
	Process Process
	// Child is the process born in the namespace where it was made by clone.
	Child *Process
	// Ancestry are the creator's ancestors, nearest first, up to the root.
	Ancestry []Process
	// AncestryTruncated is set when Ancestry doesn't reach the root; the
	// reason is in AncestryWhy.
	AncestryTruncated bool
	AncestryWhy       Cut
	// ExecPending is set while an exec is still awaited, though the causes can be
	// looked for: see Tree.Settled.
	ExecPending bool
	// ExecAwaited is set if the wait for an exec was over before the process, or
	// its child, called exec or ended.
	ExecAwaited bool
}

// ExecMissed reports whether the program is not known that a process was to become. One
// that had a program of its own need not become another.
func (c *Creation) ExecMissed() bool {
	p := &c.Process
	if c.Child != nil {
		p = c.Child
	}
	return c.ExecAwaited && (p.ArgvInherited || c.ByManager())
}
