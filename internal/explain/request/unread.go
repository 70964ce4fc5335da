package request

import (
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

const (
	// maxUnreadNS is how long a bus or a manager may leave a message unread for that
	// message to be taken into account after all.
	maxUnreadNS = 1e9
	// maxFlightNS is how long after a message that is in the stream one that it stands
	// for can have been read: see event.CallAgainNS.
	maxFlightNS = maxUnreadNS + event.CallAgainNS
	// maxBusyNS is how long a bus that was not seen sending anything may leave a call
	// unread on a busy machine. Whoever made the only one is still the cause.
	maxBusyNS = 5e9
	// maxSlowNS is how long a message without an answer may be unread on a machine that
	// is not itself. Its cause is inferred then, and it makes others doubtful.
	maxSlowNS = 30e9
	// maxUnreadMessages is how many of them are remembered for each manager and owner.
	maxUnreadMessages = 16
	// maxDoubted bounds the owners of whom such messages are remembered, for each
	// manager.
	maxDoubted = 32
)

// unread is a message that could not be read. It may have been the call, or the
// request, that came first.
type unread struct {
	// at is when it was sent. One that stands for several has in from when the
	// first of them was.
	from, at uint64

	by   event.ProcessID
	sent messageID
	bus  uint32
	to   string // the name that it goes to, empty if not known
	any  bool   // it may be any process's of its owner's, and on any bus
}

// doubts are the latest unread messages to one manager and its bus, by who answers for
// them, in order.
type doubts map[event.Owner][]unread

// unreadable takes in a message that could not be read. One from a bus asks for
// nothing.
func (t *Tracker) unreadable(m *message) {
	t.countCut(m.err)
	if t.mayHide(m) {
		t.missed(m.owner.Manager, m.at, ownerless)
	}
	if m.sent.FromBus {
		return
	}
	u := unread{from: m.at, at: m.at, by: m.sent.Sender, sent: idOf(m.sent, m.sent.Sender.PID, 0), bus: m.sent.Bus}
	if m.last {
		u.to = m.dbus.Destination
		if m.dbus.Type == dbuswire.MethodReturn || m.dbus.Type == dbuswire.Error {
			return
		}
	}
	t.keepUnread(m.owner, t.ownerOf(m.sent.Sender), u)
}

// maxSign bounds in bytes what a manager says of a job, and a bus of an activation: the
// name of a unit has 255.
const maxSign = 1 << 10

// mayHide reports whether a message that can't be read may have been the sign of an effect,
// its refusal, or the request for an activation. A user can have a bus send what is too long to be one.
func (t *Tracker) mayHide(m *message) bool {
	if m.sent.Size > maxSign {
		return false
	}
	if m.sent.FromBus {
		return m.sent.Unread == ""
	}
	p := t.tree.Process(m.sent.Sender)
	return IsManager(&p, m.owner) || isLauncher(&p, m.owner)
}

// keepUnread remembers an unread message of an owner to a manager and its bus.
func (t *Tracker) keepUnread(own Owner, owner event.Owner, u unread) {
	owner = sharer(owner)
	d := t.unread[own]
	if d == nil && len(t.unread) >= maxManagers {
		t.missed(own.Manager, u.at, owner)
		return
	}
	if d == nil {
		d = make(doubts)
		t.unread[own] = d
	}
	d.keep(owner, u)
}

// keep remembers an unread message of an owner. If he has too many, his two oldest
// become one.
func (d doubts) keep(owner event.Owner, u unread) {
	owner = sharer(owner)
	if _, known := d[owner]; !known && len(d) >= maxDoubted {
		owner, u.any = event.Owner{}, true
	}
	list := d[owner]
	if len(list) == maxUnreadMessages {
		from := list[0].from
		list = slices.Delete(list, 0, 1)
		list[0] = unread{from: from, at: list[0].at, any: true}
	}
	d[owner] = append(list, u)
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

// couldCompete reports whether the message may have been read before one that was
// sent at a time, and that was read at another. One connection is read in order.
func (u *unread) couldCompete(with messageID, by event.ProcessID, at, read uint64) bool {
	if !u.any && (!by.IsZero() && u.by == by || u.sent.sameConnection(with)) {
		return false
	}
	return u.from <= read && u.at+maxFlightNS >= at
}

// doubtOf returns who else may have come first, by what could not be read, zero if
// nobody can have. could says which messages matter, and whose of whom.
func (t *Tracker) doubtOf(r *Request, with messageID, at, read uint64, could func(*unread) bool, whose func(event.Owner) bool) finding.Reason {
	var found *unread
	for who, list := range t.unread[r.Owner] {
		if !whose(who) {
			continue
		}
		for i := range list {
			u := &list[i]
			if could(u) && u.couldCompete(with, r.process(), at, read) && (found == nil || u.before(found)) {
				found = u
			}
		}
	}
	if found == nil {
		return finding.Reason{}
	}
	why := r.about(finding.ReasonUnreadableMessage)
	why.PID = found.by.PID
	return why
}

func anybodys(event.Owner) bool { return true }

// roots are those whom each manager obeys at once.
func roots(who event.Owner) bool { return who.UID == 0 }

// ownerless stands for those of whom nobody knows whose they are.
var ownerless = event.Owner{}

// about is a reason about what was asked for.
func (r *Request) about(code finding.ReasonCode) finding.Reason {
	if r.BusName != "" {
		return finding.Reason{Code: code, BusName: r.BusName}
	}
	return finding.Reason{Code: code, Unit: r.Unit}
}

// lostSince reports whether messages of anybody were lost after a time. The caller's own
// owner has other processes, too.
func (t *Tracker) lostSince(r *Request, at uint64) bool {
	for _, lost := range t.lost[r.Owner.Manager] {
		if lost+maxFlightNS >= at {
			return true
		}
	}
	return false
}

// before puts the messages of a list of doubts in an order.
func (u *unread) before(other *unread) bool {
	if u.from != other.from {
		return u.from < other.from
	}
	return u.by.PID < other.by.PID
}

// losses are when messages of an owner were last said to be lost that may have gone to
// managers of a kind. What is lost on the buses of users asks nothing of the machine's.
type losses map[event.Manager]map[event.Owner]uint64

func newLosses() losses {
	return losses{event.ManagerSystem: {}, event.ManagerUser: {}}
}

// missed takes in that messages of an owner were lost, anybody's if he is zero:
// another request to a manager of a kind may have taken effect.
func (t *Tracker) missed(manager event.Manager, at uint64, owner event.Owner) {
	owner = sharer(owner)
	lost := t.lost[manager]
	if _, known := lost[owner]; !known && len(lost) >= maxDoubted {
		owner = event.Owner{}
	}
	lost[owner] = at
}
