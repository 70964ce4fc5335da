package event

// Coverage says that a probe is live from here on, or that it is not.
type Coverage struct {
	// Probe is what came or went.
	Probe Probe
	// Subsystem is the module that has the function, empty for the kernel itself.
	Subsystem string
	// Changed is set if the probe was attached or removed with its module, after
	// the stream had begun.
	Changed bool
	// Live is set when the probe is attached.
	Live bool
	// AttachMethod says how it is attached ("fentry", "tp_btf"), empty if it is not.
	AttachMethod string
	// Why says why it is not attached, and what to do.
	Why string
}

func (*Coverage) body() {}
