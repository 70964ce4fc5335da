package request

import (
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Bounds of what is remembered of the buses. What is dropped is the oldest, and
// an answer that would need it becomes "unknown".
const (
	// maxNames bounds the bus names that somebody called.
	maxNames = 1024
	// maxCalls bounds the calls to one name without an answer that matters.
	maxCalls = event.CallsReported - 1
)

// activation is the channel of calls to bus names. Who calls a name that has no
// owner makes the bus ask systemd for the service behind it: by the signal
// ActivationRequest (dbus-daemon), or by a call of StartUnit (dbus-broker).
//
// The call names the bus name, the bus names the unit, often by an alias. It is
// the first call that found the name without an owner. An error that the bus
// itself sends for an answer says that it gave up waiting for the service.
type activation struct {
	tracker *Tracker
	calls   map[busName]*calls
}

func newActivation(t *Tracker) *activation {
	return &activation{tracker: t, calls: make(map[busName]*calls)}
}

// busName is a well-known name on a bus.
type busName struct {
	bus  uint32
	name string
}

// call is a method call to a bus name that may have had no owner.
type call struct {
	at     uint64
	serial uint32
	caller Caller
}

// calls are those to one name that may have found it without an owner: since it
// was last seen to get or to lose one, or since its activation was last asked
// for. Those that were answered with an error are taken out. So if the bus asks
// for an activation, it is because of the first.
type calls struct {
	list []call
	// before is the last call shortly before the name lost its owner, nil if there
	// was none. It may have been waiting to be read then.
	before *call
	// competitor is the latest call by another process than the last one's, also if
	// it is not in the list any more.
	competitor *call
	// ambiguous is set if another process than before's may have had a call waiting
	// as well.
	ambiguous bool
	// owner and lost are the connections that got and that lost the name last,
	// empty if not known. No connection's name is ever used again on a bus.
	owner, lost string
	// free is set while the name is known to have no owner. Then the first calls
	// are worth more than the latest.
	free bool
	// dropped is set if there was no room for a call that mattered.
	dropped bool
}

func (c *calls) last() *call {
	if len(c.list) == 0 {
		return c.before
	}
	return &c.list[len(c.list)-1]
}

// couldBePreceded reports whether one of the messages may have been a call before the
// first that counts, or in its place.
func (c *calls) couldBePreceded(name busName, messages []unread) bool {
	return slices.ContainsFunc(messages, func(u unread) bool {
		if len(c.list) == 0 {
			return c.before != nil && u.couldCall(name) && u.couldCompete(c.before.caller.Process.ID, c.before.at)
		}
		first := c.list[0]
		return u.from < first.at && u.couldCall(name) && u.couldCompete(first.caller.Process.ID, first.at)
	})
}

// hasCompetitor reports whether another call may have been read before the first
// that counts: one of another process, or one of the messages. A bus reads each
// connection in order, but which of them first is up to it.
func (c *calls) hasCompetitor(name busName, messages []unread) bool {
	first := c.list[0].caller.Process.ID
	return slices.ContainsFunc(c.list, func(other call) bool { return other.caller.Process.ID != first }) ||
		slices.ContainsFunc(messages, func(u unread) bool {
			return u.couldCall(name) && u.couldCompete(first, c.list[0].at)
		})
}

// isAmbiguous reports whether another process than that of the last call may have
// had a call waiting at a time.
func (c *calls) isAmbiguous(at uint64) bool {
	last := c.last().caller.Process.ID
	competes := func(other call) bool {
		return other.caller.Process.ID != last && at-other.at <= maxUnreadNS+event.CallAgainNS
	}
	return len(c.list) == 0 && c.ambiguous || slices.ContainsFunc(c.list, competes) || c.competitor != nil && competes(*c.competitor)
}

func (a *activation) take(m *message) bool {
	d := &m.dbus
	switch {
	case m.sent.FromBus && d.Type == dbuswire.Error:
		a.refused(m)
	case m.sent.FromBus && d.Type == dbuswire.Signal && d.Sender == dbuswire.BusName:
		a.busSignal(m)
	case m.sent.FromBus:
	case d.Type == dbuswire.MethodCall, d.Type == dbuswire.Signal:
		a.call(m)
	}
	return false
}

// busSignal takes in what the bus itself says. It lets nobody else send under its
// name.
func (a *activation) busSignal(m *message) {
	d := &m.dbus
	if unit, ok := dbuswire.ActivationRequest(d); ok && unit == "" {
		a.tracker.countCut(dbuswire.ErrTruncated)
	} else if ok {
		r := &Request{
			At: m.at, Owner: m.owner, Unit: unit, Method: activationRequest, Evidence: evidence.Kernel, bus: m.sent.Bus,
		}
		a.activate(r)
		a.tracker.remember(r)
		return
	}
	if d.Member == "NameOwnerChanged" && len(d.Args) == 3 {
		a.ownerChanged(m.at, busName{m.sent.Bus, d.Args[0].Text}, d.Args[1].Text, d.Args[2].Text)
	}
}

// ownerChanged takes in who has a name from here on: earlier calls were, or are
// now being, answered. It is said to each who listens, so a copy may come when
// there are calls that count.
func (a *activation) ownerChanged(at uint64, name busName, from, to string) {
	c := a.calls[name]
	switch {
	case c == nil && to != "":
		return
	case c == nil:
		a.makeRoom()
		a.calls[name] = &calls{free: true, lost: from}
	case to != "" && to == c.owner, to == "" && from != "" && from == c.lost:
		return
	case to == "":
		a.calls[name] = &calls{free: true, lost: from}
		if last := c.last(); last != nil && at-last.at <= maxUnreadNS {
			a.calls[name].before = last
			a.calls[name].ambiguous = c.isAmbiguous(at)
		}
	default:
		a.calls[name] = &calls{owner: to}
	}
}

// refused takes in that a call got an error for an answer. If the bus itself sent
// it, not the service, the bus gave up waiting for an activation.
func (a *activation) refused(m *message) {
	bus, pid, serial := m.sent.Bus, m.sent.PeerPID, m.dbus.ReplySerial
	for to, c := range a.calls {
		if to.bus != bus {
			continue
		}
		refused := func(c call) bool { return c.serial == serial && c.caller.Process.ID.PID == pid }
		c.list = slices.DeleteFunc(c.list, refused)
		if c.competitor != nil && refused(*c.competitor) {
			c.competitor = nil
		}
	}
	if m.dbus.Sender != dbuswire.BusName {
		return
	}
	for _, r := range a.tracker.requests {
		if r.Activation && r.Known && r.failed == 0 && r.bus == bus && r.Caller.Process.ID.PID == pid && r.call == serial {
			r.failed = m.at
		}
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
		a.callTo(busName{m.sent.Bus, name}, call{at: m.at, serial: m.dbus.Serial, caller: a.tracker.caller(m)})
	}
}

// callTo remembers a call to a name.
func (a *activation) callTo(to busName, next call) {
	c := a.calls[to]
	if c == nil {
		a.makeRoom()
		c = &calls{}
		a.calls[to] = c
	}
	if len(c.list) == maxCalls && c.free {
		return
	}
	if last := c.last(); last != nil && last.caller.Process.ID != next.caller.Process.ID {
		competitor := *last
		c.competitor = &competitor
	}
	if len(c.list) == maxCalls { // while the name has an owner, calls to it come and go
		c.list, c.dropped = slices.Delete(c.list, 0, 1), true
	}
	c.list = append(c.list, next)
}

// makeRoom drops the name that was called the longest time ago.
func (a *activation) makeRoom() {
	if len(a.calls) < maxNames {
		return
	}
	var oldest busName
	first := ^uint64(0)
	for name, c := range a.calls {
		last := uint64(0)
		if call := c.last(); call != nil {
			last = call.at
		}
		if last < first || last == first && name.name < oldest.name {
			oldest, first = name, last
		}
	}
	delete(a.calls, oldest)
}

// activationRequest is the signal by which a bus asks for an activation.
const activationRequest = "ActivationRequest"

// activationPrefix begins the alias under which a bus asks for the unit of a name.
const activationPrefix = "dbus-"

// ActivationAlias is the name by which a bus asks for the unit of a bus name, unless
// the name's service file says otherwise.
func ActivationAlias(busName string) string { return activationPrefix + busName + ".service" }

// activate notes the calls for which a bus may ask for an activation.
func (a *activation) activate(r *Request) {
	r.Activation, r.Known = true, false
	name, isAlias := strings.CutPrefix(r.Unit, activationPrefix)
	name = strings.TrimSuffix(name, ".service")
	r.pending = make(map[string]calls)
	r.unread = slices.Clone(a.tracker.unread[r.Owner])
	for to, c := range a.calls {
		if c.last() == nil || to.bus != r.bus || isAlias && to.name != name {
			continue
		}
		seen := *c
		seen.list = slices.Clone(c.list)
		r.pending[to.name] = seen
		if isAlias {
			// those that come later wait for the same start
			*c = calls{owner: c.owner, lost: c.lost}
		}
	}
	if isAlias {
		r.ResolveCaller(name)
	}
}

// ResolveCaller decides whose call activated a name, which may be empty if it is
// not known.
func (r *Request) ResolveCaller(name string) {
	r.BusName = name
	c, ok := r.pending[name]
	unreads := r.unread
	r.pending, r.unread = nil, nil
	to := busName{r.bus, name}
	unknown := func(code finding.ReasonCode) { r.Why = finding.Reason{Code: code, BusName: name} }
	switch {
	case !ok:
		unknown(finding.ReasonNoCall)
	case c.dropped:
		unknown(finding.ReasonTooManyCalls)
	case len(c.list) == 0 && c.ambiguous:
		unknown(finding.ReasonAmbiguousCall)
	case c.couldBePreceded(to, unreads):
		unknown(finding.ReasonUnreadableMessage)
	case len(c.list) == 0:
		// sent before the name lost its owner, and read after it
		r.calledBy(c.before, evidence.Inferred)
	default:
		r.Waiting = len(c.list) - 1
		r.calledBy(&c.list[0], r.Evidence)
		r.doubt(unreads)
		if c.hasCompetitor(to, unreads) {
			r.Evidence = evidence.Inferred
		}
	}
}

// calledBy takes a call for the one that activated the name.
func (r *Request) calledBy(c *call, ev evidence.Evidence) {
	r.Caller, r.Known, r.call, r.Evidence = c.caller, true, c.serial, ev
}

// dealtWith reports whether the bus gave up on the request before a time.
func (a *activation) dealtWith(q *Request, _ []string, before, _ uint64) bool {
	return q.failed != 0 && q.failed < before
}

// missed takes in that messages were lost: whoever seems to have been the first to
// call may not have been.
func (a *activation) missed() {
	for _, c := range a.calls {
		c.dropped = true
	}
}

func (a *activation) forget() { a.calls = make(map[busName]*calls) }
