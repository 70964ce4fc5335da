package event

// PernetInit says that a module, while it was loaded, had every existing network
// namespace initialised for one of its subsystems (struct pernet_operations,
// net/core/net_namespace.c). Its BootNS is when the first one began. Process
// events for the process that loaded it and its ancestors come before it.
type PernetInit struct {
	// By is the process that loaded the module, TID its thread, Comm its name.
	By   ProcessID
	TID  uint32
	Comm string
	// Subsystem is the module's name.
	Subsystem string
	// Op is the init function of the subsystem. It is empty if the subsystem has
	// none, for it only reserves memory, and if the name is not known.
	Op string
	// Namespaces is how many were initialised. Failed attempts count.
	Namespaces uint32
	// Unfinished is for how many of them the end was not seen. Their time is not
	// part of DurationNS.
	Unfinished uint32
	// DurationNS is how long that took in all, in nanoseconds.
	DurationNS uint64
	// Errno is 0, or the error of the last one. The module is then not loaded.
	Errno uint32
	// AncestorsLost is as in NetnsCreate.
	AncestorsLost uint32
}

func (*PernetInit) body() {}
