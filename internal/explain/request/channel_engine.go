package request

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

const (
	// maxAskNS is how long a request to an engine may take to begin a container.
	maxAskNS = 300e9
	// maxSlowAskNS is how long it may take if somebody else has asked since: most
	// likely it failed before that.
	maxSlowAskNS = 10e9
	// maxSandboxNS is how long an engine may take to make the namespace of a pod. A
	// pod that shares the host's gets none, and nothing shows that.
	maxSandboxNS = 30e9
	// maxBuildNS is how long a build may take of which the end is not seen.
	maxBuildNS = 3600e9
	// minIDPrefix is how much of an id has to be given to name a container.
	minIDPrefix = 4
)

// EngineAsk is a request to a container engine, with who made it.
type EngineAsk struct {
	// At is when it was sent, nanoseconds since boot.
	At uint64
	// Request is what was asked for.
	Request *event.EngineRequest
	// Caller is who asked, nil unless Known. Why says why it is not known.
	Caller *Caller
	Known  bool
	Why    finding.Reason
	// Evidence is how that is known, Kernel, or Inferred with the Doubt that makes it
	// so.
	Evidence evidence.Evidence
	Doubt    finding.Reason
	// Taken is set if a namespace was given to it: see Tracker.TakeSandbox.
	Taken bool
}

// Span is a time in which a container can have been asked for.
type Span struct {
	// Created is when the run before it began, and Ended when that was over. They are
	// 0 where there was none, or where that is not known.
	Created, Ended uint64
	// By is when the run in question began.
	By uint64
}

// EngineAsks returns the requests to an engine, by its process, that may run a
// container, and that were made by a time. names are the container's id and its names;
// a request may also give the beginning of the id. The latest comes first. Requests of
// earlier runs of the container are among them: see EngineAsked.
func (t *Tracker) EngineAsks(engine event.ProcessID, names []string, by uint64) []EngineAsk {
	list := t.engines.running(engine, names, by)
	asks := make([]EngineAsk, 0, len(list))
	for _, a := range slices.Backward(list) {
		out := t.engines.tell(a, by)
		for _, other := range list {
			if out.Doubt.IsZero() && other.competes(a) && t.engines.isCertain(other) && max(a.at, other.at)-min(a.at, other.at) <= maxFlightNS {
				out.doubt(t.engines.other(a, other))
			}
		}
		asks = append(asks, out)
	}
	return asks
}

// EngineAsked returns the request that began a run of a container, false if there was
// none. An engine reads its connections in any order, and only the first request for a
// container that does not run has an effect.
func (t *Tracker) EngineAsked(engine event.ProcessID, names []string, span Span) (EngineAsk, bool) {
	list := slices.DeleteFunc(t.engines.running(engine, names, span.By), func(a *ask) bool { return !a.mayBegin(span) })
	if slices.ContainsFunc(list, t.engines.isCertain) {
		list = slices.DeleteFunc(list, func(a *ask) bool { return !t.engines.isCertain(a) })
	}
	if len(list) == 0 {
		return EngineAsk{}, false
	}
	chosen := list[len(list)-1]
	for _, a := range slices.Backward(list) {
		if span.By-a.at <= maxSlowAskNS {
			chosen = a
		}
	}
	out := t.engines.tell(chosen, span.By)
	for _, other := range list {
		if out.Doubt.IsZero() && other.competes(chosen) {
			out.doubt(t.engines.other(chosen, other))
		}
	}
	if out.Doubt.IsZero() && chosen.sent.Call != event.EngineRestart && chosen.at < span.Ended {
		out.doubt(finding.Reason{Code: finding.ReasonNoEffectSeen, Container: chosen.sent.Container})
	}
	return out, true
}

// mayBegin reports whether a request can have begun a run. One to start what runs does
// nothing. One to restart it ends the run before itself.
func (a *ask) mayBegin(s Span) bool {
	if a.sent.Call == event.EngineRestart || s.Ended == 0 {
		return a.at > s.Created
	}
	return a.at > s.Created && a.at+maxFlightNS >= s.Ended
}

// competes reports whether the request is somebody else's than another one.
func (a *ask) competes(with *ask) bool {
	return a != with && (a.sent.Sender.IsZero() || a.sent.Sender != with.sent.Sender)
}

// Sandboxes returns the requests for pods to an engine by a time to which no namespace
// has been given yet. One that failed, or that was for a pod in the host's namespace, is
// left out after a while. The latest comes first.
func (t *Tracker) Sandboxes(engine event.ProcessID, by uint64) []EngineAsk {
	var list []EngineAsk
	for _, a := range slices.Backward(t.engines.of(engine, by)) {
		if a.sent.Sandbox != nil && !a.taken && a.isOpen(by) && by-a.at <= maxSandboxNS {
			list = append(list, t.engines.tell(a, by))
		}
	}
	return list
}

// SandboxOf returns the request for a pod by its uid that was made by a time, the latest
// of several. It may be Taken.
func (t *Tracker) SandboxOf(engine event.ProcessID, podUID string, by uint64) (EngineAsk, bool) {
	if a, ok := t.engines.onlyOf(engine, podUID, by); ok {
		if a == nil || by-a.at > maxAskNS {
			return EngineAsk{}, false
		}
		return t.engines.tell(a, by), true
	}
	var found *EngineAsk
	for _, a := range slices.Backward(t.engines.of(engine, by)) {
		switch {
		case a.sent.Sandbox == nil || a.sent.Sandbox.UID != podUID || podUID == "" || by-a.at > maxAskNS:
		case found == nil:
			out := t.engines.tell(a, by)
			found = &out
		case found.Doubt.IsZero() && found.Request.Sender != a.sent.Sender && a.isOpen(by):
			found.doubt(finding.Reason{Code: finding.ReasonOtherAsked, Container: a.sent.Sandbox.Name, PID: a.sent.Sender.PID})
		}
	}
	if found == nil {
		return EngineAsk{}, false
	}
	return *found, true
}

// TakeSandbox takes in that a namespace was made for a request for a pod.
func (t *Tracker) TakeSandbox(taken EngineAsk) {
	s := taken.Request.Sandbox
	if s == nil {
		return
	}
	if of := t.engines.pods[s.UID]; of != nil {
		for _, a := range slices.Backward(of.list) {
			if a.sent == taken.Request {
				a.taken = true
				return
			}
		}
	}
}

// Builds returns the requests for builds to an engine that may be under way at a time,
// one for each process that asked. The latest comes first.
func (t *Tracker) Builds(engine event.ProcessID, by uint64) []EngineAsk {
	var list []EngineAsk
	for _, a := range slices.Backward(t.engines.of(engine, by)) {
		again := slices.ContainsFunc(list, func(other EngineAsk) bool { return other.Known && other.Request.Sender == a.sent.Sender })
		if a.sent.Call == event.EngineBuild && !again && by-a.at <= maxBuildNS && a.isOpen(by) && !t.endedBefore(a.sent.Sender, by) {
			list = append(list, t.engines.tell(a, by))
		}
	}
	return list
}

// endedBefore reports whether a process had ended a while before a time, so that nothing
// is done for it any more.
func (t *Tracker) endedBefore(id event.ProcessID, at uint64) bool {
	p := t.tree.Process(id)
	return p.Exited && p.ExitNS+maxFlightNS < at
}

// EngineHeard reports whether requests to an engine are heard, and why not. All of the
// machine are, or none.
func (t *Tracker) EngineHeard(_ event.ProcessID) (bool, finding.Reason) { return t.engines.heardOf() }

// EngineMissed says why somebody may have asked an engine for something in a time
// without that being in the stream. It is zero if nobody may.
func (t *Tracker) EngineMissed(engine event.ProcessID, from, until uint64) finding.Reason {
	if ok, why := t.engines.heardOf(); !ok {
		return why
	}
	return t.engines.hidden(engine, from, until, nil)
}

// ContainerNames returns the names that a container was given when it was made, where
// the requests to an engine show that. id is its whole id.
func (t *Tracker) ContainerNames(engine event.ProcessID, id string) []string {
	var names []string
	for _, a := range t.engines.of(engine, t.now) {
		if a.named != "" && a.sent.Container == id && !slices.Contains(names, a.named) {
			names = append(names, a.named)
		}
	}
	return names
}

// tell describes a request. What could not be read of others up to a time makes it
// doubtful.
func (e *engines) tell(a *ask, by uint64) EngineAsk {
	out := EngineAsk{At: a.at, Request: a.sent, Caller: a.caller, Known: a.caller != nil, Evidence: evidence.Kernel, Taken: a.taken}
	if !out.Known {
		out.Why = finding.Reason{Code: finding.ReasonKernelSender, Container: a.sent.Container}
		out.Evidence = evidence.Unknown
		return out
	}
	if !e.isCertain(a) {
		out.doubt(finding.Reason{Code: finding.ReasonNoEffectSeen, Container: a.sent.Container})
		return out
	}
	out.doubt(e.hidden(a.sent.Listener, a.at-min(a.at, maxSlowAskNS), by, a))
	return out
}

// doubt says why the evidence is no better than inferred, if there is a reason.
func (a *EngineAsk) doubt(why finding.Reason) {
	if why.IsZero() {
		return
	}
	a.Doubt, a.Evidence = why, evidence.Weaker(a.Evidence, evidence.Inferred)
}

// other is the doubt that somebody else asked for the same.
func (e *engines) other(a, other *ask) finding.Reason {
	return finding.Reason{Code: finding.ReasonOtherAsked, Container: a.sent.Container, PID: other.sent.Sender.PID}
}

// hidden says why a request to an engine may have been made in a time that is not known,
// and that is none of the same connection as one that is.
func (e *engines) hidden(engine event.ProcessID, from, until uint64, known *ask) finding.Reason {
	why := finding.Reason{Code: finding.ReasonMessagesLost}
	if known != nil {
		why.Container = known.sent.Container
	}
	var listeners []event.ProcessID
	if len(e.unread) > 0 {
		listeners = e.listeners(engine)
	}
	for _, key := range listeners {
		var found *unread
		for _, list := range e.unread[key] {
			for i := range list {
				u := &list[i]
				same := known != nil && !u.any && (u.by == known.sent.Sender || u.sent.sameConnection(known.conn()))
				if !same && u.from <= until && u.at+maxFlightNS >= from && (found == nil || u.before(found)) {
					found = u
				}
			}
		}
		if found != nil {
			why.Code, why.PID = finding.ReasonUnreadableMessage, found.by.PID
			return why
		}
	}
	if e.lost != 0 && e.lost+maxFlightNS >= from {
		return why
	}
	return finding.Reason{}
}

// heardOf reports whether requests to engines are heard.
func (e *engines) heardOf() (bool, finding.Reason) {
	if e.live {
		return true, finding.Reason{}
	}
	return false, finding.Reason{Code: finding.ReasonEngineNotHeard, Text: e.deaf}
}

// of returns the requests to an engine by a time, in their order.
func (e *engines) of(engine event.ProcessID, by uint64) []*ask {
	var list []*ask
	for _, key := range e.listeners(engine) {
		for _, a := range e.asks[key] {
			if a.at <= by && (key == engine || e.isFor(a, engine)) {
				list = append(list, a)
			}
		}
	}
	slices.SortStableFunc(list, func(x, y *ask) int { return cmp.Compare(x.at, y.at) })
	return list
}

// listeners returns who may listen for an engine: itself, or the service manager that
// hands it a socket.
func (e *engines) listeners(engine event.ProcessID) []event.ProcessID {
	list := []event.ProcessID{engine}
	for _, key := range e.managers.Keys() {
		if e.serves(key, engine) {
			list = append(list, key)
		}
	}
	return list
}

// serves reports whether a service manager may have handed its sockets to an engine: to
// one of the user whose manager it is, and of none that is in a container.
func (e *engines) serves(manager, engine event.ProcessID) bool {
	p := e.tracker.tree.Process(engine)
	if p.Unresolved || finding.Place(&p).Container != nil {
		return false
	}
	m := e.tracker.tree.Process(manager)
	return manager == unnamedManager || p.UID == m.UID
}

// isCertain reports whether it is certain that a request went to the engine that it is
// for, and that it was one to start something. Where it is only known that some service manager listened, an ordinary user's may
// listen under any path, and believes that user alone.
func (e *engines) isCertain(a *ask) bool {
	if a.sent.Cut && a.sent.Sandbox == nil {
		return false // whether it is to start anything was not captured
	}
	if a.sent.Listener != unnamedManager || a.caller == nil {
		return true
	}
	uid, isUsers := userOfSocket(a.sent.Path)
	return a.caller.Process.UID == 0 || isUsers && a.caller.Process.UID == uid
}

// userOfSocket is the user whose runtime directory a socket is in.
func userOfSocket(socket string) (uid uint32, ok bool) {
	rest, isUser := strings.CutPrefix(socket, userSockets)
	user, _, _ := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(user, 10, 32)
	return uint32(n), isUser && err == nil
}

// isFor reports whether a request that a service manager listened for is for an engine.
func (e *engines) isFor(a *ask, engine event.ProcessID) bool {
	p := e.tracker.tree.Process(engine)
	if a.sent.Listener == unnamedManager {
		uid, isUsers := userOfSocket(a.sent.Path)
		if isUsers && uid != p.UID || !isUsers && p.UID != 0 {
			return false
		}
	}
	return slices.Contains(enginePrograms[a.sent.Engine], path.Base(p.Exe))
}

// enginePrograms are the names of the programs that an engine is.
var enginePrograms = map[event.Engine][]string{
	event.EngineDocker:     {"dockerd", "dockerd-ce", "docker-current"},
	event.EnginePodman:     {"podman"},
	event.EngineContainerd: {"containerd", "k3s", "rke2"},
	event.EngineCRIO:       {"crio"},
	event.EngineLXD:        {"lxd"},
	event.EngineIncus:      {"incusd"},
}

// isListeningManager reports whether a process is a service manager of the machine or of
// a user, which listens on the sockets of services that do not run yet.
func isListeningManager(p *lineage.Process) bool {
	if p.ID.PID == 1 {
		return true
	}
	own := Owner{Manager: event.ManagerUser, UID: p.UID}
	return IsManager(p, own)
}

// running returns the requests to an engine by a time that may run a container, in their
// order.
func (e *engines) running(engine event.ProcessID, names []string, by uint64) []*ask {
	all := e.of(engine, by)
	names = slices.Clone(names[:min(len(names), maxNamesOfUnit)])
	for _, a := range all {
		if a.named != "" && slices.Contains(names, a.sent.Container) {
			names = append(names, a.named)
		}
	}
	return slices.DeleteFunc(all, func(a *ask) bool {
		switch a.sent.Call {
		case event.EngineStart, event.EngineRestart, event.EngineTask:
			return by-a.at > maxAskNS || !e.namesAny(a, names, all)
		}
		return true
	})
}

// namesAny reports whether a request names a container by one of its names. What is the
// name of another container is not taken for the beginning of an id.
func (e *engines) namesAny(a *ask, names []string, all []*ask) bool {
	given := strings.TrimPrefix(a.sent.Container, "/")
	if given == "" {
		return false
	}
	if slices.Contains(names, given) {
		return true
	}
	if len(given) < minIDPrefix || !isHex(given) {
		return false
	}
	isName := slices.ContainsFunc(all, func(other *ask) bool {
		return other.named == given || other.sent.Call == event.EngineCreate && other.sent.Container == given
	})
	return !isName && slices.ContainsFunc(names, func(n string) bool { return isID(n) && strings.HasPrefix(n, given) })
}

// isID reports whether a name is a whole id.
func isID(name string) bool { return len(name) == 64 && isHex(name) }

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
