package findings

// NetnsCreate is a line: a network namespace was created, or could not be.
type NetnsCreate struct {
	Head
	Creation
}

// Creation is the creation of a network namespace, or a try that failed.
type Creation struct {
	Moment
	// The beginning of the call was not seen.
	EntryMissed bool     `json:"entry_missed,omitempty"`
	Netns       NewNetns `json:"netns"`
	// The system call: unshare, clone or unknown.
	Call       Text   `json:"call"`
	CallBase64 []byte `json:"call_base64,omitempty"`
	// The errno's name; null for none.
	Error *Text `json:"error"`
	// The time spent in the kernel's copy_net_ns.
	DurationNS uint64 `json:"duration_ns"`
	Init       []Init `json:"init"`
	// What the creation is made of, with --cost.
	Cost *Cost `json:"cost,omitempty"`
	// The time to wait was over before the creator, or the child, called exec or ended.
	ExecAwaited bool `json:"exec_awaited,omitempty"`
	// The creator at that moment; with clone the caller.
	Process Process `json:"process"`
	// The process born in the namespace by clone.
	Child *Process `json:"child"`
	// For whom it was made, if it was made by what makes containers.
	For *For `json:"for,omitempty"`
	Attribution
}

// NewNetns is a namespace that was created.
type NewNetns struct {
	// 0 if the creation failed. Inums are reused, cookies are not.
	Inum uint32 `json:"inum"`
	// 0 where the kernel has none.
	Cookie uint64 `json:"cookie"`
	// The caller's namespace.
	ParentInum uint32 `json:"parent_inum"`
}

// Netns is a namespace.
type Netns struct {
	Inum uint32 `json:"inum"`
	// 0 where it is not known.
	Cookie uint64 `json:"cookie"`
}

// Init is the work of one subsystem on a new namespace.
type Init struct {
	// The function that was timed.
	Op              Text   `json:"op"`
	OpBase64        []byte `json:"op_base64,omitempty"`
	Subsystem       Text   `json:"subsystem"`
	SubsystemBase64 []byte `json:"subsystem_base64,omitempty"`
	DurationNS      uint64 `json:"duration_ns"`
	// The figures of the line that older kernels logged, for ip_vs.
	IPVS *IPVS `json:"ipvs,omitempty"`
}

// IPVS has the figures of the line that older kernels logged.
type IPVS struct {
	ID   int32  `json:"id"`
	Size uint32 `json:"size"`
}

// Cost is what a creation is made of.
type Cost struct {
	// The wait for pernet_ops_rwsem; null where that is not seen.
	LockWaitNS *uint64 `json:"lock_wait_ns"`
	// The runs of ops_init in their order.
	Ops []TimedOp `json:"ops"`
	// Further ops, which were only counted.
	Unlisted   uint64  `json:"unlisted,omitempty"`
	UnlistedNS *uint64 `json:"unlisted_ns,omitempty"`
	// The rest of the creation's time.
	OtherNS uint64 `json:"other_ns"`
}

// TimedOp is one run of ops_init.
type TimedOp struct {
	Operation
	DurationNS uint64 `json:"duration_ns"`
}

// Operation is an operation of a subsystem; null stands for what isn't known.
type Operation struct {
	// The function's symbol, or with no_init that of the structure.
	Op       *Text  `json:"op"`
	OpBase64 []byte `json:"op_base64,omitempty"`
	// The subsystem has no function and only gets a number.
	NoInit          bool   `json:"no_init,omitempty"`
	Subsystem       *Text  `json:"subsystem"`
	SubsystemBase64 []byte `json:"subsystem_base64,omitempty"`
	Module          *Text  `json:"module"`
	ModuleBase64    []byte `json:"module_base64,omitempty"`
}

// PernetInit is a line: a module was loaded, and initialised the namespaces that
// there were.
type PernetInit struct {
	Head
	Moment
	// The module.
	Subsystem       Text   `json:"subsystem"`
	SubsystemBase64 []byte `json:"subsystem_base64,omitempty"`
	// The function that did it; null if it has none or its name is not known.
	Op       *Text  `json:"op"`
	OpBase64 []byte `json:"op_base64,omitempty"`
	// How many namespaces it was done to.
	Namespaces uint32 `json:"namespaces"`
	// Those of which the end was not seen. Their time is not in duration_ns.
	Unfinished uint32 `json:"unfinished"`
	DurationNS uint64 `json:"duration_ns"`
	// The errno's name with which the last one failed; null for none.
	Error *Text `json:"error"`
	// The process that loaded the module.
	Process Process `json:"process"`
	Attribution
}
