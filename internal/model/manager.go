package model

import (
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/event"
)

// manager is pid 1. It does one thing after the other: what it hears first, jobs
// when there is nothing else (src/core/manager.c, manager_loop; the queue of jobs to
// run has the priority SD_EVENT_PRIORITY_IDLE).
type manager struct {
	*net
	process *process
	private *socket
	// clients are the connections to the private socket.
	clients []*conn
	// lag is the time spent suspended.
	lag   uint64
	units map[string]*unit
	// order has the units in a fixed order.
	order []*unit
	names map[string]*unit // by bus name

	inputs  []func()
	busy    bool
	jobs    []*job
	lastJob uint32
	serial  uint32
	// activating are the requests of dbus-broker's launcher.
	activating map[ask]*activation
	boot       event.ManagerBoot
	lastRun    int
}

// hearing queues something for the manager to do.
func (m *manager) hearing(do func()) {
	m.inputs = append(m.inputs, do)
	m.kick()
}

func (m *manager) kick() {
	if !m.busy {
		m.busy = true
		m.after(m.between(20*us, 400*us), m.turn)
	}
}

// turn is one turn of the manager's loop.
func (m *manager) turn() {
	for _, j := range m.jobs {
		m.announce(j)
	}
	if len(m.inputs) > 0 {
		do := m.inputs[0]
		m.inputs = m.inputs[1:]
		do()
		m.goOn(m.between(20*us, 400*us))
		return
	}
	if j := m.runnable(); j != nil {
		m.run(j)
		return
	}
	m.busy = false
}

// goOn goes on after a while.
func (m *manager) goOn(d uint64) { m.after(d, m.turn) }

// announce sends JobNew: to all on the private socket, and to the bus if somebody has
// subscribed or has asked for the job over it (src/core/dbus.c, bus_foreach_bus).
func (m *manager) announce(j *job) {
	if j.announced {
		return
	}
	j.announced, j.announcedNS = true, m.now
	for _, c := range m.clients {
		m.write(c, m.process, true, jobNew(j.id, j.unit.name, systemdName), m.next(), 0)
	}
	if m.plan.Subscribed || len(j.askers) > 0 {
		m.write(m.bus.managerConn, m.process, false, jobNew(j.id, j.unit.name, ""), m.bus.managerConn.next(), 0)
	}
}

// tellRemoved sends JobRemoved likewise.
func (m *manager) tellRemoved(j *job, result string) {
	for _, c := range m.clients {
		m.write(c, m.process, true, jobRemoved(j.id, j.unit.name, result, systemdName), m.next(), 0)
		m.get(c, func() { c.took(jobRemoved(j.id, j.unit.name, result, systemdName), 0) })
	}
	if !m.plan.Subscribed && len(j.askers) == 0 {
		return
	}
	c := m.bus.managerConn
	signal := jobRemoved(j.id, j.unit.name, result, "")
	m.write(c, m.process, false, signal, c.next(), 0)
	signal.sender = c.unique
	serial := c.serial
	m.read(c, m.bus.slowest(), func() {
		if l := m.bus.logind; l != nil {
			m.bus.pass(l, signal, serial, 0)
		}
		for _, asker := range j.askers {
			m.bus.pass(asker, signal, serial, 0)
		}
	})
}

func (m *manager) next() uint32 {
	m.serial++
	return m.serial
}

// activatable is the unit behind a bus name, nil for none.
func (m *manager) activatable(name string) *unit { return m.names[name] }

// find looks a unit up by one of its names.
func (m *manager) find(name string) *unit {
	if u := m.units[name]; u != nil {
		return u
	}
	for _, u := range m.order {
		if u.alias == name && name != "" {
			return u
		}
	}
	return nil
}

// hear takes a call that came over the bus or the private socket.
func (m *manager) hear(c *conn, call message, serial uint32, sent uint64) {
	m.hearing(func() {
		r := &request{conn: c, call: call, serial: serial, sent: sent, by: c.client, activation: m.activating[ask{c.inode, serial}]}
		m.requested(r)
	})
}

// request is a call that asks for a job.
type request struct {
	conn   *conn
	call   message
	serial uint32
	sent   uint64
	by     *process
	// activation is what dbus-broker's launcher asks for.
	activation *activation
	// replied is set if the caller got the number of the job.
	replied bool
}

// verbs are the jobs that the methods ask for. None of the units here can reload, so
// ReloadOrRestartUnit restarts them (src/core/dbus-unit.c, bus_unit_queue_job).
var verbs = map[string]jobType{
	"StartUnit": jobStart, "RestartUnit": jobRestart, "TryRestartUnit": jobTryRestart, "ReloadOrRestartUnit": jobRestart,
	"StopUnit": jobStop, "EnqueueUnitJob": jobStart, "StartTransientUnit": jobStart,
}

// requested decides about a request: who may not is refused, at once or after some
// time in which somebody was asked for a password.
func (m *manager) requested(r *request) {
	u := m.find(r.call.text[0])
	isNew := r.call.member == "StartTransientUnit"
	switch {
	case isNew && u == nil && r.by.uid == 0:
		u = m.transient(r.call.text[0])
		m.granted(r, u, u.attempt(r.sent, r.cause(), "request"))
		return
	case u == nil || isNew:
		m.reply(r, failure("org.freedesktop.systemd1.NoSuchUnit", r.conn.unique, ""))
		return
	case r.by.uid == 0 || r.by == m.bus.launcher:
		m.granted(r, u, u.attempt(r.sent, r.cause(), "request"))
		return
	}
	a := u.attempt(r.sent, r.cause(), "request")
	verdict := m.plan.Polkit
	wait := m.between(2*ms, 40*ms)
	if verdict == polkitPassword && r.call.flags&dbus.FlagAllowInteractiveAuthorization != 0 {
		wait = m.between(sec, 20*sec)
	}
	m.after(wait, func() {
		m.hearing(func() {
			if verdict == polkitNo || verdict == polkitPassword && (r.call.flags&dbus.FlagAllowInteractiveAuthorization == 0 || r.serial%3 == 0) {
				m.reply(r, failure("org.freedesktop.DBus.Error.AccessDenied", r.conn.unique, ""))
				if r.answered() {
					a.overNS = m.now + 10*ms
				}
				return
			}
			m.granted(r, u, a)
		})
	})
}

// transient makes a unit of somebody's own: the manager makes its namespace, or its
// program does.
func (m *manager) transient(name string) *unit {
	u := &unit{name: name, typ: "simple", transient: true, restart: "no", life: sec, private: chance(m.rnd, 50)}
	if !u.private {
		u.does = func(p *process) { m.unshare(p) }
	}
	m.add(u)
	m.all = append(m.all, u)
	return u
}

func (r *request) cause() cause {
	if r.activation != nil {
		return cause{kind: byActivation, by: r.activation.first.conn.client, activation: r.activation, at: r.activation.first.at}
	}
	return cause{kind: byRequest, by: r.by, request: r, at: r.sent}
}

// granted makes the job, announces it and answers (src/core/dbus-unit.c,
// bus_unit_queue_job_one).
func (m *manager) granted(r *request, u *unit, a *attempt) {
	j := m.start(verbs[r.call.member], u, r.cause())
	m.follows(a, j)
	if r.conn.unique != "" {
		j.askers = append(j.askers, r.conn)
	}
	m.announce(j)
	m.reply(r, jobReply(j.id, r.conn.unique, ""))
	r.replied = r.answered()
	a.answered = r.replied
}

// answered reports whether the caller gets an answer.
func (r *request) answered() bool {
	return r.call.flags&dbus.FlagNoReplyExpected == 0 && !r.conn.closed
}

// follows notes when the job of an attempt is over, if the stream shows that.
func (m *manager) follows(a *attempt, j *job) {
	a.job = j
	j.done = append(j.done, func(string) {
		if m.plan.Subscribed || len(j.askers) > 0 || len(m.clients) > 0 {
			a.overNS = m.now
		}
	})
}

// reply answers a request, if the caller wants that.
func (m *manager) reply(r *request, answer message) {
	switch {
	case r.call.flags&dbus.FlagNoReplyExpected != 0 || r.conn.closed:
	case r.conn.unique == "":
		answer.sender = systemdName
		m.write(r.conn, m.process, true, answer, m.next(), r.serial)
		m.get(r.conn, func() { r.conn.took(answer, r.serial) })
	default:
		c := m.bus.managerConn
		serial := c.next()
		answer.sender = c.unique
		m.read(c, m.bus.slowest(), func() { m.bus.pass(r.conn, answer, serial, r.serial) })
	}
}

// activationRequest takes dbus-daemon's.
func (m *manager) activationRequest(a *activation, u *unit, alias string, asked uint64) {
	m.hearing(func() {
		if m.plan.ActivationFails {
			c := m.bus.managerConn
			m.write(c, m.process, false, activationFailure(alias), c.next(), 0)
			m.read(c, m.bus.slowest(), func() { m.bus.fail(a.name, a, "org.freedesktop.systemd1.NoSuchUnit") })
			return
		}
		why := cause{kind: byActivation, by: a.first.conn.client, activation: a, at: a.first.at}
		at := u.attempt(asked, why, "activation")
		m.follows(at, m.start(jobStart, u, why))
	})
}

// run carries a job out.
func (m *manager) run(j *job) {
	u := j.unit
	j.running = true
	switch {
	case j.typ == jobNop:
		m.finish(j, "done")
	case j.typ == jobStop && u.state == inactive:
		m.finish(j, "done")
	case j.typ == jobStop, j.typ == jobRestart && u.state != inactive:
		m.stop(j)
	case j.typ == jobRestart: // what was to be stopped is down
		j.typ = jobStart
		m.startUnit(j)
		return
	case u.state == active:
		m.finish(j, "done")
	case u.state == inactive:
		m.startUnit(j)
		return
	}
	m.goOn(m.between(20*us, 300*us))
}

// stop ends a unit for a job.
func (m *manager) stop(j *job) {
	u := j.unit
	u.noRestart = true
	if u.state == autoRestart || u.kind != service {
		m.set(u, inactive, "dead")
		m.stopped(u)
		return
	}
	m.set(u, deactivating, "stop-sigterm")
	r := u.run
	m.after(m.between(ms, 80*ms), func() { m.exit(r, 15) })
}

// stopped goes on with the job of a unit that is down.
func (m *manager) stopped(u *unit) {
	switch j := u.job; {
	case j == nil:
	case j.typ == jobStop:
		m.finish(j, "done")
	case j.typ == jobRestart && j.running:
		j.typ, j.running = jobStart, false
	case j.typ == jobStart && j.running && u.typ == "oneshot" && u.sub != "failed":
		m.finish(j, "done")
	case j.typ == jobStart && j.running:
		m.finish(j, "failed")
	}
	m.kick()
}

// startUnit starts a unit for a job. The manager does nothing else meanwhile.
func (m *manager) startUnit(j *job) {
	u := j.unit
	u.condition = m.stamp()
	u.noRestart = false
	if u.flush {
		u.nRestarts, u.flush = 0, false
	}
	if u.kind != service {
		m.set(u, active, map[kind]string{timer: "waiting", socketUnit: "listening", target: "active"}[u.kind])
		m.finish(j, "done")
		m.goOn(m.between(20*us, 300*us))
		return
	}
	if u.unmet { // nothing is to be done, and that is no failure
		m.finish(j, "done")
		m.goOn(m.between(20*us, 300*us))
		return
	}
	m.after(m.between(200*us, 30*ms), func() {
		r := m.fork(u, j.cause)
		m.after(m.between(50*us, 20*ms), func() {
			m.forkedNow(j, r)
			m.goOn(m.between(20*us, 300*us))
		})
	})
}

// fork begins a run.
func (m *manager) fork(u *unit, why cause) *run {
	m.lastRun++
	r := &run{unit: u, cause: why, forked: m.now}
	if n := len(u.runs); n > 0 {
		r.before = u.runs[n-1].ended
	}
	path := "/system.slice/" + u.name
	if i := strings.IndexByte(u.name, '@'); i > 0 {
		path = "/system.slice/system-" + u.name[:i] + ".slice/" + u.name
	}
	r.cgroup = m.processes.newGroup(path)
	r.main = m.processes.fork(m.process, r.cgroup, "("+shortName(u)+")", 0)
	r.main.run = r
	u.run = r
	u.runs = append(u.runs, r)
	m.after(m.between(100*us, 10*ms), func() { m.child(r) })
	return r
}

func shortName(u *unit) string {
	name := strings.TrimSuffix(u.name, ".service")
	return name[max(0, len(name)-8):]
}

// child is what the manager's child does until its exec: it makes the namespace.
func (m *manager) child(r *run) {
	began := m.now
	exec := func(serial uint64) {
		m.after(m.between(200*us, 15*ms), func() {
			if r.main.exited {
				return
			}
			name := strings.TrimSuffix(r.unit.name, ".service")
			r.main.exec(name[:min(15, len(name))], "/usr/lib/"+name, "/usr/lib/"+name)
			if serial != 0 {
				m.stream.execed(r.main, serial)
			}
			m.after(m.between(ms, 20*ms), func() { m.up(r) })
		})
	}
	if !r.unit.private {
		exec(0)
		return
	}
	m.after(m.between(100*us, 5*ms), func() {
		if !r.main.exited {
			serial := m.stream.created(r.main, began)
			m.truth.created(serial, r.main, r, began)
			exec(serial)
		}
	})
}

// up is what a service's process does once it runs.
func (m *manager) up(r *run) {
	u := r.unit
	if r.main.exited {
		return
	}
	ready := func() {
		m.after(m.between(200*us, 5*ms), func() { m.hearing(func() { m.ready(r) }) })
	}
	switch {
	case u.owns != "": // it says that it is up once it has its name
		r.conn = m.bus.join(r.main)
		m.bus.read(r.conn, m.bus.slowest(), func() {
			if !r.conn.closed {
				m.bus.own(u.owns, r.conn)
				ready()
			}
		})
	default:
		ready()
	}
	if u.does != nil {
		u.does(r.main)
	}
	if u.life != 0 && (u.lives == 0 || len(u.runs) <= u.lives) {
		code := uint32(0)
		if u.fails {
			code = 1 << 8
		}
		m.after(m.between(u.life/2, u.life*3/2), func() { m.exit(r, code) })
	}
}

// ready takes in that a service is up, if it says so.
func (m *manager) ready(r *run) {
	u := r.unit
	if u.typ != "dbus" && u.typ != "notify" || r.over || u.run != r || u.state != activating {
		return
	}
	m.set(u, active, "running")
	if j := u.job; j != nil && j.typ == jobStart && j.running {
		m.finish(j, "done")
	}
}

// forkedNow notes that a service was started (src/core/service.c,
// service_enter_start).
func (m *manager) forkedNow(j *job, r *run) {
	u := r.unit
	if u.run != r || r.over {
		return
	}
	switch u.typ {
	case "simple", "exec":
		m.set(u, active, "running")
		if u.job == j && j.typ == jobStart && j.running {
			m.finish(j, "done")
		}
	default:
		m.set(u, activating, "start")
	}
	if r.main.exited { // before the manager came to note the start
		m.hearing(func() { m.dead(r) })
	}
}

// exit ends the main process of a run.
func (m *manager) exit(r *run, code uint32) {
	if r == nil || r.main.exited {
		return
	}
	if r.conn != nil && !r.conn.closed { // it takes its leave of the bus first
		r.conn.closed = true
		m.bus.read(r.conn, ms, func() {
			m.bus.lose(r.unit.owns, r.conn)
			m.after(m.between(ms, 20*ms), func() { m.exit(r, code) })
		})
		return
	}
	r.main.exited, r.main.exitNS, r.main.exitCode, r.main.shown = true, m.now, code, false
	if r.unit.private {
		m.stream.exited(r.main)
	}
	m.hearing(func() { m.dead(r) })
}

// dead takes in that a service's process has ended (src/core/service.c,
// service_enter_dead).
func (m *manager) dead(r *run) {
	u := r.unit
	if r.over || u.run != r || u.state == inactive {
		return
	}
	r.over, r.ended = true, m.now
	failed := r.main.exitCode != 0
	restart := !u.noRestart && (u.restart == "always" || u.restart == "on-failure" && failed)
	sub := "dead"
	if failed && !u.noRestart {
		sub = "failed"
	}
	m.set(u, inactive, sub)
	if rescue := u.onFailure; rescue != nil && sub == "failed" {
		why := cause{kind: byFailure, unit: u, at: m.now}
		rescue.attempt(m.now, why, "failure").job = m.start(jobStart, rescue, why)
	}
	if !restart {
		u.flush = true
		m.stopped(u)
		if u.transient || u.template != nil {
			m.collect(u)
		}
		return
	}
	if j := u.job; j != nil && j.running && j.typ == jobStart {
		m.finish(j, "failed")
	}
	m.set(u, autoRestart, "auto-restart")
	m.after(u.restartSec, func() { m.hearing(func() { m.restartNow(u, r) }) })
}

// restartNow queues the job of an automatic restart (service_enter_restart).
func (m *manager) restartNow(u *unit, before *run) {
	if u.state != autoRestart || u.run != before {
		return
	}
	u.nRestarts++
	why := cause{kind: byRestart, unit: u, at: m.now}
	a := u.attempt(m.now, why, "restart")
	a.job = m.start(jobRestart, u, why)
}

// collect drops a unit that nobody needs any more.
func (m *manager) collect(u *unit) {
	delete(m.units, u.name)
	m.order = slices.DeleteFunc(m.order, func(other *unit) bool { return other == u })
}

// add takes in a unit.
func (m *manager) add(list ...*unit) {
	for _, u := range list {
		m.units[u.name] = u
		m.order = append(m.order, u)
		if u.owns != "" {
			m.names[u.owns] = u
		}
		if u.sub == "" {
			u.sub = "dead"
		}
	}
}

// answer answers a question of nsblame's.
func (m *manager) answer(q event.Question) {
	a := &event.Unit{Question: q, Boot: m.boot, MonotonicLagNS: m.lag}
	u := m.find(q.Unit)
	if u == nil {
		a.Why = "Unit " + q.Unit + " not loaded."
	} else {
		a.Unit = m.describe(u)
	}
	m.truth.answered(q, u)
	m.stream.put(m.now, a)
}

// enter and leave keep the connections to the private socket.
func (m *manager) enter(c *conn) {
	if !slices.Contains(m.clients, c) {
		m.clients = append(m.clients, c)
	}
}

func (m *manager) leave(c *conn) {
	m.clients = slices.DeleteFunc(m.clients, func(other *conn) bool { return other == c })
}
