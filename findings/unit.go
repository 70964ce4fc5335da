package findings

// Unit is a unit of systemd, by a cgroup.
type Unit struct {
	Name        Text   `json:"name"`
	NameBase64  []byte `json:"name_base64,omitempty"`
	Slice       Text   `json:"slice"`
	SliceBase64 []byte `json:"slice_base64,omitempty"`
	// Whose unit it is: system or user.
	Manager      Text   `json:"manager"`
	Cgroup       Text   `json:"cgroup"`
	CgroupBase64 []byte `json:"cgroup_base64,omitempty"`
	// The unit of the system's manager that a user's unit is in.
	SystemUnit       *Text  `json:"system_unit,omitempty"`
	SystemUnitBase64 []byte `json:"system_unit_base64,omitempty"`
	Session          Text   `json:"session,omitempty"`
	SessionBase64    []byte `json:"session_base64,omitempty"`
	// The user whose manager it is.
	OwnerUID *uint32 `json:"owner_uid,omitempty"`
	// claimed where the name is a user's own manager's; absent where the kernel shows it.
	Evidence Text `json:"evidence,omitempty"`
	// What the unit says of its network namespace.
	Settings []Setting `json:"settings"`
	// Why which of the unit's files could not be read.
	Problems       []Text   `json:"problems,omitempty"`
	ProblemsBase64 [][]byte `json:"problems_base64,omitempty"`
	// The manager said more of the unit than was kept.
	Cut bool `json:"cut,omitempty"`
}

// Setting is a setting of a unit.
type Setting struct {
	Name        Text   `json:"name"`
	NameBase64  []byte `json:"name_base64,omitempty"`
	Value       Text   `json:"value"`
	ValueBase64 []byte `json:"value_base64,omitempty"`
	// Where it stands; null if unknown.
	File           *Text   `json:"file"`
	FileBase64     []byte  `json:"file_base64,omitempty"`
	Line           *uint32 `json:"line"`
	Evidence       Text    `json:"evidence"`
	EvidenceBase64 []byte  `json:"evidence_base64,omitempty"`
}

// Container is a container, by a cgroup or by a process that looks after it.
type Container struct {
	ID            Text   `json:"id"`
	IDBase64      []byte `json:"id_base64,omitempty"`
	Runtime       Text   `json:"runtime"`
	RuntimeBase64 []byte `json:"runtime_base64,omitempty"`
	// The uid of the pod that it is in.
	Pod       Text   `json:"pod,omitempty"`
	PodBase64 []byte `json:"pod_base64,omitempty"`
	// claimed where a user or another container chose these names; absent where the machine did.
	Evidence Text `json:"evidence,omitempty"`
	// The user below whose manager or session the cgroup is.
	OwnerUID *uint32 `json:"owner_uid,omitempty"`
	// The outermost container, if the name was chosen in one.
	NamedWithin       Text   `json:"named_within,omitempty"`
	NamedWithinBase64 []byte `json:"named_within_base64,omitempty"`
	// The unit of the service manager in it that the process runs in. It is the container's word.
	GuestUnit       Text   `json:"guest_unit,omitempty"`
	GuestUnitBase64 []byte `json:"guest_unit_base64,omitempty"`
}

// Place is where a process belongs.
type Place struct {
	Unit      *Unit      `json:"unit"`
	Container *Container `json:"container"`
	// The container that the container is in.
	OuterContainer *Container `json:"outer_container,omitempty"`
	// The container that the process looks after from outside.
	MonitorOf *Container `json:"monitor_of,omitempty"`
}
