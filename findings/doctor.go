package findings

// Version is what nsblame version says.
type Version struct {
	Head
	Version string `json:"version"`
	// The commit that it was built from; empty if unknown.
	Revision string `json:"revision"`
	// It was built from a tree with changes.
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// Check is a line of doctor: something that tracing needs, or a probe.
type Check struct {
	Head
	Name string `json:"name"`
	// What was found.
	Verdict string `json:"verdict"`
	// There is no tracing without it.
	Required bool `json:"required"`
	// How a probe is attached.
	How    string `json:"how,omitempty"`
	Detail string `json:"detail"`
	// What to do about it.
	Remedy string `json:"remedy,omitempty"`
}

// Verdict is the last line of doctor.
type Verdict struct {
	Head
	// Whether this machine can be traced.
	Possible bool   `json:"possible"`
	Text     string `json:"text"`
}
