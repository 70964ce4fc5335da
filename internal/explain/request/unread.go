package request

import (
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/explain/evidence"
)

const (
	// maxUnreadNS is how long a bus may leave a message unread for that message to
	// be taken into account after all.
	maxUnreadNS = 1e9
	// maxUnreadMessages is how many of them are remembered for each manager.
	maxUnreadMessages = 64
)

// unread is a message that could not be read. It may have been the call, or the
// request, that came first.
type unread struct {
	// at is when it was sent. One that stands for several has in from when the
	// first of them was.
	from, at uint64

	by  event.ProcessID
	bus uint32
	to  string // the name that it goes to, empty if not known
	any bool   // it may be anybody's, on any bus
}

// unreadable takes in a message that could not be read. One from a bus asks for
// nothing.
func (t *Tracker) unreadable(m *message) {
	t.countCut(m.err)
	if m.sent.FromBus {
		return
	}
	u := unread{from: m.at, at: m.at, by: m.sent.Sender, bus: m.sent.Bus}
	if m.last {
		u.to = m.dbus.Destination
		if m.dbus.Type == dbuswire.MethodReturn || m.dbus.Type == dbuswire.Error {
			return
		}
	}
	t.keepUnread(m.owner, u)
	if !u.couldRequest() {
		return
	}
	for _, r := range slices.Backward(t.requests) {
		if m.at > r.At && m.at-r.At > maxUnreadNS+event.CallAgainNS {
			break
		}
		if r.Owner == m.owner && r.Caller.Process.ID != u.by {
			r.Evidence = evidence.Weaker(evidence.Inferred, r.Evidence)
		}
	}
}

// keepUnread remembers an unread message. If there are too many, the two oldest
// become one.
func (t *Tracker) keepUnread(own Owner, u unread) {
	list := t.unread[own]
	if len(list) == maxUnreadMessages {
		from := list[0].from
		list = slices.Delete(list, 0, 1)
		list[0] = unread{from: from, at: list[0].at, any: true}
	}
	t.unread[own] = append(list, u)
}

// couldRequest reports whether the message may have asked the manager for a start.
func (u *unread) couldRequest() bool {
	return u.to == "" || u.to == dbuswire.SystemdName || strings.HasPrefix(u.to, ":")
}

// couldCall reports whether the message may have been a call to a name that has no
// owner, or have asked the bus to start it.
func (u *unread) couldCall(name busName) bool {
	return u.any || u.bus == name.bus && (u.to == "" || u.to == name.name || u.to == dbuswire.BusName)
}

// couldCompete reports whether the message may have been read before one that
// another process sent.
func (u *unread) couldCompete(by event.ProcessID, at uint64) bool {
	return (u.any || u.by != by) && (u.at >= at || at-u.at <= maxUnreadNS+event.CallAgainNS)
}
