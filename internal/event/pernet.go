package event

// PernetInit says that a module which was being loaded had every network
// namespace that there was initialised for one of its subsystems (struct
// pernet_operations, net/core/net_namespace.c). Its BootNS is when the first one
// began. Process events for the process that loaded it and its ancestors
// precede it.
type PernetInit struct {
	// By is the process that loaded the module, TID its thread, Comm its name.
	By   ProcessID
	TID  uint32
	Comm string
	// Subsystem is the module's name.
	Subsystem string
	// Op is the subsystem's init function, empty where it has none (memory is
	// set aside only) or its name is not known.
	Op string
	// Namespaces is how many were initialised, or tried to be.
	Namespaces uint32
	// Unfinished is of how many the end was not seen: what they took is not part
	// of DurationNS.
	Unfinished uint32
	// DurationNS is how long that took in all, in nanoseconds.
	DurationNS uint64
	// Errno is 0, or the error that the last one failed with, after which the
	// module is not loaded.
	Errno uint32
	// AncestorsLost is as in NetnsCreate.
	AncestorsLost uint32
}

func (*PernetInit) body() {}
