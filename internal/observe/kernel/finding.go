package kernel

import (
	"errors"

	"github.com/nsblame/nsblame/internal/observe/unsupported"
)

// Verdict is the outcome of one check.
type Verdict string

// The verdicts.
const (
	// OK: it works.
	OK Verdict = "ok"
	// Degraded: nsblame works, and shows less or is less certain.
	Degraded Verdict = "degraded"
	// Missing: it does not exist, or the kernel refuses it.
	Missing Verdict = "missing"
	// Unknown: it could not be found out, mostly because something else is
	// missing.
	Unknown Verdict = "unknown"
)

// Finding is the outcome of one check, with what was found and what to do.
type Finding struct {
	// Name is stable and machine-readable: "rights", "program:fentry".
	Name string
	// Verdict is the outcome.
	Verdict Verdict
	// Required is set if tracing is impossible without it.
	Required bool
	// How is the way a probe is attached ("fentry", "tp_btf"); empty for a
	// check that is not about a probe.
	How string
	// Detail says what was found.
	Detail string
	// Remedy says what to do; empty where nothing needs to be done.
	Remedy string
}

// Blocks reports whether the finding makes tracing impossible.
func (f Finding) Blocks() bool { return f.Required && f.Verdict == Missing }

// Blocker returns the first of the findings that makes tracing impossible as
// an *unsupported.Error, or nil.
func Blocker(findings []Finding) error {
	for _, f := range findings {
		if f.Blocks() {
			return unsupported.New(f.Name, f.Remedy, errors.New(f.Detail))
		}
	}
	return nil
}
