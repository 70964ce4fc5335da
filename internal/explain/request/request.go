package request

import (
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Caller is a process at the moment at which it sent a message.
type Caller struct {
	Process  lineage.Process
	Ancestry []lineage.Process
	// Why says why Ancestry does not reach the root, empty if it does.
	Why lineage.Cut
}

// Request asks a manager to start a unit.
type Request struct {
	// At is when it was sent, nanoseconds since boot.
	At uint64
	// Owner is the manager that was asked.
	Owner Owner
	// Unit is the unit as whoever asked named it, which may be by an alias.
	Unit string
	// Method is the method that was called.
	Method string
	// Caller is who asked, if Known. For an activation it is the one whose call
	// found the name without an owner. Why says why it is not known.
	Caller Caller
	Known  bool
	Why    finding.Reason
	// Evidence is how that is known.
	Evidence evidence.Evidence
	// Activation is set if a bus asked because of a call to a name.
	Activation bool
	// BusName is the name that was to be activated, empty for other requests.
	BusName string
	// Waiting counts the further calls that waited for the same start.
	Waiting int

	// bus is the socket, sender the pid of whoever sent the request itself, and
	// serial its number there.
	bus, sender, serial uint32
	// call is the number of the call that found the name without an owner.
	call uint32
	// failed is when the bus told the caller that nothing came of it, 0 if it did
	// not.
	failed uint64
	// pending are the calls at that time to names of the bus, by name. It is nil
	// once the bus name is known, by which the caller is found among them.
	pending map[string]calls
	// unread are the messages to that manager that could not be read by then.
	unread []unread
}

// Restarts reports whether the request also starts what runs already.
func (r *Request) Restarts() bool { return strings.Contains(r.Method, "Restart") }

// Pending reports whether the caller can only be found once the bus name is
// known: see ResolveCaller.
func (r *Request) Pending() bool { return r.Activation && r.pending != nil }

// doubt makes a request inferred if one of the messages may have been one to the
// manager that came first.
func (r *Request) doubt(messages []unread) {
	if slices.ContainsFunc(messages, func(u unread) bool {
		return u.couldRequest() && u.couldCompete(r.Caller.Process.ID, r.At)
	}) {
		r.Evidence = evidence.Weaker(evidence.Inferred, r.Evidence)
	}
}
