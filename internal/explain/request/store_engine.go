package request

import (
	"cmp"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

const (
	// maxAsked bounds in bytes the requests to engines that are remembered.
	maxAsked = 1 << 18
	// maxUnreadEngines bounds the listeners of which unread requests are remembered.
	maxUnreadEngines = 4
	// maxOfContainer bounds the requests of one process for one thing.
	maxOfContainer = 8
	// sizeOfAsk is about what a request takes besides its caller and texts.
	sizeOfAsk = 400
	// sizeOfManager is about what it takes to know that a listener is a service manager.
	sizeOfManager = 96
)

// engines has the requests to container engines.
//
// Whoever listens is the key: a socket of the same path may be anybody's. A service
// manager listens for an engine that is not there yet.
type engines struct {
	tracker *Tracker
	pile    *pile
	asks    map[event.ProcessID][]*ask
	// builds counts those of them that are for builds. disordered is set once they are not
	// in the order of time any more, as only a recording can have them.
	builds     int
	disordered bool
	pods       map[string]*podAsks // by the uid of the pod, empty for those without
	// unread are the requests that could not be read, by who listens. lost is when any
	// request was last lost, or had no room.
	unread map[event.ProcessID]doubts
	lost   uint64
	// managers are the listeners that are service managers.
	managers *bounded.Map[event.ProcessID, bool]
	// live is set while requests are heard, by the probe's own word or since one was.
	// Otherwise deaf says why they are not.
	live bool
	deaf string
}

// ask is a request to an engine.
type ask struct {
	at     uint64
	sent   *event.EngineRequest
	caller *Caller
	// over is when nothing more can come of it, 0 if that is not known.
	over uint64
	// taken is set if a namespace was given to it.
	taken bool
	// named is the name that the container was given by a request of the same sender
	// before.
	named string

	kept
	in *engines
}

func newEngines(t *Tracker) *engines {
	e := &engines{tracker: t, managers: bounded.NewMap[event.ProcessID, bool](maxManagers)}
	e.unread = make(map[event.ProcessID]doubts)
	e.managers.Put(unnamedManager, true)
	e.deaf = "nothing in the stream says that they were"
	e.forget()
	return e
}

// forget drops the requests. It keeps who is heard, and what could not be read.
func (e *engines) forget() {
	e.pile = newPile(maxAsked)
	e.asks, e.builds, e.disordered = make(map[event.ProcessID][]*ask), 0, false
	e.pods = make(map[string]*podAsks)
}

func (a *ask) place() *kept { return &a.kept }

// forget is called when there is no room. What is old has had its effect.
func (a *ask) forget(owner event.Owner) {
	a.in.drop(a)
	matters := uint64(maxAskNS)
	if a.sent.Call == event.EngineCreate || a.sent.Call == event.EngineTask {
		matters = maxFlightNS
	}
	if a.at+matters >= a.in.tracker.now {
		a.in.missed(a.in.tracker.now)
	}
	a.in.tracker.noRoom(a.at, matters, owner)
}

// missed takes in that requests were lost.
func (e *engines) missed(at uint64) { e.lost = max(e.lost, at) }

// conn is the connection that it was sent over.
func (a *ask) conn() messageID { return messageID{conn: a.sent.Conn, pid: a.sent.Sender.PID} }

// isOpen reports whether something may still come of it at a time.
func (a *ask) isOpen(at uint64) bool { return a.over == 0 || a.over > at }

// take takes in a request.
func (e *engines) take(at uint64, sent *event.EngineRequest) {
	e.live = true
	e.hear(sent.Listener)
	if isUnclear(sent) {
		e.unclear(at, sent)
		if sent.Container == "" && sent.Sandbox == nil && sent.Call != event.EngineBuild {
			return
		}
	}
	a := &ask{at: at, sent: sent, caller: e.callerOf(sent), in: e}
	e.link(a)
	e.supersede(a)
	e.trim(a)
	list := e.asks[sent.Listener]
	e.disordered = e.disordered || len(list) > 0 && list[len(list)-1].at > at
	e.asks[sent.Listener] = append(list, a)
	if sent.Call == event.EngineBuild {
		e.builds++
	}
	e.addToPod(a)
	e.pile.add(e.tracker.ownerOf(sent.Sender), a.size(), a)
}

// covered takes in whether the probe that hears requests is there.
func (e *engines) covered(c *event.Coverage) {
	if c.Probe == event.ProbeEngines {
		e.live, e.deaf = c.Live, cmp.Or(c.Why, "the probe was not attached")
	}
}

// unnamedManager stands for a service manager that listens, of which nothing is said.
var unnamedManager = event.ProcessID{}

// hear takes in who listens.
func (e *engines) hear(listener event.ProcessID) {
	if p := e.tracker.tree.Process(listener); isListeningManager(&p) {
		e.managers.Put(listener, true)
	}
}

// isUnclear reports whether a request may have been another one than what was read of
// it.
func isUnclear(sent *event.EngineRequest) bool {
	switch {
	case sent.Unread != "", sent.Call == event.EngineUnknown:
		return true
	case sent.Call == event.EngineStart, sent.Call == event.EngineRestart, sent.Call == event.EngineTask:
		return sent.Container == ""
	case sent.Call == event.EngineRunSandbox:
		return sent.Sandbox == nil || sent.Sandbox.UID == ""
	}
	return false
}

// unclear remembers a request that could not be read.
func (e *engines) unclear(at uint64, sent *event.EngineRequest) {
	u := unread{from: at, at: at, by: sent.Sender, sent: messageID{conn: sent.Conn, pid: sent.Sender.PID}}
	d := e.unread[sent.Listener]
	if d == nil && len(e.unread) >= maxUnreadEngines {
		e.missed(at)
		return
	}
	if d == nil {
		d = make(doubts)
		e.unread[sent.Listener] = d
	}
	d.keep(e.tracker.ownerOf(sent.Sender), u)
}

// callerOf describes who sent a request. Of a process that sends many it is kept once.
func (e *engines) callerOf(sent *event.EngineRequest) *Caller {
	if sent.Sender.IsZero() {
		return nil
	}
	c := e.tracker.callerFor(sent.Sender, sent.TID)
	for _, a := range slices.Backward(e.asks[sent.Listener]) {
		if a.caller != nil && a.sent.Sender == sent.Sender && a.sent.TID == sent.TID {
			if a.caller.Process.Same(&c.Process) && slices.EqualFunc(a.caller.Ancestry, c.Ancestry, sameProcess) {
				return a.caller
			}
			break
		}
	}
	return c
}

func sameProcess(a, b lineage.Process) bool { return a.Same(&b) }

// link finds the name that was asked for when the container was made: by the latest
// request over the same connection, or by the only one of the same process.
func (e *engines) link(a *ask) {
	if a.sent.Call != event.EngineStart || !isID(a.sent.Container) {
		return
	}
	var own []*ask
	for _, other := range slices.Backward(e.asks[a.sent.Listener]) {
		switch {
		case other.sent.Call != event.EngineCreate || other.sent.Sender != a.sent.Sender:
		case a.sent.Conn != 0 && other.sent.Conn == a.sent.Conn:
			a.named = other.sent.Container
			return
		default:
			own = append(own, other)
		}
	}
	if len(own) == 1 {
		a.named = own[0].sent.Container
	}
}

// supersede takes in that nothing more comes of an older request: a kubelet asks for one
// sandbox of a pod after the other.
func (e *engines) supersede(a *ask) {
	if a.sent.Sandbox == nil || a.sent.Sandbox.UID == "" {
		return
	}
	of := e.pods[a.sent.Sandbox.UID]
	if of == nil {
		return
	}
	for _, other := range slices.Backward(of.list) {
		if other.sent.Listener == a.sent.Listener && other.sent.Sender == a.sent.Sender {
			if other.over == 0 {
				other.over = a.at
			}
			return // those before it were over when it came
		}
	}
}

// ended takes in that nothing more is said of a process, for it is gone.
func (e *engines) ended(id event.ProcessID, at uint64) {
	if id.IsZero() || e.builds == 0 {
		return
	}
	for _, list := range e.asks {
		for _, a := range list {
			if a.sent.Sender == id && a.sent.Call == event.EngineBuild && a.over == 0 {
				a.over = at
			}
		}
	}
}

// trim drops what is too old to matter, and the oldest but one of too many requests of
// one process for the same.
func (e *engines) trim(a *ask) {
	var same, outdated []*ask
	recent := a.at - min(a.at, maxAskNS)
	for _, other := range e.asks[a.sent.Listener] {
		if other.at >= recent && !e.disordered {
			break
		}
		old := uint64(maxAskNS)
		if other.sent.Call == event.EngineBuild || other.named != "" {
			old = maxBuildNS
		}
		if a.at > old && other.at < a.at-old {
			outdated = append(outdated, other)
		}
	}
	for _, other := range outdated {
		e.remove(other)
	}
	if a.sent.Sandbox != nil {
		return
	}
	for _, other := range e.asks[a.sent.Listener] {
		if other.sent.Sender == a.sent.Sender && other.sent.Call == a.sent.Call && other.sent.Container == a.sent.Container {
			same = append(same, other)
		}
	}
	if len(same) >= maxOfContainer {
		e.remove(same[1])
	}
}

func (e *engines) remove(a *ask) {
	e.pile.remove(a)
	e.drop(a)
}

// drop takes a request out of what it is found by.
func (e *engines) drop(a *ask) {
	a.caller.release()
	key := a.sent.Listener
	if list := without(e.asks[key], a); len(list) > 0 {
		e.asks[key] = list
	} else {
		delete(e.asks, key)
	}
	if a.sent.Call == event.EngineBuild {
		e.builds--
	}
	e.dropFromPod(a)
}

// without is a list without a request, which is most often the oldest.
func without(list []*ask, a *ask) []*ask {
	i := slices.Index(list, a)
	switch {
	case i < 0:
		return list
	case i == 0:
		list[0] = nil
		return list[1:]
	}
	return slices.Delete(list, i, i+1)
}

// size is about what the request takes.
func (a *ask) size() int {
	size := sizeOfAsk + len(a.sent.Container) + len(a.sent.Path) + len(a.named) + a.caller.hold()
	if s := a.sent.Sandbox; s != nil {
		size += len(s.Namespace) + len(s.Name) + len(s.UID) + len(s.Source)
		for _, l := range s.Labels {
			size += 2*sizeOfString + len(l.Key) + len(l.Value)
		}
	}
	return size
}
