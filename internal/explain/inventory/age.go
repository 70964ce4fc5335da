package inventory

// Bound says how an age is to be read.
type Bound string

// The bounds.
const (
	// Unknown: nothing tells.
	Unknown Bound = ""
	// Exact: its creation was seen, or it was there from the boot on.
	Exact Bound = "exact"
	// AtLeast: it was there by then; it may be older.
	AtLeast Bound = "at_least"
	// Inferred: the oldest process in it is so old. That process may have moved
	// in later, and the namespace be younger; or be older, and have had others
	// in it before.
	Inferred Bound = "inferred"
)

// Age is how long a namespace has been there.
type Age struct {
	Bound Bound
	// SinceNS is the time that it tells of, nanoseconds since boot.
	SinceNS uint64
	// Why says what it rests on: boot, recording, nsfs (an open file or a mount
	// of it is as old), order (one that was created later is as old), process.
	Why string
}

// evidence is a time at which a namespace was there.
type evidence struct {
	ns  uint64
	why string
}

// Existed tells that a namespace was there at a time since boot.
func (b *Builder) Existed(inum uint32, ns uint64, why string) {
	old, known := b.since[inum]
	if !known || ns < old.ns {
		b.since[inum] = evidence{ns, why}
	}
}

// Created tells when a namespace was created, nanoseconds since boot.
func (b *Builder) Created(inum uint32, ns uint64) { b.begun[inum] = ns }

// ages draws what can be concluded of when namespaces were created. The kernel's
// list is in the order of creation: a namespace is at least as old as any that
// comes after it, and no older than any that comes before.
func (b *Builder) ages(inv *Inventory) {
	later := evidence{ns: inv.NowNS + 1}
	for i := len(inv.Namespaces) - 1; i >= 0; i-- {
		n := inv.Namespaces[i]
		e, known := b.evidenceOf(n)
		listed := n.Kernel != nil
		if listed && later.ns <= inv.NowNS && (!known || later.ns < e.ns) {
			e, known = evidence{later.ns, "order"}, true
		}
		if known {
			n.Age = Age{Bound: AtLeast, SinceNS: e.ns, Why: e.why}
		}
		if listed && known {
			later = evidence{ns: min(later.ns, e.ns)}
		}
	}
	var earlier uint64 // when the last one was created of which that is known
	for _, n := range inv.Namespaces {
		if ns, seen := b.begun[n.Inum]; seen {
			n.Age = Age{Bound: Exact, SinceNS: ns, Why: "recording"}
			if n.Kernel != nil {
				earlier = max(earlier, ns)
			}
			continue
		}
		if n.Initial {
			n.Age = Age{Bound: Exact, Why: "boot"}
			continue
		}
		if start, known := n.oldest(); known && (n.Kernel == nil || start >= earlier) {
			n.Age = n.Age.or(start)
		}
	}
}

func (b *Builder) evidenceOf(n *Namespace) (evidence, bool) {
	if ns, seen := b.begun[n.Inum]; seen {
		return evidence{ns, "recording"}, true
	}
	e, known := b.since[n.Inum]
	return e, known
}

// oldest is the start of the process in it that started first.
func (n *Namespace) oldest() (ns uint64, known bool) {
	if len(n.Listed) == 0 {
		return 0, false
	}
	return n.Listed[0].ID.StartNS, true
}

// or takes the start of a process for the age where nothing is known that says
// more.
func (a Age) or(start uint64) Age {
	if a.Bound == AtLeast && a.SinceNS <= start {
		return a
	}
	return Age{Bound: Inferred, SinceNS: start, Why: "process"}
}
