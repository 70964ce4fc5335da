package model

import (
	"github.com/nsblame/nsblame/internal/event"
)

// adversity is what can hide or feign what happened.
type adversity struct {
	*world
	// lose and cut count the next messages that are lost and cut, hide those to a bus
	// that can't be read, and nameless those that a thread of the kernel sends for
	// somebody.
	lose, cut, hide, nameless int
}

// hides changes what the stream has of a message, true if it has nothing.
func (a *adversity) hides(b *event.BusMessage, by *process) bool {
	switch {
	case a.lose > 0:
		a.lose--
		a.stream.put(a.now, &event.Loss{Kind: event.LossBus, Count: 1, Owner: by.owner()})
		return true
	case a.cut > 0:
		a.cut--
		b.Data = b.Data[:a.rnd.IntN(len(b.Data))]
	case a.hide > 0 && !b.FromBus:
		a.hide--
		b.Data, b.Copied = nil, false
		b.Unread = pick(a.rnd, []event.Unread{event.UnreadSpliced, event.UnreadOutOfStep, event.UnreadTooMany})
	case a.nameless > 0 && !b.FromBus:
		a.nameless--
		b.Sender, b.TID = event.ProcessID{}, 0
	}
	return false
}

func (a *adversity) do(s Step) {
	few := 1 + a.rnd.IntN(3)
	switch s.Do {
	case doSuspend:
		a.suspend(a.between(sec, 100*sec))
	case doClock:
		a.stream.put(a.now, &event.Clock{OffsetNS: int64(a.between(0, 1000*sec))})
	case doLose:
		a.lose = few
	case doCut:
		a.cut = few
	case doHide:
		if chance(a.rnd, 30) {
			a.nameless = few
		} else {
			a.hide = few
		}
	case doHostile:
		a.hostile(s)
	}
}

// suspend has the machine sleep: nothing happens meanwhile, and only the clock that
// counts such times goes on.
func (a *adversity) suspend(d uint64) {
	a.manager.lag += d
	a.now += d
	a.until += d
	for i := range a.due {
		a.due[i].at += d
	}
}

// What a hostile user does beside asking for what is not his to ask.
const (
	// trickJobs: he signals jobs as if he were the manager.
	trickJobs = "jobs"
	// trickActivation: he asks for an activation as if he were the bus.
	trickActivation = "activation"
	// trickBus: he listens on a bus of his own, at the same path.
	trickBus = "bus"
	// trickOwnName: he asks himself for a unit, by the name of his connection.
	trickOwnName = "own name"
	// trickFlood: he calls again and again.
	trickFlood = "flood"
)

// hostile is a user who wants somebody else to be blamed, or himself not to be. The
// manager refuses in silence what he asks of it.
func (a *adversity) hostile(s Step) {
	s.UID, s.From, s.NoReply, s.Interactive = 1001, inSession, true, false
	p := a.somebody(s, "evil")
	c := a.bus.join(p)
	switch s.Verb {
	case trickJobs:
		for _, m := range []message{jobNew(150, s.Unit, ""), jobRemoved(150, s.Unit, "done", "")} {
			a.net.write(c, p, false, m, c.next(), 0)
			m.sender = c.unique
			a.net.write(c, a.bus.daemon, true, m, c.serial, 0)
		}
	case trickActivation:
		m := activationRequest(s.Unit)
		a.net.write(c, p, false, m, c.next(), 0)
		m.sender = c.unique
		a.net.write(a.bus.managerConn, a.bus.daemon, true, m, c.serial, 0)
	case trickBus:
		own := a.net.connect(a.net.listen(a.bus.socket.path, p), p)
		a.net.write(own, p, true, activationRequest(s.Unit), 1, 0)
		a.net.write(own, p, true, nameOwnerChanged(hostname1, "", ":1.2"), 2, 0)
		a.net.write(own, a.somebody(s, "victim"), false, managerCall("StartUnit", s.Unit, 0), 3, 0)
	case trickOwnName:
		m := managerCall("StartUnit", s.Unit, 0)
		m.dest = c.unique
		a.net.write(c, p, false, m, c.next(), 0)
		a.net.write(c, a.bus.daemon, true, m, c.serial, 0)
	case trickFlood:
		for range 40 {
			a.bus.send(c, nameCall(hostname1, 0))
		}
	default:
		m := managerCall(s.Verb, s.Unit, s.flags())
		a.net.write(c, p, false, m, c.next(), 0)
		a.net.write(a.bus.managerConn, a.bus.daemon, true, m, c.serial, 0)
	}
}
