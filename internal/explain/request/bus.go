// Package request tells who asked which service manager for what, by what was
// heard on sockets.
package request

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Bounds of what is remembered of the buses. What is dropped is the oldest, and
// an answer that would need it becomes "unknown".
const (
	maxNames    = 1024 // bus names that somebody called
	maxCalls    = 16   // calls to one name without an answer that matters
	maxRequests = 4096 // requests to start a unit
)

// Caller is a process at the moment at which it sent a message.
type Caller struct {
	Process  lineage.Process
	Ancestry []lineage.Process
	Why      lineage.Cut
}

// Owner is whose manager a message or a unit belongs to.
type Owner struct {
	Manager event.Manager
	UID     uint32
}

// call is a method call to a bus name that may have had no owner.
type call struct {
	at     uint64
	serial uint32
	caller Caller
}

// name is what is known of a well-known name on a bus.
type busName struct {
	bus  uint32
	name string
}

// calls are those to one name that may have found it without an owner: since
// it was last seen to get or to lose one, or since its activation was last
// asked for. Those that were answered with an error are taken out. So if the
// bus asks for an activation, it is for the sake of the first.
type calls struct {
	list []call
	// before is the last call shortly before the name lost its owner, nil if
	// there was none. It may have been waiting to be read then.
	before *call
	// rival is the latest call by another process than the last one's, also if it
	// is not in the list any more.
	rival *call
	// disputed is set if another process than before's may have had a call waiting
	// as well.
	disputed bool
	// owner and lost are the connections that got and that lost the name last,
	// empty if not known. No connection's name is ever used again on a bus.
	owner, lost string
	// free is set while the name is known to have no owner: then the first
	// calls are worth more than the latest.
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

// mayBePreceded reports whether one of the messages may have been a call that
// came before the first that counts, or that was read in its place.
func (c *calls) mayBePreceded(name busName, messages []unread) bool {
	return slices.ContainsFunc(messages, func(u unread) bool {
		if len(c.list) == 0 {
			return c.before != nil && u.mayCall(name) && u.mayRival(c.before.caller.Process.ID, c.before.at)
		}
		first := c.list[0]
		return u.from < first.at && u.mayCall(name) && u.mayRival(first.caller.Process.ID, first.at)
	})
}

// mayBeRivalled reports whether one of the messages may have been a call that was
// read before the first that counts.
func (c *calls) mayBeRivalled(name busName, messages []unread) bool {
	first := c.list[0]
	return slices.ContainsFunc(messages, func(u unread) bool {
		return u.mayCall(name) && u.mayRival(first.caller.Process.ID, first.at)
	})
}

// Request asks a manager to start a unit.
type Request struct {
	At     uint64
	Owner  Owner
	Unit   string // as the one who asked named it: maybe an alias
	Method string
	serial uint32
	bus    uint32
	sender uint32 // the pid of whoever sent the request itself
	// caller is who asked; for an activation that is the one whose call found
	// the name without an owner.
	Caller   Caller
	Known    bool              // that caller is known
	Why      finding.Reason    // why it is not
	Evidence evidence.Evidence // how it is known
	// name is the bus name that was to be activated, empty for other requests.
	BusName string
	// others counts the further calls that waited for the same start.
	Waiting int
	// pending are the calls at the time to names of that bus, by name, where
	// the unit's own name does not tell the bus name.
	pending map[string]calls
	// unread are the messages of that owner that could not be read by then.
	unread []unread
	// activation is set if it was a bus that asked, for the sake of a call, whose
	// number that is.
	Activation bool
	call       uint32
	// failed is when the bus told the caller that nothing came of it, 0 if it
	// did not.
	failed uint64
}

// Restarts reports whether the request also starts what runs already.
func (r *Request) Restarts() bool {
	return strings.Contains(r.Method, "Restart")
}

// jobID names a job of a unit. A manager numbers its jobs; one that is started
// anew counts from the beginning, so by tells which manager it was.
type jobID struct {
	by   event.ProcessID
	id   uint64
	unit string
}

// finished is a manager's job that is over, whatever came of it.
type finished struct {
	jobID
	// at is when that was said, made when the job itself was announced, 0 if
	// that was not heard.
	at, made uint64
	owner    Owner
	result   string
}

// unread is a message of which it can't be told what it asks for: it may have been
// the call, or the request, that came first.
type unread struct {
	// at is when it was sent; for one that stands for several, from is when the
	// first of them was.
	from, at uint64

	by  event.ProcessID
	bus uint32
	to  string // the name that it goes to, empty if not known
	any bool   // it may be anybody's, on any bus
}

// maxUnreadMessages is how many of them are remembered for each manager.
const maxUnreadMessages = 64

// Log is what was heard on the buses.
type Log struct {
	calls map[busName]*calls
	// unread are the latest such messages to each manager and its bus, in order.
	unread   map[Owner][]unread
	requests []*Request
	jobs     []finished
	// announced are the latest jobs, and since when it is known that they are there.
	announced *bounded.Map[jobID, uint64]
	// listeners tells whether a socket was opened by the manager that its path
	// stands for.
	listeners map[uint32]bool
	// cut counts the messages that could have mattered, but of which too
	// little was captured to tell.
	cut uint64
}

func New() *Log {
	return &Log{calls: make(map[busName]*calls), unread: make(map[Owner][]unread), listeners: make(map[uint32]bool), announced: bounded.NewMap[jobID, uint64](maxRequests)}
}

// The paths of the sockets, as far as they differ from user to user.
const (
	systemBus     = "/run/dbus/system_bus_socket"
	systemBusOld  = "/var/run/dbus/system_bus_socket"
	systemPrivate = "/run/systemd/private"
	userSockets   = "/run/user/"
)

// socketOwner tells whose manager is addressed over a socket.
func socketOwner(socket string) (Owner, bool) {
	switch socket {
	case systemBus, systemBusOld, systemPrivate:
		return Owner{Manager: event.ManagerSystem}, true
	}
	rest, isUser := strings.CutPrefix(socket, userSockets)
	user, what, _ := strings.Cut(rest, "/")
	uid, err := strconv.ParseUint(user, 10, 32)
	if !isUser || err != nil || what != "bus" && what != "systemd/private" {
		return Owner{}, false
	}
	return Owner{Manager: event.ManagerUser, UID: uint32(uid)}, true
}

// Observe takes a message in.
func (l *Log) Observe(at uint64, b *event.BusMessage, tree *lineage.Tree) {
	own, ok := socketOwner(b.Path)
	if !ok {
		return
	}
	if l.isOtherBus(own, b, tree) {
		return
	}
	if !b.FromBus {
		l.observeClient(at, own, b, tree)
		return
	}
	m, err := dbuswire.Parse(b.Data)
	if errors.Is(err, dbuswire.ErrTruncated) {
		l.cut++
	}
	switch {
	case err != nil:
	case m.Type == dbuswire.Error:
		l.refuse(b.Bus, b.PeerPID, m.ReplySerial)
		if m.Sender == theBus {
			l.activationFailed(at, b.Bus, b.PeerPID, m.ReplySerial)
		}
	case m.Type == dbuswire.Signal && isJobSignal(&m):
		l.job(at, own, b, &m, tree)
	case m.Type == dbuswire.Signal:
		l.signal(at, own, b, &m)
	}
}

// observeClient takes in what is sent to a bus, or to a manager: a client may send
// several messages at once.
func (l *Log) observeClient(at uint64, own Owner, b *event.BusMessage, tree *lineage.Tree) {
	if len(b.Data) == 0 {
		if b.Size == 0 { // redaction has left nothing, and nothing was hidden
			return
		}
		l.unreadable(at, own, b, &dbuswire.Message{}, dbuswire.ErrTruncated, false)
		return
	}
	parts := dbuswire.ParseAll(b.Data)
	end := uint64(len(b.Data)) // of authentication, if there is nothing else
	for i := range parts {
		m := &parts[i].Message
		if err := parts[i].Err; err != nil {
			all := len(b.Data) == int(b.Size) // was captured, so that nothing is behind it
			l.unreadable(at, own, b, m, err, all || m.Size != 0 && uint64(parts[i].Offset)+uint64(m.Size) >= uint64(b.Size))
			return
		}
		end = uint64(parts[i].Offset) + uint64(m.Size)
		switch {
		case m.Type == dbuswire.Signal && isJobSignal(m):
			l.job(at, own, b, m, tree)
		case m.Type == dbuswire.MethodCall, m.Type == dbuswire.Signal:
			l.methodCall(at, own, b, m, tree)
		}
	}
	if end < uint64(b.Size) { // what follows was not captured
		l.unreadable(at, own, b, &dbuswire.Message{}, dbuswire.ErrTruncated, false)
	}
}

func isJobSignal(m *dbuswire.Message) bool { return m.Member == jobNew || m.Member == jobRemoved }

// unreadable takes in a message to a bus that could not be read, with as much of it
// as was. last is set if nothing is behind it in the same send.
func (l *Log) unreadable(at uint64, own Owner, b *event.BusMessage, m *dbuswire.Message, err error, last bool) {
	if errors.Is(err, dbuswire.ErrTruncated) {
		l.cut++
	}
	u := unread{from: at, at: at, by: b.Sender, bus: b.Bus}
	if last {
		u.to = m.Destination
		if m.Type == dbuswire.MethodReturn || m.Type == dbuswire.Error {
			return
		}
	}
	list := l.unread[own]
	if len(list) == maxUnreadMessages {
		from := list[0].from
		list = slices.Delete(list, 0, 1)
		list[0] = unread{from: from, at: list[0].at, any: true}
	}
	l.unread[own] = append(list, u)
	if !u.mayRequest() {
		return
	}
	for _, r := range slices.Backward(l.requests) {
		if at > r.At && at-r.At > maxUnread+callAgain {
			break
		}
		if r.Owner == own && r.Caller.Process.ID != u.by {
			r.Evidence = evidence.Weaker(evidence.Inferred, r.Evidence)
		}
	}
}

// mayRequest reports whether the message may have asked the manager for a start.
func (u *unread) mayRequest() bool {
	return u.to == "" || u.to == dbuswire.SystemdName || strings.HasPrefix(u.to, ":")
}

// mayCall reports whether the message may have been a call to a name that has no
// owner, or have asked the bus to start it.
func (u *unread) mayCall(name busName) bool {
	return u.any || u.bus == name.bus && (u.to == "" || u.to == name.name || u.to == dbuswire.BusName)
}

// mayRival reports whether the message may have been read before one that another
// process sent.
func (u *unread) mayRival(by event.ProcessID, at uint64) bool {
	return (u.any || u.by != by) && (u.at >= at || at-u.at <= maxUnread+callAgain)
}

// isOtherBus reports whether a message is of another manager's bus than the path
// of the socket says: in a container, or in a mount namespace of a user's own,
// the same path leads elsewhere. The manager itself listens on its private socket,
// and on the buses that it hands over.
func (l *Log) isOtherBus(own Owner, b *event.BusMessage, tree *lineage.Tree) bool {
	if !b.Listener.IsZero() {
		p, _, _ := tree.Lineage(b.Listener)
		l.listeners[b.Bus] = IsManager(&p, own) || isBusOf(&p, own)
	}
	return !l.listeners[b.Bus]
}

// methodCall takes in a request to start a unit, or a call that may activate a
// name.
func (l *Log) methodCall(at uint64, own Owner, b *event.BusMessage, m *dbuswire.Message, tree *lineage.Tree) {
	if method, units, _, ok := dbuswire.StartJob(m, m.Destination); ok {
		if len(units) == 0 {
			l.unreadable(at, own, b, m, dbuswire.ErrTruncated, true)
		}
		for _, unit := range units {
			l.startJob(at, own, b, m, method, unit, tree)
		}
		return
	}
	name, ok := dbuswire.WantedName(m)
	switch {
	case !ok:
	case name == "":
		l.unreadable(at, own, b, m, dbuswire.ErrTruncated, true)
	default:
		l.callTo(busName{b.Bus, name}, call{at: at, serial: m.Serial, caller: describe(tree, b)})
	}
}

// whole reports whether a message's decisive argument was captured, which is
// never empty, and counts it if not.
func (l *Log) whole(argument string) bool {
	if argument == "" {
		l.cut++
	}
	return argument != ""
}

func describe(tree *lineage.Tree, b *event.BusMessage) Caller {
	p, ancestry, why := tree.Lineage(b.Sender)
	p.TID = b.TID
	return Caller{Process: p, Ancestry: ancestry, Why: why}
}

// startJob takes in a request to start a unit. dbus-broker carries out activations
// through its launcher, which asks systemd over a connection of its own.
func (l *Log) startJob(at uint64, own Owner, b *event.BusMessage, m *dbuswire.Message, method, unit string, tree *lineage.Tree) {
	c := describe(tree, b)
	r := &Request{At: at, Owner: own, Unit: unit, Method: method, serial: m.Serial, bus: b.Bus, sender: b.Sender.PID, Caller: c, Known: true, Evidence: evidence.Kernel}
	if isLauncher(&c.Process) {
		l.activate(r, b.Bus)
	}
	l.remember(r)
}

// busUnits are the services of buses, the same for the system and for users.
var busUnits = []string{"dbus.service", "dbus-broker.service"}

// inBusUnit reports whether a process is part of a bus's own service: anybody
// can give a program the name of a bus's.
func inBusUnit(p *lineage.Process) bool { return slices.Contains(busUnits, finding.Place(p).Unit) }

// isBusOf reports whether a process is a bus that opened its socket itself.
func isBusOf(p *lineage.Process, own Owner) bool {
	pl := finding.Place(p)
	return inBusUnit(p) && pl.Manager == own.Manager && (own.Manager == event.ManagerSystem || pl.OwnerUID == own.UID)
}

// isLauncher reports whether a process is dbus-broker's launcher, which alone
// carries out activations there.
func isLauncher(p *lineage.Process) bool {
	return path.Base(p.Exe) == "dbus-broker-launch" && inBusUnit(p)
}

// IsBusDaemon reports whether a process is a bus: what that starts by itself,
// without a service manager, it starts for somebody else.
func IsBusDaemon(p *lineage.Process) bool {
	return path.Base(p.Exe) == "dbus-daemon" && inBusUnit(p) || isLauncher(p)
}

// IsUnitlessBus reports whether a process is a bus where there are no units. A
// program that only has the name makes a culprit unknown, never a wrong one.
func IsUnitlessBus(p lineage.Process) bool {
	return path.Base(p.Exe) == "dbus-daemon" && finding.Place(&p).Unit == ""
}

// The signals by which a manager says that a job is there, and that it is over
// (src/core/dbus-job.c, send_new_signal and send_removed_signal).
const (
	jobNew     = "JobNew"
	jobRemoved = "JobRemoved"
)

// job takes in what a manager says of a job: what was asked before it is over
// has begun a run by then or never will. Only the manager itself is believed.
func (l *Log) job(at uint64, own Owner, b *event.BusMessage, m *dbuswire.Message, tree *lineage.Tree) {
	if m.Interface != "org.freedesktop.systemd1.Manager" || len(m.Args) < 3 {
		return
	}
	p, _, _ := tree.Lineage(b.Sender)
	if !IsManager(&p, own) {
		return
	}
	id := jobID{by: b.Sender, id: m.Args[0].Number, unit: m.Args[2].Text}
	made, isAnnounced := l.announced.Get(id)
	switch {
	case m.Member == jobRemoved:
		l.jobOver(finished{jobID: id, at: at, made: made, owner: own, result: result(m)})
	case !isAnnounced:
		l.announced.Put(id, at)
	}
}

// result is what came of a job, empty where the capture ends before it.
func result(m *dbuswire.Message) string {
	if len(m.Args) < 4 {
		return ""
	}
	return m.Args[3].Text
}

// jobOver remembers a job's end. It is said to one listener after the other, and
// one that was told early may have asked for the next job by the time that the
// last is told.
func (l *Log) jobOver(job finished) {
	if slices.ContainsFunc(l.jobs, func(j finished) bool { return j.jobID == job.jobID }) {
		return
	}
	if len(l.jobs) == maxRequests {
		l.jobs = slices.Delete(l.jobs, 0, maxRequests/4)
	}
	l.jobs = append(l.jobs, job)
}

// DealtWith reports whether a request was dealt with before a time. stopped is when
// a job to stop the unit can have made it inactive, 0 if none can.
func (l *Log) DealtWith(q *Request, names []string, before, stopped uint64) bool {
	if q.failed != 0 && q.failed < before {
		return true
	}
	return slices.ContainsFunc(l.jobs, func(j finished) bool {
		return j.owner == q.Owner && j.at > q.At && j.at < before && slices.Contains(names, j.unit) && !j.gaveWayTo(q, stopped)
	})
}

// gaveWayTo reports whether a job was one to stop the unit that was there when
// the request to start it was made. Such a request cancels it, and waits for the
// unit to be inactive, unless the stop was done before the manager read of it.
// If it was a job to start the unit, which the request joined, then another one
// that cancelled it is over before a next run, too.
func (j *finished) gaveWayTo(q *Request, stopped uint64) bool {
	if j.made == 0 || j.made >= q.At {
		return false
	}
	return j.result == "canceled" || j.result == "done" && stopped > q.At && stopped <= j.at
}

// theBus is the sender of what a bus itself says. It does not let anybody else
// send under this name.
const theBus = "org.freedesktop.DBus"

// signal takes in what the bus itself says.
func (l *Log) signal(at uint64, own Owner, b *event.BusMessage, m *dbuswire.Message) {
	if m.Sender != theBus {
		return
	}
	if unit, ok := dbuswire.ActivationRequest(m); ok && l.whole(unit) {
		r := &Request{At: at, Owner: own, Unit: unit, Method: activationRequest, bus: b.Bus, Evidence: evidence.Kernel}
		l.activate(r, b.Bus)
		l.remember(r)
		return
	}
	if m.Member == "NameOwnerChanged" && len(m.Args) == 3 {
		l.ownerChanged(at, busName{b.Bus, m.Args[0].Text}, m.Args[1].Text, m.Args[2].Text)
	}
}

// maxUnread is how long, in nanoseconds, a bus may leave a message unread for
// it to be taken into account after all.
const maxUnread = 1e9

// Missed takes in that messages were lost: whoever seems to have been the first
// to call may not have been, and another request may have come into effect.
func (l *Log) Missed() {
	for _, c := range l.calls {
		c.dropped = true
	}
	for _, r := range l.requests {
		r.Evidence = evidence.Weaker(evidence.Inferred, r.Evidence)
	}
}

// Forget drops what was heard, but for who listens, and for what was not understood.
func (l *Log) Forget() {
	fresh := New()
	fresh.listeners, fresh.cut, fresh.unread = l.listeners, l.cut, l.unread
	*l = *fresh
}

// callAgain is for how long, in nanoseconds, the kernel half leaves out a process's
// calls to a name (CALL_AGAIN_NS in bpf/hook_request.h): so much later may its last one be.
const callAgain = 100e6

// ownerChanged takes in who has a name from here on: earlier calls were, or
// are now being, answered. It is said to each who listens, so a copy may come
// when there are calls that count.
func (l *Log) ownerChanged(at uint64, name busName, from, to string) {
	c := l.calls[name]
	switch {
	case c == nil && to != "":
		return
	case c == nil:
		l.makeRoom()
		l.calls[name] = &calls{free: true, lost: from}
	case to != "" && to == c.owner, to == "" && from != "" && from == c.lost:
		return
	case to == "":
		l.calls[name] = &calls{free: true, lost: from}
		if last := c.last(); last != nil && at-last.at <= maxUnread {
			l.calls[name].before = last
			l.calls[name].disputed = c.isDisputed(at)
		}
	default:
		l.calls[name] = &calls{owner: to}
	}
}

// isDisputed reports whether another process than that of the last call may have
// had a call waiting at a time.
func (c *calls) isDisputed(at uint64) bool {
	last := c.last().caller.Process.ID
	rivals := func(other call) bool {
		return other.caller.Process.ID != last && at-other.at <= maxUnread+callAgain
	}
	return len(c.list) == 0 && c.disputed || slices.ContainsFunc(c.list, rivals) || c.rival != nil && rivals(*c.rival)
}

// refuse takes back what a process asked for: it got an error for an answer.
func (l *Log) refuse(bus, pid, serial uint32) {
	l.requests = slices.DeleteFunc(l.requests, func(r *Request) bool {
		return r.bus == bus && r.sender == pid && r.serial == serial && r.Method != activationRequest
	})
	for to, c := range l.calls {
		if to.bus != bus {
			continue
		}
		refused := func(c call) bool { return c.serial == serial && c.caller.Process.ID.PID == pid }
		c.list = slices.DeleteFunc(c.list, refused)
		if c.rival != nil && refused(*c.rival) {
			c.rival = nil
		}
	}
}

// activationFailed takes in that a bus itself, not the service, answers a call
// for which it asked for an activation with an error: it gave up waiting.
func (l *Log) activationFailed(at uint64, bus, pid, serial uint32) {
	for _, r := range l.requests {
		if r.Activation && r.Known && r.failed == 0 && r.bus == bus && r.Caller.Process.ID.PID == pid && r.call == serial {
			r.failed = at
		}
	}
}

// callTo remembers a call to a name.
func (l *Log) callTo(to busName, c call) {
	list := l.calls[to]
	if list == nil {
		l.makeRoom()
		list = &calls{}
		l.calls[to] = list
	}
	if len(list.list) == maxCalls && list.free {
		return
	}
	if last := list.last(); last != nil && last.caller.Process.ID != c.caller.Process.ID {
		rival := *last
		list.rival = &rival
	}
	if len(list.list) == maxCalls { // while the name has an owner, calls to it come and go
		list.list, list.dropped = slices.Delete(list.list, 0, 1), true
	}
	list.list = append(list.list, c)
}

// makeRoom drops the name that was called the longest time ago.
func (l *Log) makeRoom() {
	if len(l.calls) < maxNames {
		return
	}
	var oldest busName
	first := ^uint64(0)
	for name, c := range l.calls {
		last := uint64(0)
		if call := c.last(); call != nil {
			last = call.at
		}
		if last < first || last == first && name.name < oldest.name {
			oldest, first = name, last
		}
	}
	delete(l.calls, oldest)
}

// activationRequest is the signal by which a bus asks for an activation.
const activationRequest = "ActivationRequest"

// activationPrefix begins the alias under which a bus asks for the unit of a
// name, unless the name's service file says otherwise.
const activationPrefix = "dbus-"

// activate finds the call that made a bus ask for an activation: the first
// that found the name without an owner.
func (l *Log) activate(r *Request, bus uint32) {
	r.Activation, r.Known = true, false
	name, isAlias := strings.CutPrefix(r.Unit, activationPrefix)
	name = strings.TrimSuffix(name, ".service")
	r.pending = make(map[string]calls)
	r.unread = slices.Clone(l.unread[r.Owner])
	for to, c := range l.calls {
		if c.last() == nil || to.bus != bus || isAlias && to.name != name {
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

// doubt has a request inferred if one of the messages may have been one to the
// manager that came first.
func (r *Request) doubt(messages []unread) {
	if slices.ContainsFunc(messages, func(u unread) bool {
		return u.mayRequest() && u.mayRival(r.Caller.Process.ID, r.At)
	}) {
		r.Evidence = evidence.Weaker(evidence.Inferred, r.Evidence)
	}
}

// ResolveCaller decides on the call that activated a name.
func (r *Request) ResolveCaller(name string) {
	r.BusName = name
	c, ok := r.pending[name]
	unreads := r.unread
	r.pending, r.unread = nil, nil
	switch {
	case !ok:
		r.Why = finding.Reason{Code: finding.ReasonNoCall, BusName: name}
	case c.dropped:
		r.Why = finding.Reason{Code: finding.ReasonTooManyCalls, BusName: name}
	case len(c.list) == 0 && c.disputed:
		r.Why = finding.Reason{Code: finding.ReasonAmbiguousCall, BusName: name}
	case c.mayBePreceded(busName{r.bus, name}, unreads):
		r.Why = finding.Reason{Code: finding.ReasonUnreadableMessage, BusName: name}
	case len(c.list) == 0:
		// sent before the name lost its owner, and read after it
		r.Caller, r.Known, r.Evidence, r.call = c.before.caller, true, evidence.Inferred, c.before.serial
	default:
		first := c.list[0].caller
		r.Caller, r.Known, r.Waiting, r.call = first, true, len(c.list)-1, c.list[0].serial
		// A bus reads each connection in order, but which of them first is up to it.
		r.doubt(unreads)
		if c.mayBeRivalled(busName{r.bus, name}, unreads) ||
			slices.ContainsFunc(c.list, func(c call) bool { return c.caller.Process.ID != first.Process.ID }) {
			r.Evidence = evidence.Inferred
		}
	}
}

// remember keeps a request until it may have come into effect.
func (l *Log) remember(r *Request) {
	if r.pending == nil { // otherwise it is not known yet who called
		r.doubt(l.unread[r.Owner])
	}
	if len(l.requests) == maxRequests {
		l.requests = slices.Delete(l.requests, 0, maxRequests/4)
	}
	l.requests = append(l.requests, r)
}

// IsManager reports whether a process is that manager: pid 1, or the systemd
// in the init.scope of a user's.
func IsManager(p *lineage.Process, own Owner) bool {
	if own.Manager == event.ManagerSystem {
		return p.ID.PID == 1
	}
	pl := finding.Place(p)
	return pl.Unit == "init.scope" && pl.Manager == event.ManagerUser && pl.HasOwner && pl.OwnerUID == own.UID
}

// Requests returns the requests to start a unit that are remembered, in order.
func (l *Log) Requests() []*Request { return l.requests }

// Cut counts the messages that could have mattered, but of which too little was
// captured to tell.
func (l *Log) Cut() uint64 { return l.cut }

// ActivationAlias names the unit that a bus asks for to have a name activated, unless
// the name's service file says otherwise.
func ActivationAlias(busName string) string { return activationPrefix + busName + ".service" }

// Pending reports whether it is yet to be decided whose call it was, for which
// the bus name is needed.
func (r *Request) Pending() bool { return r.Activation && r.pending != nil }
