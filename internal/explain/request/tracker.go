package request

import (
	"errors"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// maxRequests bounds the requests that are remembered. The oldest are dropped,
// and an answer that would need one becomes unknown.
const maxRequests = 4096

// Tracker follows who asks which manager for what.
type Tracker struct {
	tree       *lineage.Tree
	transports []transport
	channels   []channel
	// current is the message at hand, and take takes it in: both are kept, for
	// messages come often.
	current message
	take    func(*message)

	requests []*Request
	// unread are the latest messages to each manager and its bus that could not be
	// read, in order.
	unread map[Owner][]unread
	// listeners tells whether a socket was opened by the manager that its path
	// stands for.
	listeners map[uint32]bool
	cut       uint64
}

// New returns a Tracker that looks processes up in a tree.
func New(tree *lineage.Tree) *Tracker {
	t := &Tracker{tree: tree, unread: make(map[Owner][]unread), listeners: make(map[uint32]bool)}
	names := newActivation(t)
	t.transports = []transport{dbusTransport{}}
	t.channels = []channel{newSystemd(t, names), names}
	t.take = t.offer
	return t
}

// Observe takes the next event of the stream, after the tree has.
func (t *Tracker) Observe(ev event.Event) {
	switch body := ev.Body.(type) {
	case *event.BusMessage:
		t.message(ev.BootNS, body)
	case *event.Loss:
		if body.Kind.Hides(event.HiddenRequests) {
			t.missed()
		}
	case *event.Damage:
		// nobody knows which requests took effect meanwhile, and which were made
		t.forget()
	}
}

// Requests returns the requests that are remembered, in the order in which they
// were made.
func (t *Tracker) Requests() []*Request { return t.requests }

// Cut counts the messages that could have mattered, but of which too little was
// captured to tell.
func (t *Tracker) Cut() uint64 { return t.cut }

// DealtWith reports whether a request for one of the units was dealt with before
// a time. stopped is when a job to stop the unit can have made it inactive, 0 if
// none can.
func (t *Tracker) DealtWith(q *Request, units []string, before, stopped uint64) bool {
	return slices.ContainsFunc(t.channels, func(c channel) bool { return c.dealtWith(q, units, before, stopped) })
}

// message takes in what was sent over a socket.
func (t *Tracker) message(at uint64, sent *event.BusMessage) {
	for _, tr := range t.transports {
		own, ok := tr.owner(sent.Path)
		if !ok {
			continue
		}
		if t.isOtherBus(own, sent) {
			return
		}
		t.current = message{at: at, owner: own, sent: sent}
		tr.decode(&t.current, t.take)
		return
	}
}

// offer gives a message to the channels, in their order, until one keeps it.
func (t *Tracker) offer(m *message) {
	if m.err != nil {
		t.unreadable(m)
		return
	}
	for _, c := range t.channels {
		if c.take(m) {
			return
		}
	}
}

// isOtherBus reports whether a message belongs to another manager's bus than the
// path of the socket says. In a container, or in a mount namespace of a user's
// own, the same path leads elsewhere. The manager itself listens on its private
// socket, and on the buses that it hands over.
func (t *Tracker) isOtherBus(own Owner, sent *event.BusMessage) bool {
	if !sent.Listener.IsZero() {
		p, _, _ := t.tree.Lineage(sent.Listener)
		t.listeners[sent.Bus] = IsManager(&p, own) || isBusOf(&p, own)
	}
	return !t.listeners[sent.Bus]
}

// caller describes who sent a message.
func (t *Tracker) caller(m *message) Caller {
	p, ancestry, why := t.tree.Lineage(m.sent.Sender)
	p.TID = m.sent.TID
	return Caller{Process: p, Ancestry: ancestry, Why: why}
}

// remember keeps a request until it may have come into effect.
func (t *Tracker) remember(r *Request) {
	if r.pending == nil { // otherwise the caller is not known yet
		r.doubt(t.unread[r.Owner])
	}
	if len(t.requests) == maxRequests {
		t.requests = slices.Delete(t.requests, 0, maxRequests/4)
	}
	t.requests = append(t.requests, r)
}

// refuse takes back the requests that got an error for an answer.
func (t *Tracker) refuse(refused func(*Request) bool) {
	t.requests = slices.DeleteFunc(t.requests, refused)
}

// missed takes in that messages were lost: another request may have taken effect.
func (t *Tracker) missed() {
	for _, c := range t.channels {
		c.missed()
	}
	for _, r := range t.requests {
		r.Evidence = evidence.Weaker(evidence.Inferred, r.Evidence)
	}
}

// forget drops what was seen. It keeps who listens, and what could not be read.
func (t *Tracker) forget() {
	for _, c := range t.channels {
		c.forget()
	}
	t.requests = nil
}

// countCut counts a message of which too little was captured to tell what it asks
// for.
func (t *Tracker) countCut(err error) {
	if errors.Is(err, dbuswire.ErrTruncated) {
		t.cut++
	}
}
