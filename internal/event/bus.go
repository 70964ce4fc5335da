package event

// BusMessage is the beginning of a D-Bus message, seen when it was sent over a
// unix socket: a method call to a well-known name, a call that can start a
// unit, an activation request of the bus's or a change of a name's owner.
// Process events for the sender and its ancestors precede it.
type BusMessage struct {
	// Sender is the process that sent it, TID the thread.
	Sender ProcessID
	TID    uint32
	// Bus tells buses of the same path apart (in containers, or restarted):
	// connections to the same listening socket have the same number.
	Bus uint32
	// Path is the listening socket's.
	Path string
	// FromBus is set when it went from the listener to a client.
	FromBus bool
	// PeerPID is the process at the other end: the one that listened (for a
	// socket handed over by systemd that is systemd), or with FromBus the one
	// that connected.
	PeerPID uint32
	// Listener is the process that listens on the socket (for one that was
	// handed over by systemd that is systemd), told with the first message that
	// goes to a bus; otherwise zero. A Process event for it precedes.
	Listener ProcessID
	// Size is that of the whole send in bytes.
	Size uint32
	// Data is what was captured of it: the beginnings of its first two
	// segments.
	Data []byte
}

func (*BusMessage) body() {}

// What of a row of calls is in the stream: calls of one process to one name with no
// other message that counts in between.
const (
	// CallsReported is how many of them are reported, the first ones.
	CallsReported = 17
	// CallAgainNS is how long after a reported call the next one may be left out,
	// in nanoseconds.
	CallAgainNS = 100_000_000
)
