package model

import (
	"context"
	"io"
	"math/rand/v2"
	"path"

	"github.com/nsblame/nsblame/internal/event"
)

// world is a machine on which a plan is carried out. It is the source of the stream
// that nsblame reads.
type world struct {
	*sim
	plan      *Plan
	processes *processes
	stream    *stream
	adversity *adversity
	elsewhere *elsewhere
	truth     *truth
	net       *net
	bus       *bus
	manager   *manager
	// all are the units that ever were.
	all []*unit

	cron, shell, agent, nsblame *process
	agentBus, agentPrivate      *conn
	until                       uint64
	ended                       bool
}

// start is when the stream begins, since boot.
const start = 1000 * sec

func newWorld(p *Plan, w *wire) *world {
	s := &sim{now: start, rnd: rand.New(rand.NewPCG(p.Seed, 1))}
	m := &world{sim: s, plan: p, processes: &processes{sim: s, nextPID: 5000, nextCG: 100}, stream: &stream{sim: s}}
	m.adversity = &adversity{world: m}
	m.truth = &truth{world: m, creations: make(map[uint64]*creation)}
	m.net = &net{world: m, wire: w, lastInode: 20000, recorded: make(map[ask]bool), callers: make(map[callee]*repeated)}
	m.boots()
	m.begin()
	last := uint64(0)
	for _, step := range p.Steps {
		last = step.At
		m.at(start+step.At, func() { m.do(step) })
	}
	m.until = start + last + 40*sec
	return m
}

// boots makes the processes that are there from the beginning.
func (w *world) boots() {
	ps := w.processes
	group := ps.newGroup
	pid1 := ps.resident(nil, group("/init.scope"), 1, 0, "/usr/lib/systemd/systemd", "systemd")
	w.cron = ps.resident(pid1, group("/system.slice/cron.service"), 30, 0, "/usr/sbin/cron", "cron")
	w.agent = ps.resident(pid1, group("/system.slice/agent.service"), 31, 0, "/usr/bin/agent", "agent")
	logind := ps.resident(pid1, group("/system.slice/systemd-logind.service"), 32, 0, "/usr/lib/systemd/systemd-logind", "systemd-logind")
	login := ps.resident(pid1, group("/user.slice/user-1000.slice/session-1.scope"), 33, 0, "/usr/bin/login", "login")
	w.shell = ps.resident(login, login.cgroup, 34, 1000, "/usr/bin/bash", "bash")
	w.nsblame = ps.resident(w.shell, w.shell.cgroup, 40, 0, "/usr/bin/nsblame", "nsblame")

	w.bus = &bus{
		net: w.net, socket: w.net.listen("/run/dbus/system_bus_socket", pid1), owners: make(map[string]*conn),
		starting: make(map[string]*activation),
	}
	w.manager = &manager{
		net: w.net, process: pid1, private: w.net.listen("/run/systemd/private", pid1), units: make(map[string]*unit),
		names: make(map[string]*unit), activating: make(map[ask]*activation), lastJob: 100 + uint32(w.rnd.IntN(50)),
		boot: event.ManagerBoot{Version: "252", UserspaceUS: 5_000_000, FinishUS: 20_000_000},
	}
	w.daemon(pid1)
	w.bus.managerConn = w.bus.join(pid1)
	if w.plan.Subscribed {
		w.bus.logind = w.bus.join(logind)
	}
	w.agentBus, w.agentPrivate = w.bus.join(w.agent), w.net.connect(w.manager.private, w.agent)
	w.elsewhere = newElsewhere(w, pid1)
	w.install()
}

// daemon makes the processes of the bus.
func (w *world) daemon(pid1 *process) {
	ps := w.processes
	if !w.plan.Broker {
		w.bus.daemon = ps.resident(pid1, ps.newGroup("/system.slice/dbus.service"), 20, 100, "/usr/bin/dbus-daemon", "dbus-daemon", "--system")
		return
	}
	group := ps.newGroup("/system.slice/dbus-broker.service")
	w.bus.launcher = ps.resident(pid1, group, 20, 100, "/usr/bin/dbus-broker-launch", "dbus-broker-launch")
	w.bus.daemon = ps.resident(w.bus.launcher, group, 21, 100, "/usr/bin/dbus-broker", "dbus-broker")
	w.bus.launcherConn = w.bus.join(w.bus.launcher)
}

// install makes the units.
func (w *world) install() {
	m := w.manager
	hostnamed := &unit{
		name: "systemd-hostnamed.service", alias: "dbus-" + hostname1 + ".service", typ: "notify", owns: hostname1, busName: true, private: true,
		restart: "no", life: 5 * sec,
	}
	localed := &unit{
		name: "systemd-localed.service", alias: "dbus-" + locale1 + ".service", typ: "dbus", owns: locale1, busName: true, private: true,
		restart: "no", life: 3 * sec,
	}
	tool := &unit{name: "tool.service", typ: "simple", owns: tool1, private: true, restart: "no", life: 2 * sec}
	solo := &unit{name: "solo.service", typ: "simple", private: true, restart: "no"}
	job := &unit{name: "job.service", typ: "oneshot", private: true, restart: "no", life: 50 * ms}
	front := &unit{name: "front.service", typ: "simple", restart: "no", after: chance(w.rnd, 50)}
	back := &unit{name: "back.service", typ: "simple", private: true, restart: "no"}
	front.wants, back.wantedBy = []*unit{back}, []*unit{front}
	lamp := &unit{name: "lamp.service", typ: "simple", private: true, restart: "no", life: 2 * sec}
	crash := &unit{
		name: "crash.service", typ: "simple", private: true, restart: "always", restartSec: pick(w.rnd, []uint64{100 * ms, sec}),
		life: 300 * ms, fails: true, lives: 1 + w.rnd.IntN(5),
	}
	worker := &unit{name: "worker.service", typ: "oneshot", restart: "no", life: 400 * ms, does: w.works}
	broken := &unit{name: "broken.service", typ: "oneshot", private: true, restart: "no", life: 30 * ms, fails: true}
	rescue := &unit{name: "rescue.service", typ: "oneshot", private: true, restart: "no", life: 90 * ms, failureOf: broken}
	broken.onFailure = rescue
	spool := &unit{name: "spool.service", typ: "oneshot", private: true, restart: "no", life: 60 * ms}
	skipped := &unit{name: "skipped.service", typ: "simple", private: true, restart: "no", unmet: chance(w.rnd, 50)}
	echo := &unit{name: "echo@.service", typ: "simple", private: true, life: 200 * ms}
	m.add(hostnamed, localed, tool, solo, job, front, back, lamp, crash, worker, broken, rescue, spool, skipped)
	m.add(w.trigger(timer, "job.timer", job), w.trigger(timer, "front.timer", front), w.trigger(timer, "worker.timer", worker), w.trigger(timer, "crash.timer", crash))
	m.add(w.trigger(socketUnit, "lamp.socket", lamp), w.trigger(socketUnit, "echo.socket", echo))
	m.add(w.trigger(socketUnit, "spool.path", spool), w.trigger(socketUnit, "front.socket", front), w.trigger(timer, "lamp.timer", lamp))
	if w.plan.HostnamedSocket {
		m.add(w.trigger(socketUnit, "systemd-hostnamed.socket", hostnamed))
	}
	for _, name := range []string{"cron.service", "agent.service", "systemd-logind.service"} {
		m.add(w.old(&unit{name: name, typ: "simple", restart: "no"}))
	}
	w.all = append(w.all, m.order...)
	atBoot := []*unit{solo, job, lamp, crash}
	for _, u := range atBoot {
		u.atBoot = true
	}
	if w.plan.Booting {
		w.boot(atBoot...)
	}
}

// boot has the manager start some units as part of its own start.
func (w *world) boot(wanted ...*unit) {
	m := w.manager
	m.boot.UserspaceUS, m.boot.FinishUS = (start-10*sec)/us, 0
	for _, u := range wanted {
		if chance(w.rnd, 50) {
			continue
		}
		// all jobs are there from the beginning (src/core/main.c, do_queue_default_job), when
		// nobody hears of them, and wait for each other
		why := cause{kind: byBoot, unit: u, at: w.now}
		a, j := u.attempt(w.now, why, "boot"), m.start(jobStart, u, why)
		m.follows(a, j)
		j.announced, j.after = true, w.now+w.between(ms, 2*sec)
		w.at(j.after, func() { m.kick() })
	}
	w.after(w.between(3*sec, 5*sec), func() { m.boot.FinishUS = m.stamp() })
}

// trigger makes a timer or a socket unit, which waits since the boot.
func (w *world) trigger(k kind, name string, of *unit) *unit {
	t := &unit{name: name, kind: k, triggers: of, accept: of.name == "echo@.service"}
	of.triggeredBy = append(of.triggeredBy, t)
	w.old(t)
	t.sub = map[kind]string{timer: "waiting", socketUnit: "listening"}[k]
	if path.Ext(name) == ".path" { // otherwise much like a socket: what was connected to is a file
		t.sub = "waiting"
	}
	t.idle = t.sub
	return t
}

// old is a unit that is active since the boot.
func (w *world) old(u *unit) *unit {
	u.state, u.sub = active, "running"
	at := 10_000_000 + uint64(w.rnd.IntN(5_000_000))
	u.condition, u.inactiveExit, u.activeEnter, u.stateChange = at, at+100, at+100, at+100
	return u
}

// begin writes the head of the stream.
func (w *world) begin() {
	hierarchy := "name=systemd"
	if w.plan.Unified {
		hierarchy = "unified"
	}
	w.stream.put(w.now, &event.Host{CgroupHierarchy: hierarchy, ExecWaitNS: 10 * sec})
	w.stream.put(w.now, &event.Coverage{Probe: event.ProbeBus, Live: true})
}

// do carries out a step.
func (w *world) do(s Step) {
	switch s.Do {
	case doSystemctl:
		s.UID = 0
		w.systemctl(s, w.somebody(s, "systemctl", s.Verb, s.Unit))
	case doBusctl:
		w.busctl(s, w.somebody(s, "busctl", s.Verb, s.Unit))
	case doCall:
		w.call(s, w.somebody(s, "hostnamectl"), nameCall(s.Unit, s.flags()))
	case doStartByName:
		w.call(s, w.somebody(s, "dbus-send"), startByName(s.Unit, s.flags()))
	case doElapse:
		w.manager.elapse(w.manager.find(s.Unit))
	case doConnect:
		if u := w.manager.find(s.Unit); u != nil {
			w.manager.connected(u, w.somebody(s, "nc"))
		}
	case doEnd:
		if u := w.manager.find(s.Unit); u != nil && u.run != nil {
			w.manager.exit(u.run, 0)
		}
	case doUnshare:
		w.unshare(w.somebody(s, "unshare"))
	case doElsewhere:
		w.elsewhere.do(s)
	case doRun:
		s.UID = 0
		w.systemctl(s, w.somebody(s, "systemd-run", s.Unit))
	default:
		w.adversity.do(s)
	}
}

// works is what the process of a service that is there to do something does: it
// calls a name, or asks for a unit.
func (w *world) works(p *process) {
	child := w.processes.spawn(p, p.cgroup, 0, "/usr/bin/tool", "tool")
	s := Step{Unit: pick(w.rnd, busNames), Verb: "StartUnit"}
	switch w.rnd.IntN(3) {
	case 0:
		s.Unit = "solo.service"
		w.systemctl(s, child)
	case 1:
		w.unshare(child)
	default:
		w.call(s, child, nameCall(s.Unit, 0))
	}
}

// Next implements engine.Source.
func (w *world) Next(context.Context) (event.Event, error) {
	for {
		if s := w.stream; s.next < len(s.out) {
			ev := s.out[s.next]
			s.next++
			return ev, nil
		}
		switch {
		case w.ended:
			return event.Event{}, io.EOF
		case w.now > w.until || !w.step():
			w.ended = true
			w.stream.put(w.now, &event.End{Seen: w.stream.serial})
		}
	}
}

// WakeAt implements engine.Source.
func (w *world) WakeAt(bootNS uint64) {
	if bootNS != 0 {
		w.at(bootNS, func() { w.stream.put(w.now, &event.Clock{}) })
	}
}

// AskContainer implements engine.Source. There are no containers.
func (w *world) AskContainer(q event.ContainerQuestion) {
	w.after(ms, func() { w.stream.put(w.now, &event.Container{Question: q, Why: "no such container"}) })
}

// Ask implements engine.Source.
func (w *world) Ask(q event.Question) {
	slowest := 40 * ms
	if w.plan.SlowAnswers {
		slowest = 3 * sec
	}
	w.after(w.between(100*us, ms), func() {
		c := w.net.connect(w.manager.private, w.nsblame)
		w.manager.enter(c)
		w.after(w.between(ms, slowest), func() {
			w.manager.hearing(func() {
				w.manager.answer(q)
				w.manager.leave(c)
			})
		})
	})
}
