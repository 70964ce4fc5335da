package findings

// Process is a process at a moment.
type Process struct {
	PID uint32 `json:"pid"`
	TID uint32 `json:"tid"`
	// Since boot; pid and start together are unique.
	StartNS    uint64   `json:"start_ns"`
	Comm       Text     `json:"comm"`
	CommBase64 []byte   `json:"comm_base64,omitempty"`
	Argv       []Text   `json:"argv"`
	ArgvBase64 [][]byte `json:"argv_base64,omitempty"`
	// The command line is not whole.
	ArgvTruncated bool `json:"argv_truncated"`
	// The command line is not known.
	ArgvUnread bool `json:"argv_unread,omitempty"`
	// It has not called exec since its fork: argv is its parent's.
	ArgvInherited bool   `json:"argv_inherited,omitempty"`
	Exe           Text   `json:"exe"`
	ExeBase64     []byte `json:"exe_base64,omitempty"`
	ExeTruncated  bool   `json:"exe_truncated,omitempty"`
	UID           uint32 `json:"uid"`
	// Null if unknown.
	Cgroup          *Text  `json:"cgroup"`
	CgroupBase64    []byte `json:"cgroup_base64,omitempty"`
	CgroupTruncated bool   `json:"cgroup_truncated,omitempty"`
	// Older than nsblame: its parent was found, not seen forking it.
	Preexisting bool `json:"preexisting,omitempty"`
	// Nothing but the identity is known.
	Unresolved bool    `json:"unresolved,omitempty"`
	Exited     bool    `json:"exited"`
	ExitCode   *uint32 `json:"exit_code,omitempty"`
	ExitSignal *uint32 `json:"exit_signal,omitempty"`
	ExitNS     *uint64 `json:"exit_ns,omitempty"`
	// The process after the exec that followed.
	Exec *Process `json:"exec,omitempty"`
}

// FoundProcess is what /proc shows of a process.
type FoundProcess struct {
	PID uint32 `json:"pid"`
	// Another than the pid where only a thread is meant.
	TID uint32 `json:"tid"`
	// Since boot, to 10 ms.
	StartNS       uint64   `json:"start_ns"`
	Comm          Text     `json:"comm"`
	CommBase64    []byte   `json:"comm_base64,omitempty"`
	Argv          []Text   `json:"argv"`
	ArgvBase64    [][]byte `json:"argv_base64,omitempty"`
	ArgvTruncated bool     `json:"argv_truncated"`
	ArgvUnread    bool     `json:"argv_unread,omitempty"`
	Exe           Text     `json:"exe"`
	ExeBase64     []byte   `json:"exe_base64,omitempty"`
	// Null if unknown.
	UID *uint32 `json:"uid"`
	// Null if unknown.
	Cgroup       *Text      `json:"cgroup"`
	CgroupBase64 []byte     `json:"cgroup_base64,omitempty"`
	Unit         *Unit      `json:"unit"`
	Container    *Container `json:"container"`
}

// Lineage is the ancestry of a process.
type Lineage struct {
	// The ancestors, nearest first.
	Ancestry []Process `json:"ancestry"`
	// It doesn't reach the root.
	AncestryTruncated bool `json:"ancestry_truncated,omitempty"`
	// Why it doesn't.
	AncestryWhy       *Text  `json:"ancestry_why,omitempty"`
	AncestryWhyBase64 []byte `json:"ancestry_why_base64,omitempty"`
	// The reason as a code.
	AncestryWhyCode       *Text  `json:"ancestry_why_code,omitempty"`
	AncestryWhyCodeBase64 []byte `json:"ancestry_why_code_base64,omitempty"`
}
