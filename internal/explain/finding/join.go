package finding

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Then is what a thread did next after it joined a namespace.
type Then string

// What a thread can do.
const (
	// ThenNothing: none of the others within the wait. It is in the namespace and
	// runs what it ran before.
	ThenNothing Then = ""
	// ThenExec: it called exec, so that a program runs in the namespace.
	ThenExec Then = "exec"
	// ThenLeft: it left for another namespace.
	ThenLeft Then = "left"
	// ThenEnded: it ended.
	ThenEnded Then = "ended"
)

// Joined is a process that joined a namespace.
type Joined struct {
	// BootNS is when it did, nanoseconds since boot.
	BootNS uint64
	// Created is the creation, as in Ended.
	Created *Attribution
	// Netns is the observation itself.
	Netns event.NetnsJoin
	// Process is the process, as it was then; its Exec is the one after the exec
	// with ThenExec. Ancestry are its ancestors, nearest first; AncestryWhy says
	// why they don't reach the root, if they don't.
	Process     lineage.Process
	Ancestry    []lineage.Process
	AncestryWhy lineage.Cut
	// Placement is where it belongs by its cgroup, after the exec.
	Placement cgroup.Placement
	// Then is what it did next, ThenNS when, 0 with ThenNothing.
	Then   Then
	ThenNS uint64
}

// Age is how old the namespace was, from the beginning of its creation, in
// nanoseconds. It is not known where that was not seen.
func (j *Joined) Age() (ns uint64, known bool) {
	if j.Netns.CreatedNS == 0 || j.BootNS < j.Netns.CreatedNS {
		return 0, false
	}
	return j.BootNS - j.Netns.CreatedNS, true
}

// Occupant reports whether the process moved in. A visitor leaves again, or ends
// without an exec.
func (j *Joined) Occupant() bool { return j.Then == ThenExec || j.Then == ThenNothing }
