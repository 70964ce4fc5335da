package bounded

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/nsblame/nsblame/internal/event"
)

// Budget is a bound, in bytes, of something that grows with what others do. Each
// package that has such things exports its budgets; a test sums them.
type Budget struct {
	// Name says what is bounded: "lineage: programs".
	Name string
	// Bytes is the bound.
	Bytes uint64
}

// overhead is what an entry costs beside its value: its place in the order of age and
// in the account of its owner, and its key there and in an index that is half full.
func overhead[K any]() uint64 { return 64 + 3*uint64(unsafe.Sizeof(*new(K))) }

// Of a value that waits, waiterSize is what its place costs, slotSize what waiting for
// a key does.
const waiterSize = 184

func slotSize[K any]() uint64 { return overhead[K]() }

// Text is what a list of strings takes in memory.
func Text(list []string) uint64 {
	size := uint64(len(list)) * 16
	for _, s := range list {
		size += uint64(len(s))
	}
	return size
}

// Share says whose share an owner's entries are charged to. A user can make any
// number of pid namespaces, so all of them count as that user's. Only those of root,
// which the machine's own containers have, count one by one.
func Share(o event.Owner) event.Owner {
	if o.UID != 0 {
		return event.Owner{UID: o.UID}
	}
	return o
}

// ShareOf is whose share a process is charged to.
func ShareOf(p *event.Process) event.Owner {
	if p.Owner.IsZero() {
		return ShareOfUser(p.UID)
	}
	return Share(p.Owner)
}

// ShareOfUser is the share of a user of whom no more is known. The zero Owner is
// nobody, so root's is another one.
func ShareOfUser(uid uint32) event.Owner {
	if uid == 0 {
		return event.Owner{PIDNamespace: noPIDNamespace}
	}
	return event.Owner{UID: uid}
}

// noPIDNamespace is the number of no pid namespace (include/linux/proc_ns.h).
const noPIDNamespace = 1

// ShareOfCgroup is whose share a cgroup is charged to: the user's who has named it, or
// in whose slice it is, otherwise the machine's.
func ShareOfCgroup(c *event.Cgroup) event.Owner {
	if c.Delegated.Names > 0 {
		return ShareOfUser(c.Delegated.UID)
	}
	rest, isUser := strings.CutPrefix(c.Path, "/user.slice/user-")
	digits, _, isSlice := strings.Cut(rest, ".slice")
	uid, err := strconv.ParseUint(digits, 10, 32)
	if !isUser || !isSlice || err != nil {
		return ShareOfUser(0)
	}
	return ShareOfUser(uint32(uid))
}
