package event

import (
	"cmp"
	"fmt"
)

// ProcessID identifies a process (a thread group) for as long as the machine
// runs. A pid alone is reused; a pid with the time at which its leader started
// is not.
type ProcessID struct {
	// PID is the thread group id in the initial pid namespace.
	PID uint32
	// StartNS is task_struct.start_boottime of the group leader: nanoseconds
	// since boot, suspend included. An exec keeps it, also when a thread other
	// than the leader calls it (fs/exec.c, de_thread).
	StartNS uint64
}

// IsZero reports whether the identity names no process.
func (p ProcessID) IsZero() bool { return p == ProcessID{} }

// String returns "pid@start" for diagnostics.
func (p ProcessID) String() string { return fmt.Sprintf("%d@%d", p.PID, p.StartNS) }

// ProgramID identifies one program image: what a process has run since one
// exec. A child that has not called exec shares its parent's.
type ProgramID struct {
	// Process is the process that called exec.
	Process ProcessID
	// Exec counts the execs of that process that nsblame saw, from 1. Zero is
	// the program that the process ran when nsblame first met it.
	Exec uint32
}

// String returns "pid@start#exec" for diagnostics.
func (p ProgramID) String() string { return fmt.Sprintf("%s#%d", p.Process, p.Exec) }

// CgroupID identifies a cgroup within its hierarchy: kernfs_node.id.
type CgroupID uint64

// Owner is who answers for a process: whose share of nsblame's tables and buffers it
// uses up, and whose evidence suffers if that is not enough.
type Owner struct {
	// UID is the owner of the outermost user namespace below the machine's that the
	// process is in, else its real user id. Both are in the initial user namespace.
	// It is 0 for a container (see PIDNamespace).
	UID uint32
	// PIDNamespace is the inode number of the pid namespace right below the machine's
	// that the process is in, if the machine's root has made that: all that is in such
	// a container has one owner. Otherwise it is that of the machine's own.
	PIDNamespace uint32
}

// IsZero reports whether the owner is not known. No pid namespace has number 0.
func (o Owner) IsZero() bool { return o.PIDNamespace == 0 }

// Compare puts owners in an order.
func (o Owner) Compare(other Owner) int {
	return cmp.Or(cmp.Compare(o.PIDNamespace, other.PIDNamespace), cmp.Compare(o.UID, other.UID))
}
