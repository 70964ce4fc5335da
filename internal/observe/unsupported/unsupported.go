// Package unsupported has the error of what this machine, or the rights of this
// process, do not allow.
package unsupported

// Error says that this machine, or the rights of this process, do not allow
// something, and what to do about it.
type Error struct {
	// What was tried or needed: "attach fentry/copy_net_ns".
	What string
	// Remedy is an instruction to the user, without a full stop.
	Remedy string
	// Err is the reason.
	Err error
}

// New returns an *Error. The reason must not be nil.
func New(what, remedy string, err error) *Error {
	return &Error{What: what, Remedy: remedy, Err: err}
}

// Error returns what was tried and the reason, without the remedy.
func (e *Error) Error() string { return e.What + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }
