package model

import "github.com/godbus/dbus/v5"

// somebody is a process at a place that does a step, and its argument list.
func (w *world) somebody(s Step, argv ...string) *process {
	switch s.From {
	case inCron:
		sh := w.processes.spawn(w.cron, w.cron.cgroup, s.UID, "/usr/bin/dash", "sh")
		return w.processes.spawn(sh, w.cron.cgroup, s.UID, "/usr/bin/"+argv[0], argv...)
	case inDaemon:
		return w.agent
	}
	return w.processes.spawn(w.shell, w.shell.cgroup, s.UID, "/usr/bin/"+argv[0], argv...)
}

// end ends a client's process, and its connection.
func (w *world) end(p *process, c *conn) {
	if p == w.agent {
		return // a daemon, which keeps both
	}
	c.closed = true
	w.manager.leave(c)
	p.exited, p.exitNS, p.shown = true, w.now, false
}

// link is the client's connection: a daemon keeps its own.
func (w *world) link(p *process, private bool) *conn {
	if p == w.agent {
		if private {
			return w.agentPrivate
		}
		return w.agentBus
	}
	if private {
		return w.net.connect(w.manager.private, p)
	}
	return w.bus.join(p)
}

func (s Step) flags() dbus.Flags {
	var f dbus.Flags
	if s.NoReply {
		f |= dbus.FlagNoReplyExpected
	}
	if s.Interactive {
		f |= dbus.FlagAllowInteractiveAuthorization
	}
	return f
}

// systemctl asks the manager over its private socket.
func (w *world) systemctl(s Step, p *process) {
	c := w.link(p, true)
	w.manager.enter(c)
	m := managerCall(s.Verb, s.Unit, s.flags())
	serial := c.next()
	w.net.write(c, p, false, m, serial, 0)
	sent := w.now
	w.awaits(s, p, c, serial)
	w.net.read(c, ms, func() { w.manager.hear(c, m, serial, sent) })
}

// busctl asks it over the bus.
func (w *world) busctl(s Step, p *process) {
	c := w.link(p, false)
	w.bus.letIn(c, func() {
		w.awaits(s, p, c, c.serial+1)
		w.second(s, p)
		w.bus.send(c, managerCall(s.Verb, s.Unit, s.flags()))
	})
}

// awaits has a client end once it has what it waits for: the reply, or the end of
// the job that the reply names.
func (w *world) awaits(s Step, p *process, c *conn, serial uint32) {
	if s.NoReply {
		w.after(w.between(500*us, 20*ms), func() { w.end(p, c) })
		return
	}
	path := ""
	leave := func() { w.after(w.between(200*us, 20*ms), func() { w.end(p, c) }) }
	c.took = func(m message, replyTo uint32) {
		switch {
		case m.reply && replyTo == serial && (m.kind == dbus.TypeError || s.NoWait):
			leave()
		case m.reply && replyTo == serial:
			path = m.text[0]
		case m.member == "JobRemoved" && m.text[0] == path:
			leave()
		}
	}
}

// call calls a service by its name.
func (w *world) call(s Step, p *process, m message) {
	c := w.link(p, false)
	w.bus.letIn(c, func() { w.callOn(c, s, p, m) })
}

// callOn does so on a connection.
func (w *world) callOn(c *conn, s Step, p *process, m message) {
	serial := c.serial + 1
	t := &nameCalled{name: s.Unit, conn: c, at: w.now}
	w.truth.calls = append(w.truth.calls, t)
	if s.NoReply {
		w.after(w.between(500*us, 20*ms), func() { w.end(p, c) })
	} else {
		c.took = func(m message, replyTo uint32) {
			if m.reply && replyTo == serial {
				w.after(w.between(200*us, 10*ms), func() { w.end(p, c) })
			}
		}
	}
	w.second(s, p)
	w.bus.send(c, m)
}

// second has a client call a service that is not there, on another connection.
func (w *world) second(s Step, p *process) {
	if !s.Twice {
		return
	}
	c := w.bus.join(p)
	c.serial = pick(w.rnd, []uint32{1, 2})
	w.bus.letIn(c, func() { w.bus.send(c, nameCall("org.example.nobody", 0)) })
}

// nameCalled is a call to a name, as the truth keeps it.
type nameCalled struct {
	name string
	conn *conn
	at   uint64
}

// unshare makes a namespace, as a command does.
func (w *world) unshare(p *process) {
	began := w.now
	w.after(w.between(100*us, 5*ms), func() {
		serial := w.stream.created(p, began)
		w.truth.created(serial, p, nil, began)
		if p == w.agent {
			return
		}
		w.after(w.between(200*us, 5*ms), func() {
			p.exec("sleep", "/usr/bin/sleep", "sleep", "9")
			w.stream.execed(p, serial)
		})
	})
}
