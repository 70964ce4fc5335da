package model

import (
	"github.com/nsblame/nsblame/internal/event"
)

// adversity is what can hide or feign what happened.
type adversity struct {
	*world
	// lose and cut count the next messages that are lost and cut.
	lose, cut, hide int
}

// hides changes what the stream has of a message, true if it has nothing.
func (a *adversity) hides(b *event.BusMessage, _ *message) bool {
	switch {
	case a.lose > 0:
		a.lose--
		a.stream.put(a.now, &event.Loss{Kind: event.LossBus, Count: 1, Owner: event.Owner{PIDNamespace: pidNamespace}})
		return true
	case a.cut > 0:
		a.cut--
		b.Data = b.Data[:a.rnd.IntN(len(b.Data))]
	case a.hide > 0 && !b.FromBus:
		a.hide--
		b.Data, b.Copied, b.Unread = nil, false, event.UnreadSpliced
	}
	return false
}

func (a *adversity) do(s Step) {
	switch s.Do {
	case doSuspend:
		d := a.between(sec, 100*sec)
		a.manager.lag += d
		a.now += d
	case doClock:
		a.stream.put(a.now, &event.Clock{OffsetNS: int64(a.between(0, 1000*sec))})
	case doLose:
		a.lose = 1 + a.rnd.IntN(3)
	case doCut:
		a.cut = 1 + a.rnd.IntN(3)
	case doHide:
		a.hide = 1 + a.rnd.IntN(3)
	case doHostile:
		a.hostile(s)
	}
}

// hostile is a user who asks for what is not his to ask, and hides that he was
// refused.
func (a *adversity) hostile(s Step) {
	s.UID, s.From, s.NoReply, s.Interactive = 1001, inSession, true, false
	p := a.somebody(s, "evil")
	c := a.bus.join(p)
	m := managerCall(s.Verb, s.Unit, s.flags())
	// the manager refuses in silence
	a.net.write(c, p, false, m, c.next(), 0)
	a.net.write(a.bus.managerConn, a.bus.daemon, true, m, c.serial, 0)
}
