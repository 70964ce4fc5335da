package findings

// Report is a line: what a stream tells about the creation of network namespaces.
type Report struct {
	Head
	// When the stream began.
	Begin       *Time  `json:"begin"`
	BeginBootNS uint64 `json:"begin_boot_ns"`
	// When the stream ended.
	End       *Time  `json:"end"`
	EndBootNS uint64 `json:"end_boot_ns"`
	// False if the stream breaks off.
	Whole bool  `json:"whole"`
	Host  *Host `json:"host"`
	// Creations and failed tries, as the kernel counted them.
	Seen uint64 `json:"seen"`
	// Those that passed the filters.
	Selected uint64 `json:"selected"`
	// Failed tries that passed the filters.
	Failed uint64 `json:"failed"`
	// Those that did not pass the filters.
	FilteredOut uint64 `json:"filtered_out"`
	// Selected ones of causes for which there was no room.
	Ungrouped uint64  `json:"ungrouped"`
	Gaps      Gaps    `json:"gaps"`
	Endings   Endings `json:"endings"`
	// What creations are made of, with --cost; null if nothing was measured.
	Cost Maybe[Costs] `json:"cost,omitzero"`
	// The root causes, the most frequent first.
	Causes []Cause `json:"causes"`
	// How long was observed, without what lies between several recordings.
	ObservedNS uint64 `json:"observed_ns"`
	// How many more creations a cause may have than it counts, because there were too
	// many to follow all.
	Uncertain uint64 `json:"uncertain"`
	// The machines of several recordings. Every NAME_boot_ns is then since 1970.
	Hosts []ReportHost `json:"hosts,omitempty"`
	// The modules that were loaded meanwhile.
	PernetInits []PernetInits `json:"pernet_inits"`
	// Passes over the namespaces for which there was no room in the list.
	PernetInitsUngrouped uint64   `json:"pernet_inits_ungrouped"`
	Suspects             Suspects `json:"suspects"`
}

// Host is the machine that was observed.
type Host struct {
	// The version of nsblame that observed it.
	Nsblame       Text   `json:"nsblame"`
	NsblameBase64 []byte `json:"nsblame_base64,omitempty"`
	Kernel        Text   `json:"kernel"`
	KernelBase64  []byte `json:"kernel_base64,omitempty"`
	Arch          Text   `json:"arch"`
	ArchBase64    []byte `json:"arch_base64,omitempty"`
	BootID        Text   `json:"boot_id"`
	BootIDBase64  []byte `json:"boot_id_base64,omitempty"`
}

// Gaps is what could not be observed.
type Gaps struct {
	// All that was lost.
	Lost       uint64 `json:"lost"`
	LostByKind Counts `json:"lost_by_kind"`
	// The probes that were not live.
	NotLive []NotLive     `json:"not_live"`
	Damage  ReportDamages `json:"damage"`
	// Creations with something truncated.
	Cut uint64 `json:"cut"`
	// Bus messages of which too little was captured.
	BusCut uint64 `json:"bus_cut"`
}

// NotLive is a probe that was not live.
type NotLive struct {
	Probe       Text   `json:"probe"`
	ProbeBase64 []byte `json:"probe_base64,omitempty"`
	Why         Text   `json:"why"`
	WhyBase64   []byte `json:"why_base64,omitempty"`
}

// ReportDamages is what of a recording could not be read.
type ReportDamages struct {
	Parts  uint64 `json:"parts"`
	Blocks uint64 `json:"blocks"`
	Bytes  uint64 `json:"bytes"`
	// The first ones.
	First []DamagedPart `json:"first"`
}

// Endings tells whether the end of namespaces was watched.
type Endings struct {
	Seen bool `json:"seen"`
	// Why it was not.
	Why       Text   `json:"why"`
	WhyBase64 []byte `json:"why_base64,omitempty"`
	// The reason as a code, where it is one of nsblame's own.
	WhyCode Text `json:"why_code,omitempty"`
	// Ends that may have been missed.
	Lost uint64 `json:"lost"`
}

// Costs is what creations are made of.
type Costs struct {
	// How many creations were measured.
	Measured uint64 `json:"measured"`
	// The time that they took.
	SumNS uint64 `json:"sum_ns"`
	// The ops, those first that took the most.
	Ops []OpCosts `json:"ops"`
	// The time of ops that were not listed one by one.
	UnlistedNS uint64 `json:"unlisted_ns"`
	// The wait for the lock of all creations; null where that was not seen.
	LockWait *SummedQuantiles `json:"lock_wait"`
	// The rest of the time.
	OtherNS uint64 `json:"other_ns"`
}

// OpCosts is what an operation took.
type OpCosts struct {
	Operation
	SummedQuantiles
}

// PernetInits is what loading a module did to namespaces, by module and cause.
type PernetInits struct {
	// The module.
	Subsystem       Text     `json:"subsystem"`
	SubsystemBase64 []byte   `json:"subsystem_base64,omitempty"`
	Trigger         Text     `json:"trigger"`
	Origin          *UnitRef `json:"origin"`
	Command         *Command `json:"command"`
	// With unknown, where the evidence ends.
	Why       *Text  `json:"why,omitempty"`
	WhyBase64 []byte `json:"why_base64,omitempty"`
	// The reason as a code, where it is one of nsblame's own.
	WhyCode Text     `json:"why_code,omitempty"`
	Unit    *UnitRef `json:"unit"`
	// Passes over the namespaces.
	Count uint64 `json:"count"`
	// Passes that failed.
	Failed uint64 `json:"failed"`
	// Namespaces of all passes.
	Namespaces uint64 `json:"namespaces"`
	SumNS      uint64 `json:"sum_ns"`
}

// Suspects are the units that were active at both ends and had no part in any
// creation.
type Suspects struct {
	Known bool `json:"known"`
	// Why they are not known, or why the list may not be whole.
	Why       Text   `json:"why"`
	WhyBase64 []byte `json:"why_base64,omitempty"`
	// The reason as a code, where it is one of nsblame's own.
	WhyCode Text `json:"why_code,omitempty"`
	// Nothing can have been missed.
	Cleared bool `json:"cleared"`
	// Why they are not cleared.
	Doubts       []Text   `json:"doubts"`
	DoubtsBase64 [][]byte `json:"doubts_base64,omitempty"`
	// The doubts as codes, in the same order.
	DoubtCodes []Text `json:"doubt_codes"`
	// Creations that any of them may have asked for.
	UnknownOrigins uint64    `json:"unknown_origins"`
	Units          []Suspect `json:"units"`
	// How many more there are.
	Others uint64 `json:"others"`
}

// Suspect is a unit that was there.
type Suspect struct {
	UnitRef
	// How many processes it had at the end.
	Processes uint32 `json:"processes"`
}

// ReportHost is a machine with what it did, in a report of several recordings.
type ReportHost struct {
	// Its name, or that of its file where that is not known.
	Name       Text   `json:"name"`
	NameBase64 []byte `json:"name_base64,omitempty"`
	// What stands for the machine.
	ID         Text   `json:"id"`
	IDBase64   []byte `json:"id_base64,omitempty"`
	Recordings uint64 `json:"recordings"`
	Begin      *Time  `json:"begin"`
	End        *Time  `json:"end"`
	ObservedNS uint64 `json:"observed_ns"`
	// As those of the report.
	Selected    uint64 `json:"selected"`
	Failed      uint64 `json:"failed"`
	FilteredOut uint64 `json:"filtered_out"`
	Ungrouped   uint64 `json:"ungrouped"`
	Lost        uint64 `json:"lost"`
	// Not given up at the end.
	Alive uint64 `json:"alive"`
	// Nothing was lost, cut or not watched.
	Complete bool `json:"complete"`
}
