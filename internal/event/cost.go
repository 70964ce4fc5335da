package event

// Init is one subsystem's initialisation in a new namespace.
type Init struct {
	// Op is the kernel function that was timed: the subsystem's own, or ops_init,
	// which calls it, while that had no probe yet.
	Op string
	// Subsystem is the name by which people know it (nf_conntrack, ip_vs).
	Subsystem string
	// DurationNS is how long it took in nanoseconds.
	DurationNS uint64
	// IPVS is set for ip_vs.
	IPVS *IPVS
}

// IPVS holds the two figures of the line "IPVS: Creating netns size=… id=…"
// that older kernels logged.
type IPVS struct {
	// ID is netns_ipvs.gen, the count of namespaces that ip_vs initialised
	// before this one since it was loaded.
	ID int32
	// Size is sizeof(struct netns_ipvs) in bytes, 0 where unknown.
	Size uint32
}

// Cost is what a creation is made of.
type Cost struct {
	// LockWaitNS is how long it waited for pernet_ops_rwsem, in nanoseconds.
	// LockUnknown is set where that is not seen.
	LockWaitNS  uint64
	LockUnknown bool
	// Ops are the runs of ops_init, in their order.
	Ops []CostOp
	// Unlisted counts those that found no place among them, UnlistedNS is how
	// long they took.
	Unlisted   uint32
	UnlistedNS uint64
}

// CostOp is one run of ops_init: a subsystem's share of a creation.
type CostOp struct {
	// Op is the symbol of the function that was called, or where the subsystem
	// has none of the structure that it registered. Empty if it isn't known.
	Op string
	// NoInit is set where there was no function to call.
	NoInit bool
	// Subsystem is the module, or what the symbol says.
	Subsystem string
	// Module is the loaded module that has it, empty for the kernel itself.
	Module string
	// DurationNS is how long it took in nanoseconds.
	DurationNS uint64
}

// OpsNS is what the subsystems took.
func (c *Cost) OpsNS() uint64 {
	ns := c.UnlistedNS
	for i := range c.Ops {
		ns += c.Ops[i].DurationNS
	}
	return ns
}

// OtherNS is what is left of the duration of a creation.
func (c *Cost) OtherNS(duration uint64) uint64 {
	used := c.OpsNS()
	if !c.LockUnknown {
		used += c.LockWaitNS
	}
	return duration - min(duration, used)
}
