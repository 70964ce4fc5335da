package request

import (
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Bounds of what is remembered of the buses. What is dropped is the oldest, and
// an answer that would need it becomes "unknown".
const (
	// maxNames bounds the bus names of which it is remembered who has them.
	maxNames = 512
	// maxCalls bounds the calls of one owner to one name without an answer that
	// matters.
	maxCalls = event.CallsReported - 1
	// maxPast bounds the earlier calls to one name, by how often it got or lost an
	// owner meanwhile.
	maxPast = 3
	// sizeOfCall is about what a call takes besides its caller.
	sizeOfCall = 256
)

// activation is the channel of calls to bus names. Who calls a name that has no
// owner makes the bus ask systemd for the service behind it: by the signal
// ActivationRequest (dbus-daemon), or by a call of StartUnit (dbus-broker).
//
// The call names the bus name, the bus names the unit, often by an alias. It is
// the first call that found the name without an owner. A bus asks at once: an older
// call was answered, or never came. An error that the bus itself sends for an answer
// says that it gave up waiting for the service.
type activation struct {
	tracker *Tracker
	calls   map[busName]*calls
	// waiting has each call that is remembered.
	waiting map[messageID]*call
	owners  *bounded.Map[busName, nameOwner]
	// asked are the latest requests of each bus for each name.
	asked *bounded.Map[busName, *Request]
	// heard has when each bus was last seen sending anything.
	heard *bounded.Map[uint32, uint64]
}

func newActivation(t *Tracker) *activation {
	a := &activation{tracker: t}
	a.forget()
	return a
}

// busName is a well-known name on a bus.
type busName struct {
	bus  uint32
	name string
}

// nameOwner is who has a name: the connections that got and that lost it last, empty if
// not known. No connection's name is ever used again on a bus.
type nameOwner struct {
	owner, lost string
	// free is set while the name is known to have no owner. Then the first calls
	// are worth more than the latest.
	free bool
}

// call is a method call to a bus name that may have had no owner.
type call struct {
	at     uint64
	sent   messageID
	caller *Caller
	to     *calls
	in     *activation
	// answered is set once the service has answered it.
	answered bool

	kept
}

func (c *call) place() *kept { return &c.kept }

// pastCall is what is remembered of a call that is too old to be the one.
type pastCall struct {
	at uint64
	by event.ProcessID
}

func (c *call) past() pastCall { return pastCall{c.at, c.caller.Process.ID} }

// forget drops a call for which there is no room any more. Whoever seems to have been
// the first to call may not have been.
func (c *call) forget(event.Owner) {
	for _, s := range c.to.stretches() {
		if slices.Contains(s.list, c) {
			s.dropped = max(s.dropped, c.at)
		}
	}
	c.in.tracker.noRoom(c.at, maxFlightNS, c.caller.Process.Owner)
	c.in.drop(c)
}

// stretch is a time in which a name was not seen to get or to lose an owner, and no
// activation for it was asked for. If the bus asks for one at the end of it, that is
// because of the first call.
type stretch struct {
	// until is when it ended, 0 for the present one. lost is when the name lost its owner,
	// which began it, 0 if something else did.
	until, lost uint64
	// list are the calls in it. Those that were answered with an error are taken out.
	list []*call
	// before is the last call shortly before the name lost its owner, nil if there
	// was none. It may have been waiting to be read then.
	before *call
	// expired are the latest calls that are not in the list any more, because a bus would
	// have asked because of them by then: the latest of all, and that of another process.
	expired [2]pastCall
	// competitor is the latest call by another process than the last one's, also if
	// it is not in the list any more.
	competitor *call
	// ambiguous is set if another process than before's may have had a call waiting
	// as well.
	ambiguous bool
	// dropped is when a call was made that there was no room for, 0 if none was.
	dropped uint64
}

// calls are those to one name.
type calls struct {
	name busName
	now  *stretch
	past []*stretch
}

// stretches are those that are remembered, the present one last.
func (c *calls) stretches() []*stretch { return append(slices.Clone(c.past), c.now) }

// at is the stretch in which a time lies.
func (c *calls) at(at uint64) *stretch {
	for _, s := range c.past {
		if at <= s.until {
			return s
		}
	}
	return c.now
}

// isEmpty reports whether nothing of it matters.
func (c *calls) isEmpty() bool {
	return !slices.ContainsFunc(c.stretches(), func(s *stretch) bool { return len(s.list) > 0 || s.before != nil || s.dropped != 0 })
}

func (s *stretch) last() *call {
	if len(s.list) == 0 {
		return s.before
	}
	return s.list[len(s.list)-1]
}

// isAmbiguous reports whether another process than that of the last call may have
// had a call waiting at a time.
func (s *stretch) isAmbiguous(at uint64) bool {
	last := s.last().caller.Process.ID
	competes := func(other *call) bool {
		return other.caller.Process.ID != last && at-other.at <= maxFlightNS
	}
	return len(s.list) == 0 && s.ambiguous || slices.ContainsFunc(s.list, competes) || s.competitor != nil && competes(s.competitor)
}

func (a *activation) take(m *message) bool {
	if m.sent.FromBus {
		defer func() { a.heard.Put(m.sent.Bus, m.at) }()
	}
	d := &m.dbus
	switch {
	case m.sent.FromBus && d.Type == dbuswire.Error:
		a.refused(m)
	case m.sent.FromBus && d.Type == dbuswire.MethodReturn:
		a.answered(m)
	case m.sent.FromBus && d.Type == dbuswire.Signal && d.Sender == dbuswire.BusName:
		a.busSignal(m)
	case m.sent.FromBus:
	case d.Type == dbuswire.Signal && d.Member == activationFailure:
		a.failed(m)
	case d.Type == dbuswire.MethodCall, d.Type == dbuswire.Signal:
		a.call(m)
	}
	return false
}

// activationFailure is the signal by which a manager tells the bus that nothing comes of
// an activation (src/core/dbus.c, signal_activation_request).
const activationFailure = "ActivationFailure"

// failed takes in that a manager refuses an activation. Only the manager is believed.
func (a *activation) failed(m *message) {
	p := a.tracker.tree.Process(m.sent.Sender)
	if len(m.dbus.Args) == 0 || !IsManager(&p, m.owner) {
		return
	}
	for _, r := range a.tracker.requests.byUnit[unitKey{m.owner, m.dbus.Args[0].Text}][event.Owner{}] {
		if r.Activation && r.failed == 0 && r.At < m.at {
			r.failed = m.at
			r.refused = m.at-r.At <= maxRefusalNS
		}
	}
}

// maxRefusalNS is how long after it was asked a manager refuses an activation at most.
const maxRefusalNS = 5e9

// nameOwnerChanged is the signal by which a bus says who has a name.
const nameOwnerChanged = "NameOwnerChanged"

// busSignal takes in what the bus itself says. It lets nobody else send under its
// name.
func (a *activation) busSignal(m *message) {
	d := &m.dbus
	if unit, ok := dbuswire.ActivationRequest(d); ok && unit == "" {
		a.tracker.countCut(dbuswire.ErrTruncated)
		a.tracker.keepUnread(m.owner, event.Owner{}, unread{from: m.at, at: m.at, any: true})
	} else if ok {
		r := &Request{At: m.at, Owner: m.owner, Unit: unit, Method: activationRequest, Evidence: evidence.Kernel}
		r.to.bus = m.sent.Bus
		a.activate(r)
		a.tracker.remember(r)
		return
	}
	if d.Member == nameOwnerChanged && len(d.Args) == 3 {
		a.ownerChanged(m.at, busName{m.sent.Bus, d.Args[0].Text}, d.Args[1].Text, d.Args[2].Text)
	}
}

// ownerChanged takes in who has a name from here on: earlier calls were, or are
// now being, answered. It is said to each who listens, so a copy may come when
// there are calls that count.
func (a *activation) ownerChanged(at uint64, name busName, from, to string) {
	was, _ := a.owners.Get(name)
	switch {
	case to != "" && to == was.owner, to == "" && from != "" && from == was.lost:
		return
	case to == "":
		a.owners.Put(name, nameOwner{free: true, lost: from})
	default:
		a.owners.Put(name, nameOwner{owner: to})
		if r, _ := a.asked.Get(name); r != nil && r.owned == 0 {
			r.owned = at
		}
	}
	c := a.calls[name]
	if c == nil {
		return
	}
	old := a.end(c, at)
	if to == "" {
		c.now.lost = at
	}
	if last := old.last(); to == "" && last != nil && at-last.at <= maxUnreadNS {
		c.now.before, c.now.ambiguous = last, old.isAmbiguous(at)
	}
}

// end begins a new stretch, and returns the one before.
func (a *activation) end(c *calls, at uint64) *stretch {
	old := c.now
	old.until = at
	c.now = &stretch{}
	c.past = append(c.past, old)
	if len(c.past) > maxPast {
		oldest := c.past[0]
		c.past = slices.Delete(c.past, 0, 1)
		for _, call := range oldest.list {
			a.remove(call)
		}
	}
	return old
}

// refused takes in that a call got an error for an answer. If the bus itself sent
// it, not the service, the bus gave up waiting for an activation.
func (a *activation) refused(m *message) {
	id := idOf(m.sent, m.sent.PeerPID, m.dbus.ReplySerial)
	if c := a.waiting[id]; c != nil {
		a.withdraw(c)
	}
	if m.dbus.Sender != dbuswire.BusName {
		return
	}
	if r := a.tracker.requests.byCall[id]; r != nil && r.failed == 0 {
		r.failed = m.at
	}
}

// withdraw takes a call out that is not the cause of what the bus asks for from here on.
func (a *activation) withdraw(c *call) {
	a.remove(c)
	if s := c.to.now; s.competitor == c {
		s.competitor = nil
	}
}

// answered takes in that a call got its answer. What has not been asked for until then is
// not asked for because of it.
func (a *activation) answered(m *message) {
	c := a.waiting[idOf(m.sent, m.sent.PeerPID, m.dbus.ReplySerial)]
	switch {
	case c == nil:
	case slices.Contains(c.to.now.list, c):
		a.withdraw(c)
	default:
		c.answered = true
	}
}

// call takes in a call that may activate a name.
func (a *activation) call(m *message) {
	name, ok := dbuswire.WantedName(&m.dbus)
	switch {
	case !ok:
	case name == "":
		a.tracker.unreadable(m.truncated())
	default:
		a.callTo(busName{m.sent.Bus, name}, &call{
			at: m.at, sent: idOf(m.sent, m.sent.Sender.PID, m.dbus.Serial), caller: a.tracker.callerOf(m), in: a,
		})
	}
}

// callTo remembers a call to a name.
func (a *activation) callTo(name busName, next *call) {
	c := a.calls[name]
	if c == nil {
		c = &calls{name: name, now: &stretch{}}
		a.calls[name] = c
	}
	a.expire(c, next.at)
	own := func(other *call) bool { return sharer(other.caller.Process.Owner) == sharer(next.caller.Process.Owner) }
	s := c.now
	if a.isFull(s, own) {
		if state, _ := a.owners.Get(name); state.free {
			return
		}
		// while the name has an owner, calls to it come and go
		oldest := s.list[slices.IndexFunc(s.list, own)]
		s.dropped = max(s.dropped, oldest.at)
		a.remove(oldest)
	}
	if last := s.last(); last != nil && last.caller.Process.ID != next.caller.Process.ID {
		s.competitor = last
	}
	next.to = c
	s.list = append(s.list, next)
	a.calls[name], a.waiting[next.sent] = c, next
	a.tracker.pile.add(next.caller.Process.Owner, sizeOfCall+next.caller.hold(), next)
}

// isFull reports whether an owner has as many calls to a name as are remembered.
func (a *activation) isFull(s *stretch, own func(*call) bool) bool {
	n := 0
	for _, c := range s.list {
		if own(c) {
			n++
		}
	}
	return n >= maxCalls
}

// expire drops the calls for which a bus would have asked for an activation by then,
// however slow it is.
func (a *activation) expire(c *calls, at uint64) {
	for len(c.now.list) > 0 && c.now.list[0].at+maxSlowNS < at {
		oldest := c.now.list[0]
		if last := c.now.expired[0]; last.by != oldest.caller.Process.ID {
			c.now.expired[1] = last
		}
		c.now.expired[0] = oldest.past()
		a.remove(oldest)
	}
}

// remove takes a call out.
func (a *activation) remove(c *call) {
	a.tracker.pile.remove(c)
	a.drop(c)
}

// drop takes a call out of what it is found by.
func (a *activation) drop(c *call) {
	c.caller.release()
	if a.waiting[c.sent] == c {
		delete(a.waiting, c.sent)
	}
	for _, s := range c.to.stretches() {
		s.list = slices.DeleteFunc(s.list, func(other *call) bool { return other == c })
	}
	if c.to.isEmpty() && a.calls[c.to.name] == c.to {
		delete(a.calls, c.to.name)
	}
}

// activationRequest is the signal by which a bus asks for an activation.
const activationRequest = "ActivationRequest"

// activationPrefix begins the alias under which a bus asks for the unit of a name.
const activationPrefix = "dbus-"

// ActivationAlias is the name by which a bus asks for the unit of a bus name, unless
// the name's service file says otherwise.
func ActivationAlias(busName string) string { return activationPrefix + busName + ".service" }

// activate notes that a bus asks for an activation. If the unit does not tell for which
// name, that is open until the manager has said it.
func (a *activation) activate(r *Request) {
	r.Activation, r.Known, r.pending = true, false, true
	r.heard, _ = a.heard.Get(r.to.bus)
	name, isAlias := strings.CutPrefix(r.Unit, activationPrefix)
	if !isAlias {
		return
	}
	a.tracker.ResolveCaller(r, strings.TrimSuffix(name, ".service"))
	a.asked.Put(busName{r.to.bus, r.BusName}, r)
	if c := a.calls[busName{r.to.bus, r.BusName}]; c != nil {
		a.end(c, r.At) // those that come later wait for the same start
	}
}

// ResolveCaller decides whose call activated a name, which may be empty if it is
// not known.
func (t *Tracker) ResolveCaller(r *Request, name string) {
	r.BusName, r.pending = name, false
	unknown := func(code finding.ReasonCode) { r.Why = finding.Reason{Code: code, BusName: name} }
	c := t.names.calls[busName{r.to.bus, name}]
	var s stretch
	if c != nil {
		s = *c.at(r.At)
	}
	list := slices.Clone(s.list)
	list = slices.DeleteFunc(list, func(c *call) bool { return c.at > r.At || c.isOldFor(r) })
	late := s.late(r)
	onBrink := len(list) == 0 && s.before != nil && s.before.at+maxFlightNS >= r.At
	switch {
	case s.dropped != 0 && (s.dropped+maxFlightNS >= r.At || len(list) == 0 && len(late) > 0):
		unknown(finding.ReasonTooManyCalls)
	case onBrink && s.ambiguous:
		unknown(finding.ReasonAmbiguousCall)
	case onBrink:
		// sent before the name lost its owner, and read after it
		t.calledBy(r, s.before, evidence.Inferred)
	case len(list) == 0 && len(late) == 0:
		unknown(finding.ReasonNoCall)
	case len(list) == 0:
		r.Waiting = len(late) - 1
		if late[0].at+maxBusyNS >= r.At {
			t.calledBy(r, late[0], r.Evidence)
		} else {
			t.calledBy(r, late[0], evidence.Inferred)
			r.Doubt = finding.Reason{Code: finding.ReasonSlowBus, BusName: name}
		}
		r.competeWith(s.rivals(r, late))
	default:
		r.Waiting = len(list) - 1
		t.calledBy(r, list[0], r.Evidence)
		r.competeWith(s.rivals(r, list))
	}
	if r.Known && r.Doubt.IsZero() {
		r.competeWith(late)
	}
	r.older = s.older(r)
}

// isOldFor reports whether a bus would have read a call before it asked for an activation.
func (c *call) isOldFor(r *Request) bool { return c.at+maxFlightNS < r.At }

// older is the latest call that is too old to be the one, by another process than the
// caller's, zero if there is none.
func (s *stretch) older(r *Request) (latest pastCall) {
	take := func(c pastCall) {
		if c.by != r.process() && c.at >= latest.at {
			latest = c
		}
	}
	for _, c := range s.expired {
		take(c)
	}
	for _, c := range s.list {
		if c.isOldFor(r) {
			take(c.past())
		}
	}
	return latest
}

// rivals are those of a list behind the first, and the call that may have been read only
// after the name was lost.
func (s *stretch) rivals(r *Request, list []*call) []*call {
	if c := s.before; c != nil && c.sent.conn != 0 && !c.answered && c.mayBeUnread(r, s.lost) && !(r.askedAtOnce() && list[0].connectedAfter(c)) {
		list = append(list, c)
	}
	return list[1:]
}

// askedAtOnce reports whether the bus asked when it read the call. dbus-broker has its launcher
// ask: it may have read one call, and then let in who made another one, before that did.
func (r *Request) askedAtOnce() bool { return r.Method == activationRequest }

// connectedAfter reports whether a call's process began after another call was sent. A bus
// turns to each connection several times before it has let a new one in. The libraries of
// clients send no call before that: libdbus waits for the answer to Hello (dbus/dbus-bus.c,
// dbus_bus_register), sd-bus for that to AUTH (sd_bus_send). So the other call was read
// before this one was sent. A person's own program may send all at once.
func (c *call) connectedAfter(other *call) bool {
	p := &c.caller.Process
	return p.ID.StartNS > other.at && !p.Unresolved && p.UID < minUserUID && p.Owner.UID < minUserUID
}

// mayBeUnread reports whether the bus may not have read a call when it asked for an
// activation, since it was not heard after a time. A bus turns to all connections in turn.
func (c *call) mayBeUnread(r *Request, since uint64) bool {
	return c.at+maxFlightNS >= r.At || r.heard <= since && c.at+maxSlowNS >= r.At
}

// late are the calls in a stretch that a bus would have read long before it asked for an
// activation, and that nobody has answered. A bus that is slow reads one of them first.
// One that was heard long after a call has read it.
func (s *stretch) late(r *Request) []*call {
	var list []*call
	for _, c := range s.list {
		if !c.answered && c.sent.conn != 0 && c.at+maxFlightNS < r.At && c.mayBeUnread(r, c.at+maxFlightNS) {
			list = append(list, c)
		}
	}
	return list
}

// calledBy takes a call for the one that activated the name.
func (t *Tracker) calledBy(r *Request, c *call, ev evidence.Evidence) {
	r.Caller, r.Known, r.call, r.called, r.Evidence = c.caller, true, c.sent, c.at, ev
	t.requests.byCall[c.sent] = r
	if c.caller.Process.ID.IsZero() {
		r.Known, r.Why = false, finding.Reason{Code: finding.ReasonKernelSender, BusName: r.BusName}
	}
}

// competeWith makes the caller inferred if another process called, too. A bus reads
// each connection in order, but which of them first is up to it.
func (r *Request) competeWith(others []*call) {
	for _, other := range others {
		if other.caller.Process.ID != r.process() {
			r.Evidence = evidence.Inferred
			r.Doubt = finding.Reason{Code: finding.ReasonOtherAsked, BusName: r.BusName, PID: other.caller.Process.ID.PID}
			return
		}
	}
}

// dealtWith reports whether the bus gave up on the request before a time, or the name had an
// owner by then. What the manager refused never had an effect, also if that is heard only
// after the fork.
func (a *activation) dealtWith(q *Request, _ []string, before, _ uint64) Dealt {
	switch {
	case q.refused, q.failed != 0 && q.failed < before:
		return Certain
	case q.owned == 0 || q.owned >= before:
		return NotDealt
	case before-q.At > maxFlightNS:
		return Certain
	}
	return Presumed // the manager may have read it when that owner was gone
}

func (a *activation) forget() {
	a.calls, a.waiting = make(map[busName]*calls), make(map[messageID]*call)
	a.owners = bounded.NewMap[busName, nameOwner](maxNames)
	a.heard = bounded.NewMap[uint32, uint64](maxNames)
	a.asked = bounded.NewMap[busName, *Request](maxNames)
}
