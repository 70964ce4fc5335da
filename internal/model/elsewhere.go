package model

import (
	"fmt"

	"github.com/nsblame/nsblame/internal/event"
)

// elsewhere is a user's own bus and his own manager, on which units are asked for that are
// called as the machine's are. Nothing there starts any of those, and nothing that is lost
// there makes what is said of them doubtful.
type elsewhere struct {
	*world
	manager *process
	// sockets are those of the bus and of the manager.
	sockets []*socket
	serial  uint32
	inode   uint64
}

// What becomes of a message there before it is in the stream.
const (
	otherWhole  = "whole"
	otherLost   = "lost"
	otherCut    = "cut"
	otherUnread = "unread"
)

// elsewhereUID is the user whose bus it is.
const elsewhereUID = 1000

func newElsewhere(w *world, pid1 *process) *elsewhere {
	group := w.processes.newGroup(fmt.Sprintf("/user.slice/user-%d.slice/user@%d.service/init.scope", elsewhereUID, elsewhereUID))
	e := &elsewhere{world: w, inode: 90_000}
	e.manager = w.processes.resident(pid1, group, 35, elsewhereUID, "/usr/lib/systemd/systemd", "systemd", "--user")
	base := fmt.Sprintf("/run/user/%d/", elsewhereUID)
	e.sockets = []*socket{w.net.listen(base+"bus", e.manager), w.net.listen(base+"systemd/private", e.manager)}
	return e
}

// do has several messages sent there, in the time in which other steps are done.
func (e *elsewhere) do(s Step) {
	s.UID, s.From = elsewhereUID, inSession
	p := e.somebody(s, "app")
	for range 2 + e.rnd.IntN(6) {
		fate := pick(e.rnd, []string{otherWhole, otherLost, otherLost, otherCut, otherUnread})
		e.after(e.between(0, 3*sec), func() { e.message(s, p, fate) })
	}
}

// message is one that somebody sends there, or is sent.
func (e *elsewhere) message(s Step, p *process, fate string) {
	e.serial++
	e.inode++
	number := 100 + e.serial
	switch e.rnd.IntN(5) {
	case 0:
		e.put(p, false, managerCall(pick(e.rnd, methods), s.Unit, 0), fate)
	case 1:
		e.put(p, false, nameCall(pick(e.rnd, busNames), 0), fate)
	case 2:
		e.put(e.manager, true, jobNew(number, s.Unit, systemdName), fate)
	case 3:
		e.put(e.manager, true, jobRemoved(number, s.Unit, "done", systemdName), fate)
	default:
		e.put(e.manager, true, activationRequest(s.Unit), fate)
	}
}

// put puts a message into the stream, or that it was lost.
func (e *elsewhere) put(by *process, fromBus bool, m message, fate string) {
	if fate == otherLost {
		owner := pick(e.rnd, []event.Owner{by.owner(), {}, {UID: 0, PIDNamespace: pidNamespace}, {UID: 0, PIDNamespace: pidNamespace + 9}})
		e.stream.put(e.now, &event.Loss{Kind: event.LossOtherBus, Count: 1, Owner: owner})
		return
	}
	s := pick(e.rnd, e.sockets)
	data := e.net.wire.encode(m, e.serial, 0)
	b := &event.BusMessage{
		Sender: by.id, TID: by.id.PID, Bus: s.number, Path: s.path, FromBus: fromBus, PeerPID: s.listener.id.PID,
		Conn: e.inode, Copied: true, Size: uint32(len(data)), Data: data,
	}
	switch {
	case fate == otherCut:
		b.Data = data[:e.rnd.IntN(len(data))]
	case fate == otherUnread && !fromBus:
		b.Data, b.Copied, b.Unread = nil, false, pick(e.rnd, []event.Unread{event.UnreadSpliced, event.UnreadOutOfStep, event.UnreadTooMany})
	}
	e.stream.show(by)
	if !s.shown {
		s.shown = true
		e.stream.show(s.listener)
		b.Listener = s.listener.id
	}
	e.stream.put(e.now, b)
}
