package model

import "fmt"

// follow is what a timer or socket does when the state of its service changes: when
// that runs it is "running" itself, and its time is noted anew (src/core/socket.c,
// socket_trigger_notify; src/core/timer.c, timer_trigger_notify).
func (m *manager) follow(t, u *unit) {
	// its job ends with this, unless it is to be started again
	settled := u.job == nil || u.job.running && u.job.typ != jobRestart
	switch {
	case t.state != active, t.kind == socketUnit && !settled:
	case t.kind == socketUnit && !t.accept && u.state == active:
		t.sub, t.stateChange = "running", m.stamp()+m.between(5, 200) // a moment after its service
	case t.kind == socketUnit && !t.accept && u.state == inactive:
		t.sub, t.stateChange = t.idle, m.stamp()
	case t.kind == timer && u.state == inactive && t.sub == "running":
		t.sub, t.stateChange = "waiting", m.stamp()
	}
}

// elapse has a timer elapse (timer_enter_running).
func (m *manager) elapse(t *unit) {
	m.hearing(func() {
		if t.state != active || t.sub != "waiting" {
			return
		}
		u := t.triggers
		why := cause{kind: byTimer, unit: t, at: m.now}
		a := u.attempt(m.now, why, "trigger")
		a.job = m.start(jobStart, u, why)
		t.lastTrigger = m.stamp()
		t.sub, t.stateChange = "running", m.stamp()
	})
}

// connected has somebody connect to a socket unit's socket (socket_enter_running).
func (m *manager) connected(s *unit, by *process) {
	m.hearing(func() {
		if s.state != active || !s.accept && s.sub != s.idle {
			return
		}
		u := s.triggers
		why := cause{kind: bySocket, unit: s, by: by, at: m.now}
		if s.accept {
			u = m.instance(s, by)
		}
		a := u.attempt(m.now, why, "trigger")
		a.job = m.start(jobStart, u, why)
		if !s.accept {
			s.sub, s.stateChange = "running", m.stamp()
		}
	})
}

// instance is the service for one connection.
func (m *manager) instance(s *unit, by *process) *unit {
	of := s.triggers
	u := &unit{
		name: fmt.Sprintf("%s@%d-%d-%d.service", s.name[:len(s.name)-len(".socket")], s.instances, by.id.PID, by.uid),
		typ:  of.typ, private: of.private, life: of.life, restart: "no", template: of, triggeredBy: []*unit{s},
	}
	s.instances++
	m.add(u)
	m.all = append(m.all, u)
	return u
}
