package request

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

// transport is a protocol in which requests are sent.
type transport interface {
	// owner recognises a socket by its path: whose service is addressed over it.
	// It is false for sockets on which another protocol is spoken.
	owner(socket string) (Owner, bool)
	// decode takes apart what was sent in one go. It fills in each message of it in
	// turn, and hands it over.
	decode(m *message, take func(*message))
}

// message is one message, or the part of it that could be read.
type message struct {
	// at is when it was sent, owner the service that it was sent to or by.
	at    uint64
	owner Owner
	// sent is what it is a part of, bus the socket that it was sent over.
	sent *event.BusMessage
	bus  *bus
	// dbus is the message itself, or what could be read of it.
	dbus dbuswire.Message
	// err says why it could not be read, nil if it could.
	err error
	// last is set if nothing is behind it that could not be read either.
	last bool
}

// truncated is the message with what matters of it cut off.
func (m *message) truncated() *message {
	cut := *m
	cut.err, cut.last = dbuswire.ErrTruncated, true
	return &cut
}

// Dealt says whether a request was dealt with before a run began.
type Dealt int

const (
	// NotDealt says that nothing shows it.
	NotDealt Dealt = iota
	// Presumed says that a job of the unit was over, and the request most likely had it. It
	// may also have been read, or granted, after that.
	Presumed
	// Certain says that it came to nothing, or that its job was over.
	Certain
)

// channel is a way to ask for something.
type channel interface {
	// take takes in a message. It reports whether the message belongs to this
	// channel alone, so that no other one needs to see it.
	take(m *message) bool
	// dealtWith reports whether what was seen shows that a request for a unit was dealt
	// with before a time. names are the unit's, its own first. stopped is when a job to stop the unit can have made it
	// inactive, 0 if none can.
	dealtWith(q *Request, names []string, before, stopped uint64) Dealt
	// forget drops what was seen.
	forget()
}
