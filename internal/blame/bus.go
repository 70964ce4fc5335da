package blame

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/cgroup"
	"github.com/nsblame/nsblame/internal/dbuswire"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/lineage"
)

// Bounds of what is remembered of the buses. What is dropped is the oldest, and
// an answer that would need it becomes "unknown".
const (
	maxNames    = 4096 // bus names that somebody called
	maxCalls    = 64   // calls to one name without an answer that matters
	maxRequests = 4096 // requests to start a unit
)

// caller is a process at the moment at which it sent a message.
type caller struct {
	process  lineage.Process
	ancestry []lineage.Process
	why      string
}

// owner is whose manager a message or a unit belongs to.
type owner struct {
	manager cgroup.Manager
	uid     uint32
}

// call is a method call to a bus name that may have had no owner.
type call struct {
	at     uint64
	serial uint32
	caller caller
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
	// before is the last call before the name lost its owner, nil if there was
	// none. It may have been waiting to be read then.
	before *call
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

// request asks a manager to start a unit.
type request struct {
	at     uint64
	owner  owner
	unit   string // as the one who asked named it: maybe an alias
	method string
	serial uint32
	// caller is who asked; for an activation that is the one whose call found
	// the name without an owner.
	caller   caller
	known    bool     // that caller is known
	why      string   // why it is not
	evidence Evidence // how it is known
	// name is the bus name that was to be activated, empty for other requests.
	name string
	// others counts the further calls that waited for the same start.
	others int
	// pending are the calls at the time to names of that bus, by name, where
	// the unit's own name does not tell the bus name.
	pending map[string]calls
	// activation is set if it was a bus that asked, for the sake of a call.
	activation bool
}

// restarts reports whether the request also starts what runs already.
func (r *request) restarts() bool {
	return strings.Contains(r.method, "Restart")
}

// traffic is what was heard on the buses.
type traffic struct {
	calls    map[busName]*calls
	requests []*request
	// cut counts the messages that could have mattered, but of which too
	// little was captured to tell.
	cut uint64
}

func newTraffic() traffic { return traffic{calls: make(map[busName]*calls)} }

// The paths of the sockets, as far as they differ from user to user.
const (
	systemBus     = "/run/dbus/system_bus_socket"
	systemBusOld  = "/var/run/dbus/system_bus_socket"
	systemPrivate = "/run/systemd/private"
	userSockets   = "/run/user/"
)

// socketOwner tells whose manager is addressed over a socket.
func socketOwner(socket string) (owner, bool) {
	switch socket {
	case systemBus, systemBusOld, systemPrivate:
		return owner{manager: cgroup.ManagerSystem}, true
	}
	rest, isUser := strings.CutPrefix(socket, userSockets)
	user, what, _ := strings.Cut(rest, "/")
	uid, err := strconv.ParseUint(user, 10, 32)
	if !isUser || err != nil || what != "bus" && what != "systemd/private" {
		return owner{}, false
	}
	return owner{manager: cgroup.ManagerUser, uid: uint32(uid)}, true
}

// hear takes a message in.
func (t *traffic) hear(at uint64, b *event.BusMessage, tree *lineage.Tree) {
	own, ok := socketOwner(b.Path)
	if !ok {
		return
	}
	m, err := dbuswire.Parse(b.Data)
	if errors.Is(err, dbuswire.ErrTruncated) {
		t.cut++
	}
	if err != nil {
		return
	}
	switch {
	case b.FromBus && m.Type == dbuswire.Error:
		t.refuse(b.PeerPID, m.ReplySerial)
	case b.FromBus && m.Type == dbuswire.Signal:
		t.signal(at, own, b, &m)
	case m.Type == dbuswire.MethodCall:
		t.methodCall(at, own, b, &m, tree)
	}
}

// methodCall takes in a request to start a unit, or a call that may activate a
// name.
func (t *traffic) methodCall(at uint64, own owner, b *event.BusMessage, m *dbuswire.Message, tree *lineage.Tree) {
	// a container's systemd listens on the same path in a place of its own
	foreign := own.manager == cgroup.ManagerSystem && b.PeerPID != 1
	if foreign {
		return
	}
	if method, unit, _, ok := dbuswire.StartJob(m, m.Destination); ok {
		if t.whole(unit) {
			t.startJob(at, own, b, m, method, unit, tree)
		}
		return
	}
	if b.FromBus {
		return
	}
	if name, ok := dbuswire.WantedName(m); ok && t.whole(name) {
		t.callTo(busName{b.Bus, name}, call{at: at, serial: m.Serial, caller: describe(tree, b)})
	}
}

// whole reports whether a message's decisive argument was captured, which is
// never empty, and counts it if not.
func (t *traffic) whole(argument string) bool {
	if argument == "" {
		t.cut++
	}
	return argument != ""
}

func describe(tree *lineage.Tree, b *event.BusMessage) caller {
	p, ancestry, why := tree.Lineage(b.Sender)
	p.TID = b.TID
	return caller{process: p, ancestry: ancestry, why: why}
}

// startJob takes in a request to start a unit. What the bus passes on was
// heard when it was sent, unless the bus itself is the one who asks: the
// launcher of dbus-broker talks to it over a socket without a name.
func (t *traffic) startJob(at uint64, own owner, b *event.BusMessage, m *dbuswire.Message, method, unit string, tree *lineage.Tree) {
	c := describe(tree, b)
	r := &request{at: at, owner: own, unit: unit, method: method, serial: m.Serial, caller: c, known: true, evidence: Kernel}
	switch {
	case isLauncher(&c.process):
		t.activate(r, b.Bus)
	case b.FromBus && t.passedOn(r):
		return
	case b.FromBus && isBroker(&c.process):
		t.activate(r, 0)
	case b.FromBus:
		return
	}
	t.remember(r)
}

// passedOn reports whether the request was heard on its way to the bus.
func (t *traffic) passedOn(r *request) bool {
	return slices.ContainsFunc(t.requests, func(earlier *request) bool {
		return earlier.serial == r.serial && earlier.unit == r.unit && earlier.method == r.method
	})
}

// isLauncher reports whether a process is dbus-broker's launcher, which alone
// carries out activations there.
func isLauncher(p *lineage.Process) bool { return path.Base(p.Exe) == "dbus-broker-launch" }

func isBroker(p *lineage.Process) bool { return path.Base(p.Exe) == "dbus-broker" }

// theBus is the sender of what a bus itself says. It does not let anybody else
// send under this name.
const theBus = "org.freedesktop.DBus"

// signal takes in what the bus itself says.
func (t *traffic) signal(at uint64, own owner, b *event.BusMessage, m *dbuswire.Message) {
	if m.Sender != theBus {
		return
	}
	if unit, ok := dbuswire.ActivationRequest(m); ok && t.whole(unit) {
		r := &request{at: at, owner: own, unit: unit, method: "ActivationRequest", evidence: Kernel}
		if own.manager == cgroup.ManagerSystem && b.PeerPID != 1 {
			return // of a bus in a container, to the manager there
		}
		t.activate(r, b.Bus)
		t.remember(r)
		return
	}
	if m.Member == "NameOwnerChanged" && len(m.Args) == 3 {
		t.ownerChanged(busName{b.Bus, m.Args[0].Text}, m.Args[2].Text)
	}
}

// ownerChanged takes in who has a name from here on: earlier calls were, or
// are now being, answered.
func (t *traffic) ownerChanged(name busName, to string) {
	c := t.calls[name]
	switch {
	case c == nil && to != "":
		return
	case c == nil:
		t.makeRoom()
		t.calls[name] = &calls{free: true}
	case to == "":
		t.calls[name] = &calls{free: true, before: c.last()}
	default:
		t.calls[name] = &calls{}
	}
}

// refuse takes back what a process asked for: it got an error for an answer.
func (t *traffic) refuse(pid, serial uint32) {
	t.requests = slices.DeleteFunc(t.requests, func(r *request) bool {
		return r.name == "" && r.serial == serial && r.caller.process.ID.PID == pid
	})
	for _, c := range t.calls {
		c.list = slices.DeleteFunc(c.list, func(c call) bool {
			return c.serial == serial && c.caller.process.ID.PID == pid
		})
	}
}

// callTo remembers a call to a name.
func (t *traffic) callTo(to busName, c call) {
	list := t.calls[to]
	if list == nil {
		t.makeRoom()
		list = &calls{}
		t.calls[to] = list
	}
	if len(list.list) == maxCalls {
		// while the name has an owner, calls to it come and go
		if list.free {
			return
		}
		list.list, list.dropped = slices.Delete(list.list, 0, 1), true
	}
	list.list = append(list.list, c)
}

// makeRoom drops the name that was called the longest time ago.
func (t *traffic) makeRoom() {
	if len(t.calls) < maxNames {
		return
	}
	var oldest busName
	first := ^uint64(0)
	for name, c := range t.calls {
		last := uint64(0)
		if call := c.last(); call != nil {
			last = call.at
		}
		if last < first || last == first && name.name < oldest.name {
			oldest, first = name, last
		}
	}
	delete(t.calls, oldest)
}

// activationPrefix begins the alias under which a bus asks for the unit of a
// name, unless the name's service file says otherwise.
const activationPrefix = "dbus-"

// activate finds the call that made a bus ask for an activation: the first
// that found the name without an owner. On bus 0 the calls of all buses are
// looked at.
func (t *traffic) activate(r *request, bus uint32) {
	r.activation, r.known = true, false
	name, isAlias := strings.CutPrefix(r.unit, activationPrefix)
	name = strings.TrimSuffix(name, ".service")
	r.pending = make(map[string]calls)
	for to, c := range t.calls {
		if c.last() == nil || bus != 0 && to.bus != bus || isAlias && to.name != name {
			continue
		}
		seen := *c
		seen.list = slices.Clone(c.list)
		r.pending[to.name] = seen
		if isAlias {
			// those that come later wait for the same start
			*c = calls{}
		}
	}
	if isAlias {
		r.settle(name)
	}
}

// settle decides on the call that activated a name.
func (r *request) settle(name string) {
	r.name = name
	c, ok := r.pending[name]
	r.pending = nil
	switch {
	case !ok:
		r.why = "no call to " + name + " was seen before the bus asked for its activation"
	case c.dropped:
		r.why = "too many calls to " + name + " came before the bus asked for its activation"
	case len(c.list) == 0:
		// sent before the name lost its owner, and read after it
		r.caller, r.known, r.evidence = c.before.caller, true, Inferred
	default:
		r.caller, r.known, r.others = c.list[0].caller, true, len(c.list)-1
	}
}

// remember keeps a request until it may have come into effect.
func (t *traffic) remember(r *request) {
	if len(t.requests) == maxRequests {
		t.requests = slices.Delete(t.requests, 0, maxRequests/4)
	}
	t.requests = append(t.requests, r)
}
