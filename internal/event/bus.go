package event

// BusMessage is the beginning of a D-Bus message that was sent over a unix
// socket. It is a method call to a well-known name, a call that can start a unit,
// an activation request of the bus, or a change of a name's owner. Process events
// for the sender and its ancestors come before it.
type BusMessage struct {
	// Sender is the process that sent it, TID the thread. It is zero if a thread of
	// the kernel did so for somebody.
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
	// Conn is the connection: the inode number of the client's socket (SOCK_INODE,
	// include/net/sock.h). Serials count within it. 0 where it is not known, as in
	// recordings of before it was noted.
	Conn uint64
	// Copied is set if Data is the kernel's own copy of what was sent. Otherwise it
	// was read from the sender's memory, which may have changed before the copy.
	Copied bool
	// Unread says why the message could not be read, empty if it could. Data is empty
	// then, and Size is that of what was not read.
	Unread Unread
	// Size is that of the whole send in bytes, or that of the message if Copied.
	Size uint32
	// Data is what was captured: the beginnings of the first two segments of the
	// send, or the beginning of one message if Copied.
	Data []byte
}

// Unread says why what was sent to a bus could not be read.
type Unread string

// Why it could not.
const (
	// UnreadSpliced: its pages were handed over and not copied (splice, sendfile,
	// MSG_ZEROCOPY), so they stay the sender's to change.
	UnreadSpliced Unread = "spliced"
	// UnreadOutOfStep: where a message begins is not known on this connection,
	// since something before it could not be read.
	UnreadOutOfStep Unread = "out_of_step"
	// UnreadTooMany: the sender's owner sent more than its share (see Owner), or
	// more messages at once than are looked at.
	UnreadTooMany Unread = "too_many"
)

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
