package findings

// NetnsRelease is a line: the last reference to a namespace was dropped.
type NetnsRelease struct {
	Head
	Moment
	Netns Netns `json:"netns"`
	// From the beginning of the creation to the release; null if the creation was not seen.
	LifetimeNS *uint64 `json:"lifetime_ns"`
	// What the last reference was: process, mount, file, nsfs or clone; null if unknown.
	Held       *Text  `json:"held"`
	HeldBase64 []byte `json:"held_base64,omitempty"`
	// The process dropped it in the course of its own end.
	Exiting bool `json:"exiting"`
	// How often the namespace was joined.
	Joins uint64 `json:"joins,omitempty"`
	// The process that dropped it; null where the kernel did so on no process's behalf.
	Process *Process `json:"process"`
	Lineage
	Created *Created `json:"created"`
}

// NetnsFree is a line: the kernel has torn a namespace down.
type NetnsFree struct {
	Head
	Moment
	Netns Netns `json:"netns"`
	// From the beginning of the creation to the release; null if the creation was not seen.
	LifetimeNS *uint64 `json:"lifetime_ns"`
	// From the release to the beginning of the teardown.
	WaitNS uint64 `json:"wait_ns"`
	// How long the teardown took.
	TeardownNS uint64   `json:"teardown_ns"`
	Created    *Created `json:"created"`
}

// NetnsJoin is a line: a process came into a namespace.
type NetnsJoin struct {
	Head
	Moment
	Netns Netns `json:"netns"`
	// setns or fork.
	How       Text   `json:"how"`
	HowBase64 []byte `json:"how_base64,omitempty"`
	// The ordinal of this join of the namespace; 1 is the first.
	Ordinal uint32 `json:"ordinal"`
	// From the beginning of the creation to the join; null if the creation was not seen.
	AgeNS *uint64 `json:"age_ns"`
	// What it did next: exec, left or ended; null for none of that in the time.
	Then *Text `json:"then"`
	// How long after the join that was.
	ThenAfterNS *uint64 `json:"then_after_ns"`
	// The process that came in.
	Process Process `json:"process"`
	Lineage
	// Where the process belongs, after the exec.
	Unit      *Unit      `json:"unit"`
	Container *Container `json:"container"`
	Created   *Created   `json:"created"`
}

// Created refers to the creation of a namespace.
type Created struct {
	Moment
	Process Creator `json:"process"`
	// The name of the creator's unit.
	Unit       *Text  `json:"unit"`
	UnitBase64 []byte `json:"unit_base64,omitempty"`
	// The user whose manager's unit it is; absent for the system's.
	OwnerUID *uint32 `json:"owner_uid,omitempty"`
	// The id of the creator's container.
	Container       *Text  `json:"container"`
	ContainerBase64 []byte `json:"container_base64,omitempty"`
	// claimed where a user or another container chose that id; absent where the machine did.
	ContainerEvidence Text `json:"container_evidence,omitempty"`
}

// Creator names the process that created a namespace.
type Creator struct {
	PID        uint32 `json:"pid"`
	StartNS    uint64 `json:"start_ns"`
	Comm       Text   `json:"comm"`
	CommBase64 []byte `json:"comm_base64,omitempty"`
	// The name after the exec that followed.
	ExecComm       *Text  `json:"exec_comm,omitempty"`
	ExecCommBase64 []byte `json:"exec_comm_base64,omitempty"`
}
