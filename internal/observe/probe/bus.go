package probe

import (
	"bytes"

	"github.com/nsblame/nsblame/internal/event"
)

// busEvent leaves the number of the bus to completeBusMessage. The kernel's address
// does not belong in a recording.
func busEvent(r *bpfBusRecord) event.Event {
	b := &event.BusMessage{
		Sender:  processID(r.Sender),
		TID:     r.Tid,
		Path:    text(r.Path[:]),
		FromBus: !has(r.Flags, bpfBusFlagsBUS_TO),
		PeerPID: r.Peer,
		Conn:    r.Conn,
		Size:    r.Size,
	}
	switch bpfBusUnread(r.Unread) {
	case bpfBusUnreadBUS_READ:
		b.Copied, b.Data = true, bytes.Clone(filled(r.Data[:], r.Len))
	case bpfBusUnreadBUS_SPLICED:
		b.Unread = event.UnreadSpliced
	case bpfBusUnreadBUS_TOO_MANY:
		b.Unread = event.UnreadTooMany
	default:
		b.Unread = event.UnreadOutOfStep
	}
	return event.Event{BootNS: r.BootNs, Body: b}
}

// completeBusMessage numbers the bus of a message. The first message of a bus names
// its listener. The kernel half has sent what there is to say of that process before.
func (s *Source) completeBusMessage(r *bpfBusRecord, b *event.BusMessage) {
	listener := processID(r.Listener)
	key := busKey{address: r.Bus, path: b.Path, listener: listener}
	number, met := s.buses.number(r.ListenerOwner, key)
	b.Bus = number
	if !met {
		b.Listener = listener
	}
}

// busKey tells buses apart. The kernel uses an address again at once, and anybody may
// listen at any path in a mount namespace of his own. So both are taken together with
// the process that listens.
type busKey struct {
	address  uint64
	path     string
	listener event.ProcessID
}

// buses numbers the listening sockets from 1, in the order of their first messages.
// Each user has room of his own, so that nobody's sockets displace another's.
type buses struct {
	known *recent[uint32, *recent[busKey, uint32]] // by the listener's owner
	last  uint32
}

// Bounds of the sockets that are remembered. One that is forgotten gets another number
// when it is met again.
const (
	// maxBusOwners bounds the users who have some.
	maxBusOwners = 64
	// maxBusesOfOwner bounds those of one user. Of root's, each container may have
	// some.
	maxBusesOfOwner = 256
)

// number returns the number of a bus, and whether it was met before.
func (b *buses) number(owner uint32, key busKey) (number uint32, met bool) {
	if b.known == nil {
		b.known = newRecent[uint32, *recent[busKey, uint32]](maxBusOwners)
	}
	own, ok := b.known.get(owner)
	if !ok {
		own = newRecent[busKey, uint32](maxBusesOfOwner)
		b.known.put(owner, own)
	}
	if number, met = own.get(key); met {
		return number, true
	}
	b.last++
	own.put(key, b.last)
	return b.last, false
}
