package model

import (
	"fmt"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/event"
)

// socket is one that a bus or the manager listens on.
type socket struct {
	number   uint32
	path     string
	listener *process
	shown    bool
	// read is when all that was sent to it so far will have been read.
	read uint64
}

// conn is a connection to such a socket.
type conn struct {
	socket *socket
	inode  uint64
	client *process
	// unique is its name on the bus, empty on the manager's private socket.
	unique string
	serial uint32
	// readAt is when each end has read what was sent so far: the client's is at true.
	readAt map[bool]uint64
	// letIn is when the bus has let the client in.
	letIn  uint64
	closed bool
	// took is called with what comes back.
	took func(m message, replyTo uint32)
}

// next is the serial of the connection's next message.
func (c *conn) next() uint32 {
	c.serial++
	return c.serial
}

// ask names a message that may be answered.
type ask struct {
	inode  uint64
	serial uint32
}

// net is what the processes are connected by.
type net struct {
	*world
	wire      *wire
	lastInode uint64
	sockets   uint32
	// recorded are the calls whose answers the kernel part lets through.
	recorded map[ask]bool
	// turn and callers are by what the kernel part leaves out repeated calls.
	turn    uint64
	callers map[callee]*repeated
}

// callee is a name that a process calls.
type callee struct {
	by   event.ProcessID
	name string
}

// repeated are its calls since something else was reported.
type repeated struct {
	turn, at uint64
	calls    int
}

// leftOut reports whether the kernel part leaves a call out because it shows nothing
// new (bpf/hook_request.h, reported_already).
func (n *net) leftOut(by *process, m *message, fromBus bool) bool {
	if fromBus || m.kind != dbus.TypeMethodCall || m.dest == systemdName || m.dest == busName {
		if !m.reply {
			n.turn++
		}
		return false
	}
	key := callee{by.id, m.dest}
	seen := n.callers[key]
	if seen == nil {
		seen = &repeated{}
		n.callers[key] = seen
	}
	if seen.turn != n.turn {
		seen.turn, seen.calls = n.turn, 0
	}
	if seen.calls >= event.CallsReported && n.now-seen.at < event.CallAgainNS {
		return true
	}
	seen.calls++
	seen.at = n.now
	return false
}

func (n *net) listen(path string, listener *process) *socket {
	n.sockets++
	return &socket{number: n.sockets, path: path, listener: listener}
}

func (n *net) connect(to *socket, client *process) *conn {
	n.lastInode += 1 + uint64(n.rnd.IntN(5))
	return &conn{socket: to, inode: n.lastInode, client: client, readAt: make(map[bool]uint64, 2), took: func(message, uint32) {}}
}

// write puts a message on a connection into the stream, if the probe reports it.
func (n *net) write(c *conn, by *process, fromBus bool, m message, serial, replyTo uint32) {
	if m.reply && (!fromBus || !n.recorded[ask{c.inode, replyTo}]) {
		return
	}
	if n.leftOut(by, &m, fromBus) {
		return
	}
	if m.kind == dbus.TypeMethodCall && !fromBus && m.flags&dbus.FlagNoReplyExpected == 0 {
		n.recorded[ask{c.inode, serial}] = true
	}
	if m.reply {
		delete(n.recorded, ask{c.inode, replyTo}) // the first answer is the answer
	}
	data := n.wire.encode(m, serial, replyTo)
	b := &event.BusMessage{
		Sender: by.id, TID: by.id.PID, Bus: c.socket.number, Path: c.socket.path, FromBus: fromBus, PeerPID: c.socket.listener.id.PID,
		Conn: c.inode, Copied: true, Size: uint32(len(data)), Data: data,
	}
	if fromBus {
		b.PeerPID = c.client.id.PID
	}
	if n.adversity.hides(b, by) {
		return
	}
	n.stream.show(by)
	if !c.socket.shown {
		c.socket.shown = true
		n.stream.show(c.socket.listener)
		b.Listener = c.socket.listener.id
	}
	n.stream.put(n.now, b)
}

// read has the bus or the manager read what was sent on a connection just now.
func (n *net) read(c *conn, slowest uint64, take func()) { n.readBy(c, false, slowest, take) }

// get has the client read it.
func (n *net) get(c *conn, take func()) { n.readBy(c, true, ms, take) }

func (n *net) readBy(c *conn, client bool, slowest uint64, take func()) {
	at := max(n.now+n.between(15*us, slowest), c.readAt[client]+us, c.letIn)
	c.readAt[client] = at
	if !client {
		c.socket.read = max(c.socket.read, at)
	}
	n.at(at, take)
}

// bus is the system's.
type bus struct {
	*net
	socket *socket
	// daemon passes messages on. With dbus-broker, launcher starts services.
	daemon, launcher *process
	launcherConn     *conn
	managerConn      *conn
	// logind gets a copy of JobRemoved, nil if nobody has subscribed.
	logind   *conn
	unique   int
	owners   map[string]*conn
	starting map[string]*activation
	serial   uint32
}

// activation is the start of a service for a name.
type activation struct {
	name    string
	waiting []*call
	// first is the call that found the name without an owner.
	first *call
	over  bool
}

// call is one to a bus name.
type call struct {
	conn    *conn
	serial  uint32
	noReply bool
	at      uint64
	byName  bool // of StartServiceByName
}

// lastSerial is that of all messages that dbus-broker writes itself.
const lastSerial = ^uint32(0)

func (b *bus) ownSerial() uint32 {
	if b.launcher != nil {
		return lastSerial
	}
	b.serial++
	return b.serial
}

// join connects a client, which says Hello first. Those who use a library for it send nothing
// else until the bus has let them in (letIn). A bus turns to all connections that have
// something for it before it turns to one that it has just accepted
// (dbus/dbus-mainloop.c, _dbus_loop_iterate; dbus-broker src/util/dispatch.c,
// dispatch_context_dispatch). So it reads what was sent before that first.
func (b *bus) join(client *process) *conn {
	c := b.connect(b.socket, client)
	c.letIn = b.socket.read + us
	b.unique++
	c.unique = fmt.Sprintf(":1.%d", b.unique)
	c.serial = 1
	return c
}

// letIn has a client do something once the bus has let it in. libdbus opens a connection to a
// bus by a call to Hello, and blocks until that is answered (dbus/dbus-bus.c,
// dbus_bus_register). sd-bus keeps what is to be sent until the bus has answered AUTH, and a
// call that blocks until it has answered Hello (src/libsystemd/sd-bus/sd-bus.c, sd_bus_send
// and sd_bus_call, which waits in bus_ensure_running).
func (b *bus) letIn(c *conn, do func()) {
	if c.letIn <= b.now {
		do()
		return
	}
	b.at(c.letIn, do)
}

// send is a message of a client's.
func (b *bus) send(c *conn, m message) uint32 {
	serial := c.next()
	b.write(c, c.client, false, m, serial, 0)
	sent := b.now
	b.read(c, b.slowest(), func() { b.route(c, m, serial, sent) })
	return serial
}

// slowest is how long the bus may take to read a message.
func (b *bus) slowest() uint64 {
	if b.plan.BusyBus {
		return 300 * ms
	}
	return 2 * ms
}

// pass hands a message on to a client.
func (b *bus) pass(c *conn, m message, serial, replyTo uint32) {
	if c.closed {
		return
	}
	b.write(c, b.daemon, true, m, serial, replyTo)
	b.get(c, func() {
		if !c.closed {
			c.took(m, replyTo)
		}
	})
}

// route does with a message of a client's what the bus does.
func (b *bus) route(c *conn, m message, serial uint32, sent uint64) {
	m.sender = c.unique
	in := &call{conn: c, serial: serial, noReply: m.flags&dbus.FlagNoReplyExpected != 0, at: sent}
	switch {
	case m.dest == systemdName:
		b.write(b.managerConn, b.daemon, true, m, serial, 0)
		b.get(b.managerConn, func() { b.manager.hear(c, m, serial, sent) })
	case m.dest == busName && m.member == "StartServiceByName":
		in.byName = true
		b.call(in, m.text[0], true)
	case m.dest == busName:
	default:
		b.call(in, m.dest, m.flags&dbus.FlagNoAutoStart == 0)
	}
}

// call is one to a name, which the bus starts if it has to.
func (b *bus) call(in *call, name string, start bool) {
	owner, owned := b.owners[name]
	unit := b.manager.activatable(name)
	switch {
	case owned && in.byName:
		b.answer(in, textReply(in.conn.unique, busName))
	case owned:
		b.after(b.between(50*us, 2*ms), func() { b.answer(in, textReply(in.conn.unique, owner.unique)) })
	case !start || unit == nil:
		b.answer(in, failure("org.freedesktop.DBus.Error.ServiceUnknown", in.conn.unique, busName))
	case b.starting[name] != nil:
		b.starting[name].waiting = append(b.starting[name].waiting, in)
	default:
		b.activate(in, name, unit)
	}
}

// activate asks the manager for the service behind a name.
func (b *bus) activate(in *call, name string, u *unit) {
	a := &activation{name: name, waiting: []*call{in}, first: in}
	b.starting[name] = a
	b.after(25*sec, func() { b.fail(name, a, "org.freedesktop.DBus.Error.TimedOut") })
	alias := u.alias // SystemdService= of the name's file
	if alias == "" {
		alias = u.name
	}
	if b.launcher == nil {
		m := activationRequest(alias)
		b.write(b.managerConn, b.daemon, true, m, b.ownSerial(), 0)
		asked := b.now
		b.get(b.managerConn, func() { b.manager.activationRequest(a, u, alias, asked) })
		return
	}
	b.after(b.between(100*us, 3*ms), func() {
		c := b.launcherConn
		c.took = func(m message, _ uint32) {
			if m.kind == dbus.TypeError {
				b.fail(name, a, "org.freedesktop.DBus.Error.Spawn.ExecFailed")
			}
		}
		b.manager.activating[b.sendAs(c, managerCall("StartUnit", alias, 0))] = a
	})
}

// sendAs is a send that returns the ask before the manager hears of it.
func (b *bus) sendAs(c *conn, m message) ask { return ask{c.inode, b.send(c, m)} }

// fail gives up on an activation.
func (b *bus) fail(name string, a *activation, why string) {
	if a.over {
		return
	}
	a.over = true
	if b.starting[name] == a {
		delete(b.starting, name)
	}
	for _, in := range a.waiting {
		b.answer(in, failure(why, in.conn.unique, busName))
	}
}

// answer is one to a client.
func (b *bus) answer(in *call, m message) {
	if !in.noReply {
		b.pass(in.conn, m, b.ownSerial(), in.serial)
	}
}

// own gives a name to a connection.
func (b *bus) own(name string, c *conn) {
	b.owners[name] = c
	b.changed(name, "", c.unique)
	a := b.starting[name]
	if a == nil {
		return
	}
	delete(b.starting, name)
	a.over = true
	for _, in := range a.waiting {
		b.after(b.between(50*us, 2*ms), func() { b.answer(in, textReply(in.conn.unique, c.unique)) })
	}
}

// changed tells the manager who owns a name, if a unit has that for its BusName=.
func (b *bus) changed(name, from, to string) {
	if u := b.manager.activatable(name); u != nil && u.busName {
		b.pass(b.managerConn, nameOwnerChanged(name, from, to), b.ownSerial(), 0)
	}
}

// lose takes a name from a connection that ends.
func (b *bus) lose(name string, c *conn) {
	if b.owners[name] != c {
		return
	}
	delete(b.owners, name)
	b.changed(name, c.unique, "")
}
