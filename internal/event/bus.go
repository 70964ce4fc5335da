package event

// BusMessage is the beginning of a D-Bus message that was sent over a unix
// socket. It is a method call to a well-known name, a call that can start a unit,
// an activation request of the bus, or a change of a name's owner. Process events
// for the sender and its ancestors come before it.
type BusMessage struct {
	// Sender is the process that sent it, TID the thread.
	Sender ProcessID
	TID    uint32
	// Bus is the number of the listening socket. Buses in containers, and one
	// that was restarted, can have the same path and differ in this.
	Bus uint32
	// Path is the path of the listening socket.
	Path string
	// FromBus is set if it went from the listener to a client.
	FromBus bool
	// PeerPID is the process at the other end. It is the one that listened, or
	// with FromBus the one that connected. systemd listens on the sockets that it
	// hands over.
	PeerPID uint32
	// Listener is the process that listens on the socket. It is set in the first
	// message to each bus, and zero in all others. A Process event for it comes
	// before.
	Listener ProcessID
	// Size is that of the whole send in bytes.
	Size uint32
	// Data is what was captured: the beginnings of the first two segments of the
	// send.
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
