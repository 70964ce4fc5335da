package findings

// Schema is the version of the types in this package. It changes only when a
// field changes its meaning or its name.
const Schema = 2

// Head is how every line begins.
type Head struct {
	// The version of the schema.
	Schema int `json:"schema"`
	// The type of the line.
	Type string `json:"type"`
}

// NewHead returns the head of a line of that type.
func NewHead(kind string) Head { return Head{Schema: Schema, Type: kind} }

// Moment is a time, twice.
type Moment struct {
	// The time of day in the zone of the machine that was observed; null before it is known.
	Time *Time `json:"time"`
	// Nanoseconds since boot, suspend included.
	BootNS uint64 `json:"boot_ns"`
}

// Coverage is a line that says from when on a probe is live, or that it isn't.
type Coverage struct {
	Head
	Moment
	// The name of the probe.
	Probe       Text   `json:"probe"`
	ProbeBase64 []byte `json:"probe_base64,omitempty"`
	// The subsystem, for a module's function.
	Subsystem       Text   `json:"subsystem,omitempty"`
	SubsystemBase64 []byte `json:"subsystem_base64,omitempty"`
	// It came or went with its module after the beginning.
	Changed bool `json:"changed,omitempty"`
	Live    bool `json:"live"`
	// How it is attached: fentry, kprobe or tp_btf.
	AttachMethod       Text   `json:"attach_method"`
	AttachMethodBase64 []byte `json:"attach_method_base64,omitempty"`
	// Why it is not live.
	Why       Text   `json:"why"`
	WhyBase64 []byte `json:"why_base64,omitempty"`
}

// Loss is a line that says that something was lost.
type Loss struct {
	Head
	Moment
	// What was lost.
	Kind       Text   `json:"kind"`
	KindBase64 []byte `json:"kind_base64,omitempty"`
	// How many since the last line of this kind and owner.
	Count uint64 `json:"count"`
	// Whose they were, left out if they may be anybody's.
	Owner *LossOwner `json:"owner,omitempty"`
}

// LossOwner is who answers for what was lost.
type LossOwner struct {
	// The owner of the outermost user namespace below the machine's, or the user.
	UID uint32 `json:"uid"`
	// The inode number of the pid namespace.
	PIDNamespace uint32 `json:"pid_namespace"`
}

// Damage is a line that says that a part of a recording could not be read.
type Damage struct {
	Head
	Moment
	DamagedPart
}

// DamagedPart is a part of a recording that could not be read.
type DamagedPart struct {
	// Where it begins in the file.
	Offset uint64 `json:"offset"`
	Bytes  uint64 `json:"bytes"`
	// How many blocks it is, at least.
	Blocks uint64 `json:"blocks"`
	// The file ends in it.
	Truncated bool   `json:"truncated"`
	Why       Text   `json:"why"`
	WhyBase64 []byte `json:"why_base64,omitempty"`
	// The reason as a code, where its bytes are in order.
	WhyCode Text `json:"why_code,omitempty"`
}

// Summary is the last line of a trace or a replay.
type Summary struct {
	Head
	// Creations that the kernel saw, failed tries included.
	Seen uint64 `json:"seen"`
	// Those that passed the filters.
	Printed uint64 `json:"printed"`
	// The window in which creations were printed, if one was given.
	Since *Time `json:"since,omitempty"`
	Until *Time `json:"until,omitempty"`
	// Printed ones that were not released; null if no probe sees releases.
	Alive *uint64 `json:"alive"`
	// Released ones that were not torn down yet; null if no probe sees releases.
	Releasing *uint64 `json:"releasing"`
	// All that was lost.
	Lost uint64 `json:"lost"`
	// Printed ones with something truncated.
	Cut uint64 `json:"cut"`
	// Bus messages of which too little was captured.
	BusCut uint64 `json:"bus_cut"`
	// Joins of printed namespaces that were only counted.
	JoinsUnreported uint64 `json:"joins_unreported,omitempty"`
	// Parts of the recording that could not be read.
	Damages       uint64  `json:"damages,omitempty"`
	DamagedBlocks *uint64 `json:"damaged_blocks,omitempty"`
	DamagedBytes  *uint64 `json:"damaged_bytes,omitempty"`
	// Which arguments were replaced: all or secrets.
	Redacted       Text   `json:"redacted,omitempty"`
	RedactedBase64 []byte `json:"redacted_base64,omitempty"`
	LostByKind     Counts `json:"lost_by_kind"`
}
