package request

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

const (
	// maxBuses bounds the sockets that are known. The source, and the reader and the
	// writer of a recording, forget all when they know as many (see package
	// recording). So live and replayed the same ones are known.
	maxBuses = 1 << 12
	// maxManagerNames bounds the names that a manager had on a bus.
	maxManagerNames = 4
)

// bus is a listening socket.
type bus struct {
	// path is where it listened when its listener was named, believed whether that is
	// the manager whom the path stands for, or its bus.
	path     string
	believed bool
	// manager is the pid of the manager, 0 where it is not known.
	manager uint32
	// names are the latest unique names of the manager. A bus never gives a name of a
	// connection to another one.
	names []string
}

// buses are the listening sockets, by their number in the stream.
type buses map[uint32]*bus

// listened takes in who listens on a socket. A number, and the memory that it stood
// for, may be another's by then: the latest word counts.
func (t *Tracker) listened(sent *event.BusMessage) {
	if _, known := t.buses[sent.Bus]; !known && len(t.buses) >= maxBuses {
		clear(t.buses)
	}
	b := &bus{path: sent.Path}
	if old := t.buses[sent.Bus]; old != nil && old.path == sent.Path {
		b.names = old.names
	}
	t.buses[sent.Bus] = b
	own, _, ok := t.transportOf(sent.Path)
	if !ok {
		return
	}
	p, _, _ := t.tree.Lineage(sent.Listener)
	if IsManager(&p, own) {
		b.believed, b.manager = true, p.ID.PID
	} else {
		b.believed = isBusOf(&p, own)
	}
}

// believedBus returns the socket of a message if it belongs to the manager that its
// path stands for. In a container, or in a mount namespace of a user's own, the same
// path leads elsewhere. The manager itself listens on its private socket, and on the
// buses that it hands over.
func (t *Tracker) believedBus(sent *event.BusMessage) *bus {
	b := t.buses[sent.Bus]
	if b == nil || !b.believed || b.path != sent.Path {
		return nil
	}
	return b
}

// learnName takes in what a message of the bus shows of the manager's unique name:
// whom it says to own the manager's well-known name, and whom it writes to on the
// manager's own connection.
func (b *bus) learnName(m *message) {
	d := &m.dbus
	name := ""
	switch {
	case d.Sender == dbuswire.BusName && d.Member == nameOwnerChanged && len(d.Args) == 3 && d.Args[0].Text == dbuswire.SystemdName:
		name = d.Args[2].Text
	case b.manager != 0 && m.sent.PeerPID == b.manager && dbuswire.IsUnique(d.Destination):
		name = d.Destination
	}
	if !dbuswire.IsUnique(name) || slices.Contains(b.names, name) {
		return
	}
	if len(b.names) == maxManagerNames {
		b.names = slices.Delete(b.names, 0, 1)
	}
	b.names = append(b.names, name)
}

// goesToManager reports whether a request went to the manager: to its well-known name,
// or to a unique one that is known to be its own by now.
func (t *Tracker) goesToManager(r *Request) bool {
	if r.to.name == "" {
		return true
	}
	b := t.buses[r.to.bus]
	return b != nil && slices.Contains(b.names, r.to.name)
}
