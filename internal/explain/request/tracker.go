package request

import (
	"errors"
	"maps"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Tracker follows who asks which manager for what.
type Tracker struct {
	tree       *lineage.Tree
	transports []transport
	channels   []channel
	// current is the message at hand, and take takes it in: both are kept, for
	// messages come often.
	current message
	take    func(*message)

	// pile bounds what is remembered, requests are those in it, made counts all.
	pile     *pile
	requests *store
	made     uint64
	jobs     *systemd
	names    *activation
	// unread are the latest messages to each manager and its bus that could not be
	// read.
	unread map[Owner]doubts
	lost   losses
	buses  buses
	// engines has the requests to container engines.
	engines *engines
	// connections has who connected to the sockets of service managers.
	connections *connections
	// caller is the latest sender, and callerAt the count of facts that it is from.
	caller   *Caller
	callerAt uint64
	facts    uint64
	cut      uint64
	// sleeps are when the machine was suspended.
	sleeps sleeps
	// now is the time of the latest event, dropped counts what there was no room for
	// while it may have mattered, by whose it was.
	now     uint64
	dropped map[event.Owner]uint64
	// droppedAll is the sum of dropped.
	droppedAll uint64
}

// New returns a Tracker that looks processes up in a tree.
func New(tree *lineage.Tree) *Tracker {
	t := &Tracker{
		tree: tree, pile: newPile(maxKept), buses: make(buses),
		unread: make(map[Owner]doubts), lost: newLosses(),
		dropped: make(map[event.Owner]uint64),
	}
	t.requests = newStore(t.pile, t.noRoom)
	t.names = newActivation(t)
	t.jobs = newSystemd(t, t.names)
	t.transports = []transport{dbusTransport{}}
	t.channels = []channel{t.jobs, t.names}
	t.take = t.offer
	t.engines = newEngines(t)
	t.connections = newConnections(t)
	return t
}

// Observe takes the next event of the stream, after the tree has.
func (t *Tracker) Observe(ev event.Event) {
	t.now = max(t.now, ev.BootNS)
	switch body := ev.Body.(type) {
	case *event.Process, *event.Program, *event.Cgroup:
		t.facts++
	case *event.BusMessage:
		t.message(ev.BootNS, body)
	case *event.EngineRequest:
		t.engines.take(ev.BootNS, body)
	case *event.SocketConnect:
		t.connections.take(ev.BootNS, body)
	case *event.Forget:
		t.engines.ended(body.Process, ev.BootNS)
	case *event.Coverage:
		t.engines.covered(body)
	case *event.Loss:
		if body.Kind.Hides(event.HiddenEngineRequests) {
			t.engines.missed(ev.BootNS)
		}
		if body.Kind.Hides(event.HiddenConnections) {
			t.connections.missed(ev.BootNS)
		}
		if body.Kind.Hides(event.HiddenRequests) {
			t.missed(event.ManagerSystem, ev.BootNS, body.Owner)
		}
		if body.Kind.Hides(event.HiddenOtherRequests) {
			t.missed(event.ManagerUser, ev.BootNS, body.Owner)
		}
	case *event.Damage:
		// nobody knows which requests took effect meanwhile, and which were made
		t.forget()
		t.engines.missed(ev.BootNS)
		t.connections.missed(ev.BootNS)
	}
}

// Suspended takes in that the machine was suspended for a while, at some time between two.
func (t *Tracker) Suspended(d, from, until uint64) { t.sleeps = t.sleeps.with(sleep{d, from, until}) }

// SuspendedBetween is for how long the machine may have been suspended between two times.
func (t *Tracker) SuspendedBetween(from, until uint64) uint64 { return t.suspended(from, until) }

// suspended is SuspendedBetween.
func (t *Tracker) suspended(from, until uint64) uint64 { return t.sleeps.between(from, until) }

// Cut counts the messages that could have mattered, but of which too little was
// captured to tell.
func (t *Tracker) Cut() uint64 { return t.cut }

// Dropped counts the requests and calls for which there was no room although they may
// have mattered: their owner had more than anybody else.
func (t *Tracker) Dropped() uint64 { return t.droppedAll }

// DroppedOf is Dropped by owner, zero where that is not known, or where there were too
// many.
func (t *Tracker) DroppedOf() map[event.Owner]uint64 { return maps.Clone(t.dropped) }

// noRoom takes in that something of an owner is forgotten, which matters for a while.
func (t *Tracker) noRoom(at, matters uint64, owner event.Owner) {
	if at+matters < t.now {
		return
	}
	if _, known := t.dropped[owner]; !known && len(t.dropped) >= maxDoubted {
		owner = event.Owner{}
	}
	t.dropped[owner]++
	t.droppedAll++
}

// Of returns the requests for a unit by one of its names that were made after a time
// and by another, in the order in which they were made.
func (t *Tracker) Of(owner Owner, names []string, after, until uint64) []*Request {
	list := t.requests.of(owner, names, after, until)
	return slices.DeleteFunc(list, func(r *Request) bool { return !t.goesToManager(r) })
}

// DealtWith reports whether a request for a unit was dealt with before a time. names are
// the unit's, its own first. stopped is when a job to stop the unit can have made it inactive, 0 if none can.
func (t *Tracker) DealtWith(q *Request, names []string, before, stopped uint64) Dealt {
	dealt := NotDealt
	for _, c := range t.channels {
		dealt = max(dealt, c.dealtWith(q, names, before, stopped))
	}
	return dealt
}

// transportOf is the protocol that is spoken on a socket, and whose service is
// addressed there.
func (t *Tracker) transportOf(path string) (Owner, transport, bool) {
	for _, tr := range t.transports {
		if own, ok := tr.owner(path); ok {
			return own, tr, true
		}
	}
	return Owner{}, nil, false
}

// message takes in what was sent over a socket.
func (t *Tracker) message(at uint64, sent *event.BusMessage) {
	if !sent.Listener.IsZero() {
		t.listened(sent)
	}
	own, tr, ok := t.transportOf(sent.Path)
	if !ok {
		return
	}
	b := t.believedBus(sent)
	if b == nil {
		return
	}
	t.current = message{at: at, owner: own, sent: sent, bus: b}
	if sent.Unread != "" {
		t.current.err = errUnread
		t.offer(&t.current)
		return
	}
	tr.decode(&t.current, t.take)
}

// errUnread says that the probe could not read a message.
var errUnread = errors.New("the probe could not read it")

// offer gives a message to the channels, in their order, until one keeps it.
func (t *Tracker) offer(m *message) {
	if m.err != nil {
		t.unreadable(m)
		return
	}
	if m.sent.FromBus {
		m.bus.learnName(m)
	}
	for _, c := range t.channels {
		if c.take(m) {
			return
		}
	}
}

// callerOf describes who sent a message.
func (t *Tracker) callerOf(m *message) *Caller { return t.callerFor(m.sent.Sender, m.sent.TID) }

// callerFor describes a process and its thread as they are now.
func (t *Tracker) callerFor(id event.ProcessID, tid uint32) *Caller {
	if c := t.caller; c != nil && t.callerAt == t.facts && c.Process.ID == id && c.Process.TID == tid {
		return c
	}
	p, ancestry, why := t.tree.Lineage(id)
	p.TID = tid
	t.caller, t.callerAt = &Caller{Process: p, Ancestry: ancestry, Why: why}, t.facts
	return t.caller
}

// ownerOf is who answers for a process.
func (t *Tracker) ownerOf(id event.ProcessID) event.Owner {
	p := t.tree.Process(id)
	return p.Owner
}

// knows reports whether the sending of a request that a bus passes on is in the stream.
func (t *Tracker) knows(m *message, unit string) bool {
	for _, list := range t.requests.byUnit[unitKey{m.owner, unit}] {
		if slices.ContainsFunc(list, func(r *Request) bool { return r.sent.serial == m.dbus.Serial && r.to.bus == m.sent.Bus }) {
			return true
		}
	}
	return false
}

// remember keeps a request until it may have come into effect.
func (t *Tracker) remember(r *Request) {
	t.made++
	r.order = t.made
	t.requests.add(r)
}

// forget drops what was seen. It keeps who listens, and what could not be read.
func (t *Tracker) forget() {
	for _, c := range t.channels {
		c.forget()
	}
	t.pile = newPile(maxKept)
	t.requests = newStore(t.pile, t.noRoom)
	t.engines.forget()
	t.connections = newConnections(t)
	t.caller = nil
}

// countCut counts a message of which too little was captured to tell what it asks
// for.
func (t *Tracker) countCut(err error) {
	if errors.Is(err, dbuswire.ErrTruncated) {
		t.cut++
	}
}
