package request

import (
	"cmp"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// A service manager listens on the sockets of socket units. The first connection to one
// has it start the service (src/core/socket.c, socket_dispatch_io). The kernel part
// reports that connection alone, which says when the manager was woken, and by whom.

const (
	// maxConnections bounds in bytes the connections that are remembered.
	maxConnections = 1 << 16
	// maxConnectNS is how long a manager may take to begin a run for a connection.
	maxConnectNS = 30e9
	// sizeOfConnection is about what a connection takes besides its caller and path.
	sizeOfConnection = 160
)

// Connection is a connection to a socket unit, with who made it.
type Connection struct {
	// At is when it was made, nanoseconds since boot.
	At uint64
	// Caller is who connected.
	Caller *Caller
	// Evidence is how that is known, Kernel, or Inferred with the Doubt that makes it
	// so.
	Evidence evidence.Evidence
	Doubt    finding.Reason
}

// Connecting says which connections can have begun a run of a unit.
type Connecting struct {
	// Owner is the manager, and Unit the unit that was begun.
	Owner Owner
	Unit  string
	// Paths are those on which the manager listens for it.
	Paths []string
	// After is when the run before began, and Until when this one did.
	After, Until uint64
}

// connections has who connected to the sockets of service managers.
type connections struct {
	tracker *Tracker
	pile    *pile
	byPath  map[string][]*connection
	// lost is when any was last lost, or had no room.
	lost uint64
}

// connection is one to a socket of a service manager.
type connection struct {
	at       uint64
	path     string
	listener event.ProcessID
	// caller is nil if a thread of the kernel connected for somebody.
	caller *Caller

	kept
	in *connections
}

func newConnections(t *Tracker) *connections {
	return &connections{tracker: t, pile: newPile(maxConnections), byPath: make(map[string][]*connection)}
}

func (c *connection) place() *kept { return &c.kept }

// forget is called when there is no room.
func (c *connection) forget(owner event.Owner) {
	c.in.drop(c)
	if c.at+maxConnectNS >= c.in.tracker.now {
		c.in.missed(c.in.tracker.now)
	}
	c.in.tracker.noRoom(c.at, maxConnectNS, owner)
}

// missed takes in that connections were lost.
func (l *connections) missed(at uint64) { l.lost = max(l.lost, at) }

// take takes in a connection. What is too old to have begun anything goes.
func (l *connections) take(at uint64, sent *event.SocketConnect) {
	c := &connection{at: at, path: sent.Path, listener: sent.Listener, in: l}
	if !sent.Sender.IsZero() {
		c.caller = l.tracker.callerFor(sent.Sender, sent.TID)
	}
	for _, old := range slices.Clone(l.byPath[c.path]) {
		if old.at+2*maxConnectNS < at {
			l.pile.remove(old)
			l.drop(old)
		}
	}
	l.byPath[c.path] = append(l.byPath[c.path], c)
	size := sizeOfConnection + len(c.path)
	if c.caller != nil {
		size += c.caller.hold()
	}
	l.pile.add(l.tracker.ownerOf(sent.Sender), size, c)
}

// drop takes a connection out of what it is found by.
func (l *connections) drop(c *connection) {
	if c.caller != nil {
		c.caller.release()
	}
	list := slices.DeleteFunc(l.byPath[c.path], func(other *connection) bool { return other == c })
	l.byPath[c.path] = list
	if len(list) == 0 {
		delete(l.byPath, c.path)
	}
}

// Connected returns the connection for which a manager began a run: the latest one before
// it, for what came of an earlier one is over, or failed. It returns false if none was
// seen, or if who made it is not known.
func (t *Tracker) Connected(q Connecting) (Connection, bool) {
	list := t.connections.possible(q)
	if len(list) == 0 {
		return Connection{}, false
	}
	latest := list[len(list)-1]
	if latest.caller == nil {
		return Connection{}, false
	}
	out := Connection{At: latest.at, Caller: latest.caller, Evidence: evidence.Kernel}
	if t.connections.lost >= latest.at { // one from before would not have found the socket idle
		out.doubt(finding.Reason{Code: finding.ReasonMessagesLost, Unit: q.Unit})
	}
	for _, c := range list {
		switch {
		case c.caller == nil:
			out.doubt(finding.Reason{Code: finding.ReasonOtherConnected, Unit: q.Unit})
		case c.caller.Process.ID != latest.caller.Process.ID:
			out.doubt(finding.Reason{Code: finding.ReasonOtherConnected, Unit: q.Unit, PID: c.caller.Process.ID.PID})
		}
	}
	return out, true
}

// doubt says why the evidence is no better than inferred.
func (c *Connection) doubt(why finding.Reason) { c.Evidence, c.Doubt = evidence.Inferred, why }

// possible returns the connections that can have begun a run, in their order. Whoever
// listens must be the manager: anybody can bind a path in a directory of his own.
func (l *connections) possible(q Connecting) []*connection {
	var list []*connection
	for _, path := range q.Paths {
		for _, c := range l.byPath[path] {
			listener := l.tracker.tree.Process(c.listener)
			if c.at > q.After && c.at <= q.Until && q.Until-c.at <= maxConnectNS && IsManager(&listener, q.Owner) {
				list = append(list, c)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *connection) int { return cmp.Compare(a.at, b.at) })
	return list
}
