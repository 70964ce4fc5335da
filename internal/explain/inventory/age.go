package inventory

// Bound says how an age is to be read.
type Bound string

// The bounds.
const (
	// Unknown: nothing shows it.
	Unknown Bound = ""
	// Exact: its creation was seen, or it exists since the boot.
	Exact Bound = "exact"
	// AtLeast: it existed by then, and may be older.
	AtLeast Bound = "at_least"
	// Inferred: the age is that of the oldest process in it. The namespace may
	// be younger, if that process joined later. It may be older, if others were
	// in it before.
	Inferred Bound = "inferred"
)

// Sign is what shows how long a namespace has existed.
type Sign string

// The signs.
const (
	// ByBoot: it is the initial one.
	ByBoot Sign = "boot"
	// ByRecording: its creation was recorded.
	ByRecording Sign = "recording"
	// ByNsfs: an open file or a mount of it has an age.
	ByNsfs Sign = "nsfs"
	// ByOrder: a namespace was created later whose age is known.
	ByOrder Sign = "order"
	// ByProcess: a process in it has an age.
	ByProcess Sign = "process"
)

// Age is how long a namespace has existed.
type Age struct {
	Bound Bound
	// SinceNS is the moment since which, nanoseconds since boot.
	SinceNS uint64
	// Sign is what shows it.
	Sign Sign
}

// evidence is a time at which a namespace existed.
type evidence struct {
	ns   uint64
	sign Sign
}

// Existed adds that a namespace existed at a time since boot.
func (b *Builder) Existed(inum uint32, ns uint64, sign Sign) {
	old, known := b.since[inum]
	if !known || ns < old.ns {
		b.since[inum] = evidence{ns, sign}
	}
}

// Created adds when a namespace was created, nanoseconds since boot.
func (b *Builder) Created(inum uint32, ns uint64) { b.begun[inum] = ns }

// ages concludes when namespaces were created. The kernel's list is in the
// order of creation. So a namespace is at least as old as any after it, and no
// older than any before it.
func (b *Builder) ages(inv *Inventory) {
	later := evidence{ns: inv.NowNS + 1}
	for i := len(inv.Namespaces) - 1; i >= 0; i-- {
		n := inv.Namespaces[i]
		e, known := b.evidenceOf(n)
		listed := n.Kernel != nil
		if listed && later.ns <= inv.NowNS && (!known || later.ns < e.ns) {
			e, known = evidence{later.ns, ByOrder}, true
		}
		if known {
			n.Age = Age{Bound: AtLeast, SinceNS: e.ns, Sign: e.sign}
		}
		if listed && known {
			later = evidence{ns: min(later.ns, e.ns)}
		}
	}
	var earlier uint64 // the latest known creation so far
	for _, n := range inv.Namespaces {
		if ns, seen := b.begun[n.Inum]; seen {
			n.Age = Age{Bound: Exact, SinceNS: ns, Sign: ByRecording}
			if n.Kernel != nil {
				earlier = max(earlier, ns)
			}
			continue
		}
		if n.Initial {
			n.Age = Age{Bound: Exact, Sign: ByBoot}
			continue
		}
		if start, known := n.oldest(); known && (n.Kernel == nil || start >= earlier) {
			n.Age = n.Age.or(start)
		}
	}
}

func (b *Builder) evidenceOf(n *Namespace) (evidence, bool) {
	if ns, seen := b.begun[n.Inum]; seen {
		return evidence{ns, ByRecording}, true
	}
	e, known := b.since[n.Inum]
	return e, known
}

// oldest is when the first process in it started.
func (n *Namespace) oldest() (ns uint64, known bool) {
	if len(n.Listed) == 0 {
		return 0, false
	}
	return n.Listed[0].ID.StartNS, true
}

// or takes the start of a process for the age if nothing better is known.
func (a Age) or(start uint64) Age {
	if a.Bound == AtLeast && a.SinceNS <= start {
		return a
	}
	return Age{Bound: Inferred, SinceNS: start, Sign: ByProcess}
}
