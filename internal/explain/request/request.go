package request

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
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

	// refs counts what is remembered of the same caller.
	refs int
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
	Caller *Caller
	Known  bool
	Why    finding.Reason
	// Evidence is how that is known, and Doubt why it is no better than inferred.
	Evidence evidence.Evidence
	Doubt    finding.Reason
	// Activation is set if a bus asked because of a call to a name.
	Activation bool
	// BusName is the name that was to be activated, empty for other requests.
	BusName string
	// Waiting counts the further calls that waited for the same start.
	Waiting int

	// job is the type of job that is asked for, "" where it is not known.
	job string
	// sent names the message, and to is the connection that it went to if it was not
	// sent to the manager's well-known name.
	sent messageID
	to   busConn
	// silent is set if no answer was asked for. Then a refusal does not show either.
	silent bool
	// accepted is set once the manager has answered that there is a job, which was at
	// answered. jobID is its number, 0 if that could not be read.
	accepted bool
	answered uint64
	jobID    uint64
	// passed is when the bus passed it on to the manager, 0 if that was not seen.
	passed uint64
	// call is the call that found the name without an owner, called when it was made.
	call   messageID
	called uint64
	// older is the latest call by somebody else that was too old to be the one, zero if
	// there was none.
	older pastCall
	// heard is when the bus was last seen sending anything before it asked for an
	// activation, 0 if it was not.
	heard uint64
	// failed is when the bus told the caller that nothing came of it, 0 if it did
	// not.
	failed uint64
	// owned is when the name that was to be activated got an owner, 0 if it did not.
	owned uint64
	// refused is set if the manager told the bus that nothing came of it.
	refused bool
	// pending is set until the bus name is known, by which the caller is found.
	pending bool
	// order is the place of the request among all of the stream.
	order uint64

	kept
}

// messageID names a message on its connection.
type messageID struct {
	conn   uint64
	serial uint32
	// bus and pid stand for the connection where that is not known.
	bus, pid uint32
}

// idOf is the identity of a message of the client's at the other end.
func idOf(sent *event.BusMessage, pid, serial uint32) messageID {
	if sent.Conn != 0 {
		return messageID{conn: sent.Conn, serial: serial}
	}
	return messageID{bus: sent.Bus, pid: pid, serial: serial}
}

// sameConnection reports whether two messages went over one connection, which is read
// in order.
func (m messageID) sameConnection(other messageID) bool {
	m.serial, other.serial = 0, 0
	return m == other
}

// busConn is a connection to a bus, by its unique name.
type busConn struct {
	bus  uint32
	name string
}

// ReadFrom is from when on the manager may have read the request.
func (r *Request) ReadFrom() uint64 { return max(r.At, r.passed) }

// AskedAt is when the caller sent it: for an activation, when he called the name.
func (r *Request) AskedAt() uint64 {
	if r.called != 0 {
		return r.called
	}
	return r.At
}

// MayBeReadAfter reports whether the manager may only have read the request after a time.
func (r *Request) MayBeReadAfter(at uint64) bool {
	return !r.accepted && r.ReadFrom()+maxFlightNS >= at
}

// tryTypes are the types of job that restart what runs, and start nothing.
var tryTypes = []string{"try-restart", "reload-or-try-restart"}

// Restarts reports whether the request also starts what runs already.
func (r *Request) Restarts() bool {
	return r.job == "restart" || r.job == "reload-or-restart" || r.OnlyRestarts()
}

// OnlyRestarts reports whether the request only restarts what runs.
func (r *Request) OnlyRestarts() bool { return slices.Contains(tryTypes, r.job) }

// Pending reports whether the caller can only be found once the bus name is
// known: see Tracker.ResolveCaller.
func (r *Request) Pending() bool { return r.pending }

// process is the identity of the caller, zero where it is not known.
func (r *Request) process() event.ProcessID {
	if r.Caller == nil {
		return event.ProcessID{}
	}
	return r.Caller.Process.ID
}

// PID is that of the caller, 0 where it is not known.
func (r *Request) PID() uint32 { return r.process().PID }

// isTrusted reports whether the manager does what the caller asks without asking
// anybody for leave: root's wishes, and those of the user whose manager it is
// (src/core/dbus-util.c, bus_verify_manage_units_async).
func (r *Request) isTrusted() bool {
	if r.Activation {
		return true
	}
	if r.Caller == nil || r.Caller.Process.Unresolved {
		return false
	}
	uid := r.Caller.Process.UID
	return uid == 0 || r.Owner.Manager == event.ManagerUser && uid == r.Owner.UID
}

// MayWait reports whether the request may still have waited for leave at a time: it needs
// that, and what came of it is not known.
func (r *Request) MayWait(at uint64) bool {
	return !r.isTrusted() && r.At < at && at-r.At <= maxWaitNS
}

// Waits reports whether that is so, and its answer is still to come.
func (r *Request) Waits(at uint64) bool { return r.MayWait(at) && r.canBeAnswered() && !r.accepted }

// Trusted reports whether the manager had to obey the request.
func (r *Request) Trusted() bool { return r.isTrusted() }

// canBeAnswered reports whether the stream would show the manager's answer.
func (r *Request) canBeAnswered() bool { return r.sent.conn != 0 && !r.silent }
