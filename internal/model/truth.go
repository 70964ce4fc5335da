package model

import (
	"path"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/event"
)

// causeKind is a kind of beginning of a run.
type causeKind int

// The kinds. That of a dependency is what the other unit was started for.
const (
	byNothing causeKind = iota
	byItself            // a process that acted for itself
	byRequest
	byActivation
	byTimer
	bySocket
	byRestart
	byDependency
	byBoot
	byFailure
)

var causeNames = map[causeKind]string{
	byItself: "itself", byRequest: "request", byActivation: "activation", byTimer: "timer", bySocket: "socket",
	byRestart: "restart", byDependency: "dependency", byBoot: "boot", byFailure: "failure",
}

// cause is why a run began.
type cause struct {
	kind causeKind
	// by is who asked or connected.
	by *process
	// at is when that was sent, or happened.
	at uint64
	// unit is the timer, the socket, or the service that restarts or depends.
	unit *unit
	// of is why the unit was started that brings this one up.
	of         *cause
	request    *request
	activation *activation
}

// root is the cause at the end of dependencies.
func (c cause) root() cause {
	for c.kind == byDependency && c.of != nil {
		c = *c.of
	}
	return c
}

// attempt is something that may have started a unit.
type attempt struct {
	at   uint64
	why  cause
	what string
	job  *job
	// overNS is when the stream shows that nothing more can come of it, 0 if it does not.
	overNS uint64
	// answered is set if the stream has the reply, with the job's number.
	answered bool
}

// attempt notes one.
func (u *unit) attempt(at uint64, why cause, what string) *attempt {
	a := &attempt{at: at, why: why, what: what}
	u.attempts = append(u.attempts, a)
	return a
}

// creation is the truth about one.
type creation struct {
	serial uint64
	by     *process
	run    *run
	at     uint64
	// late is set if the manager was asked about it when the run was over.
	late bool
}

// truth keeps what happened.
type truth struct {
	*world
	creations map[uint64]*creation
	// calls are those to names.
	calls []*nameCalled
}

func (t *truth) created(serial uint64, by *process, r *run, at uint64) {
	t.creations[serial] = &creation{serial: serial, by: by, run: r, at: at}
}

// answered notes whether an answer is about the run in question.
func (t *truth) answered(q event.Question, u *unit) {
	for _, c := range t.creations {
		r := c.run
		if r == nil {
			r = c.by.run
		}
		if r != nil && r.main.id == q.Run && (u == nil || u == r.unit.failureOf && u.sub != "failed" || u.run != r && q.Unit == r.unit.name || r.over) {
			c.late = true
		}
	}
}

// origin is where the chain of a creation begins, and by what it was brought about
// last.
type origin struct {
	cause   causeKind // the kind of the first cause, by which creations are counted
	trigger string
	process *process // who asked or acted, nil for others
	unit    string
	// asker is who made the first request on the way from the creation.
	asker *process
	// doubt says why it can't be known, empty if it can.
	doubt string
	// apart says which of the two cases it is that docs/concepts.md names as not told
	// apart, empty if it is none.
	apart string
}

// maxDepth bounds how often a chain goes on from one unit to another.
const maxDepth = 8

// origin follows the chain from a creation.
func (t *truth) origin(c *creation) origin {
	o := origin{}
	if c.late {
		o.doubt = "late answer"
	}
	if c.run == nil || c.by != c.run.main {
		o.cause = byItself
		t.acted(&o, c.by, c.at, 0)
		return o
	}
	t.began(&o, c.run, 0)
	return o
}

// acted carries the chain on from what a process did: it is the origin, unless its
// unit ran only to do it.
func (t *truth) acted(o *origin, p *process, at uint64, depth int) {
	r := p.run
	if r == nil || depth >= maxDepth || !ranForIt(r, at) {
		o.trigger, o.process = "command", p
		return
	}
	t.began(o, r, depth+1)
}

// ranForIt reports whether a run was there only for what one of its processes did.
func ranForIt(r *run, _ uint64) bool {
	return r.unit.typ == "oneshot" || r.unit.transient || r.unit.template != nil
}

// began carries the chain on from the beginning of a run.
func (t *truth) began(o *origin, r *run, depth int) {
	if o.cause == byNothing {
		o.cause = r.cause.kind
	}
	if o.doubt == "" {
		o.doubt = t.doubt(r)
	}
	if o.apart == "" {
		o.apart = r.apart()
	}
	c := r.cause.root()
	switch c.kind {
	case byRequest, byActivation:
		if o.asker == nil {
			o.asker = c.by
		}
		t.acted(o, c.by, c.at, depth)
	case byTimer:
		o.trigger, o.unit = "timer", c.unit.name
	case bySocket:
		o.trigger, o.unit = strings.TrimPrefix(path.Ext(c.unit.name), "."), c.unit.name // or a path
	case byFailure:
		o.trigger, o.unit = "failure", c.unit.name
	case byRestart:
		o.trigger, o.unit = "restart", c.unit.name
	case byBoot:
		o.trigger, o.unit = "boot", r.unit.name
	}
}

// together is how near to each other two attempts are that are not told apart.
const together = 1100 * ms

// apart recognises what nsblame does not tell apart, and says so: a socket or path unit
// that triggers in the flight of a request for the same unit, and somebody who is not
// root, wants no answer and has leave, beside another request.
func (r *run) apart() string {
	for i, a := range r.unit.attempts {
		for _, b := range r.unit.attempts[i+1:] {
			switch near := max(a.at, b.at)-min(a.at, b.at) <= together; {
			case !near || max(a.at, b.at) > r.forked+together || min(a.at, b.at)+together < r.before:
			case (a.why.root().kind == bySocket) != (b.why.root().kind == bySocket):
				return "beside a socket"
			case a.silent() || b.silent():
				return "asked in silence"
			}
		}
	}
	return ""
}

// silent reports whether it is the request of somebody who is not root and wants no
// answer.
func (a *attempt) silent() bool {
	q := a.why.request
	return q != nil && q.by.uid != 0 && q.call.flags&dbus.FlagNoReplyExpected != 0
}

// doubt says why the cause of a run can't be known from the stream, empty if it can.
// The attempts to start the unit, and those that pull it in, are compared: of several
// in the time in which the run was set going, another may have begun it, unless each
// was answered with the number of its job.
func (t *truth) doubt(r *run) string {
	if t.plan.adverse() {
		return "adversity"
	}
	var rivals []*attempt
	for _, a := range r.unit.attempts {
		if a.at <= r.forked && t.reach(a) >= r.before {
			rivals = append(rivals, a)
		}
	}
	if len(rivals) > 1 && !toldApart(rivals) {
		return "rivals"
	}
	for _, d := range r.unit.wantedBy {
		for _, a := range d.attempts {
			if a.at <= r.forked && a.at >= r.before && r.cause.kind != byDependency {
				return "rival dependency"
			}
		}
	}
	why := r.cause.root()
	if why.kind == bySocket && r.cause.kind == byDependency {
		return "a socket of another unit" // when it triggered is not kept
	}
	if t.plan.Booting && r.forked < start+6*sec && why.kind != byBoot && why.kind != byTimer && why.kind != byRequest && why.kind != byRestart {
		return "boot" // may have started it as well
	}
	if (why.kind == byBoot || why.kind == byActivation || why.kind == byRequest) && r.unit.hasSocket() {
		return "a socket beside it" // which may have been connected to at the same time
	}
	if a := why.activation; a != nil {
		return t.activationDoubt(r.unit, a)
	}
	if q := why.request; q != nil {
		return t.requestDoubt(q)
	}
	return ""
}

// reach is until when an attempt can have had an effect by what the stream shows:
// a request until its job is seen to be over, or its refusal.
func (t *truth) reach(a *attempt) uint64 {
	switch {
	case a.what == "trigger" || a.what == "restart" || a.what == "dependency" || a.what == "failure":
		return a.at
	case a.overNS != 0:
		return a.overNS
	}
	return a.at + 30*sec
}

// toldApart reports whether the stream tells which of several attempts made which job:
// each was answered, and none that was given the job of another one was sent before that
// job was announced.
func toldApart(list []*attempt) bool {
	for _, a := range list {
		if !a.answered {
			return false
		}
		for _, b := range list {
			if a != b && a.job == b.job && a.at <= a.job.announcedNS && b.at <= a.job.announcedNS {
				return false
			}
		}
	}
	return true
}

// hasSocket reports whether a socket can start the unit. When it did so is not kept.
func (u *unit) hasSocket() bool {
	return slices.ContainsFunc(u.triggeredBy, func(t *unit) bool { return t.kind == socketUnit && !t.accept })
}

// activationDoubt is that of who called first.
func (t *truth) activationDoubt(u *unit, a *activation) string {
	if !u.busName {
		return "name not known" // of the unit that the bus asks for
	}
	for _, c := range t.calls {
		if c.name == a.name && c.conn != a.first.conn && c.at+sec >= a.first.at && c.at <= a.first.at+sec {
			return "several callers"
		}
	}
	return ""
}

// requestDoubt is that of whether a request had an effect: its answer shows it, or
// the job that is announced to all on the bus because of it.
func (t *truth) requestDoubt(q *request) string {
	if !q.replied && q.conn.unique == "" {
		return "no sign"
	}
	return ""
}
