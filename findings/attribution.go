package findings

// Attribution says who did something, and why.
type Attribution struct {
	Lineage
	// Ancestors for which there was no room.
	AncestorsLost uint64 `json:"ancestors_lost,omitempty"`
	Place
	// The steps from the namespace towards the origin.
	Chain  []Link `json:"chain"`
	Origin Origin `json:"origin"`
}

// Link is a step of a chain.
type Link struct {
	// What kind of step it is.
	Link       Text   `json:"link"`
	LinkBase64 []byte `json:"link_base64,omitempty"`
	// What it rests on.
	Evidence       Text   `json:"evidence"`
	EvidenceBase64 []byte `json:"evidence_base64,omitempty"`
	// The step in words.
	Text       Text   `json:"text"`
	TextBase64 []byte `json:"text_base64,omitempty"`
	// The step as a code.
	Code Text `json:"code"`
	// The unit that the step is about, if it is about one.
	Unit       Text   `json:"unit,omitempty"`
	UnitBase64 []byte `json:"unit_base64,omitempty"`
	// The user whose manager's unit it is; absent for the system's.
	OwnerUID *uint32 `json:"owner_uid,omitempty"`
	// The process that the step is about, if it is about one.
	Process *Process `json:"process,omitempty"`
	// The ancestors of that process.
	Ancestry []Process `json:"ancestry,omitzero"`
}

// Origin is where a chain begins, if that is known.
type Origin struct {
	// Who asked, or acted by itself; for a socket who connected.
	Process *Process `json:"process"`
	Lineage
	// The unit that the process runs in, or the unit that the trigger names.
	Unit      *Unit      `json:"unit"`
	Container *Container `json:"container"`
	// With pod, the pod.
	Pod *Pod `json:"pod,omitempty"`
	// With restart, the container that was restarted, if it was one.
	RestartedContainer *RuntimeContainer `json:"restarted_container,omitempty"`
	// command, timer, socket, path, device, restart, boot, failure, success, pod, guest or unknown.
	Trigger Text `json:"trigger"`
	// That of the weakest link.
	Evidence       Text   `json:"evidence"`
	EvidenceBase64 []byte `json:"evidence_base64,omitempty"`
	// With unknown, where the evidence ends.
	Why       *Text  `json:"why,omitempty"`
	WhyBase64 []byte `json:"why_base64,omitempty"`
	// The reason as a code, where it is one of nsblame's own.
	WhyCode Text `json:"why_code,omitempty"`
}
