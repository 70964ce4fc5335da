package blame

import (
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
	"github.com/nsblame/nsblame/internal/explain/unit"
)

// A timer, socket, path or automount unit starts another unit, and notes when it
// did (src/core/timer.c, timer_enter_running; src/core/socket.c,
// socket_enter_running; src/core/path.c, path_enter_running). Of what it notes
// unit.StartedBy tells whether it began a run. A socket unit with Accept=yes names
// the instance that it starts after the connection.

// triggersByType are the kinds of triggers by the suffix of the unit.
var triggersByType = map[string]finding.Trigger{
	".timer": finding.TriggerTimer, ".socket": finding.TriggerSocket, ".path": finding.TriggerPath,
	".automount": finding.TriggerPath, ".device": finding.TriggerDevice,
}

// triggered looks for a unit of those that says when it triggered.
func triggered(s *solver, f *facts) verdict {
	if !f.known {
		return no
	}
	name, at, ev, v := s.trigger(f)
	if v != yes {
		return v
	}
	why, v := s.triggerOfJob(f, name, at)
	if v != yes {
		return v
	}
	if e := s.mayBe(f); e != nil && !madeByTrigger(e, at) {
		if why = triggerOr(f, name, e); e.Trusted() {
			return s.unknown(why)
		}
	}
	if why.IsZero() && ev != evidence.Manager && s.mayRestart(f) {
		why = finding.Reason{Code: finding.ReasonTriggerOrRestart, Unit: f.unit, Trigger: name}
	}
	return s.triggeredBy(f, name, ev, why)
}

// madeByTrigger reports whether the job that a request may have had was made when a unit
// triggered. A job that is made for a request is announced at once (src/core/dbus-unit.c,
// bus_unit_queue_job_one). So if it was announced after that, the request can only have
// joined it. One to restart the unit may have had it begin anew.
func madeByTrigger(e *request.Effect, at uint64) bool {
	return at != 0 && !e.Activation && !e.Restarts() && e.Since() >= at
}

// triggerDoubt says what else may have begun a run that a unit seems to have triggered:
// the start of the manager, or another trigger.
func (s *solver) triggerDoubt(f *facts, name string) (finding.Reason, verdict) {
	other, v := s.otherTrigger(f, name)
	switch {
	case v == blocked:
		return finding.Reason{}, blocked
	case s.mayBeBoot(f):
		return finding.Reason{Code: finding.ReasonTriggerOrBoot, Unit: f.unit, Trigger: name}, no
	case other != "":
		return finding.Reason{Code: finding.ReasonOtherTrigger, Unit: f.unit, Trigger: other}, no
	}
	if e := f.restartedJob(); e != nil {
		return triggerOr(f, name, e), no
	}
	return finding.Reason{}, no
}

// triggerOfJob says what else may have begun a run for which a unit triggered at a time, no if
// that only found the job that something else had made. Where nobody heard when the job was
// made, that may have been another socket or path unit.
func (s *solver) triggerOfJob(f *facts, name string, at uint64) (finding.Reason, verdict) {
	since := s.requests.JobSince(f.owner, f.unit, f.began(), f.window.ended)
	switch {
	case since != 0 && since < at:
		return finding.Reason{}, no
	case at != 0 && since > at+maxTogetherNS: // the job that it had made is over, or was cancelled
		return finding.Reason{}, no
	case since != 0 && s.requests.HadJobBetween(f.owner, f.unit, at, since):
		return finding.Reason{}, no
	}
	why, v := s.triggerDoubt(f, name)
	if v != blocked && why.IsZero() && (s.requests.GivenToStranger(f.owner, f.unit, f.began()) || since == 0 && s.mayHaveMissed(f)) {
		why = finding.Reason{Code: finding.ReasonMessagesLost, Unit: f.unit}
	}
	if v == blocked || !why.IsZero() || since != 0 {
		return why, yesUnless(v)
	}
	other, v := s.listenerSince(f, name, f.window.ended)
	if other != "" {
		why = finding.Reason{Code: finding.ReasonOtherTrigger, Unit: f.unit, Trigger: other}
	}
	return why, yesUnless(v)
}

// yesUnless is yes, unless something is blocked.
func yesUnless(v verdict) verdict {
	if v == blocked {
		return blocked
	}
	return yes
}

// otherTrigger is a unit that may have begun the run, beside another one, empty if there is
// none: a timer that elapsed since the run before was over, a timer of a unit that brings
// this one up, or a unit that starts this one by its end. Only the latest such time is
// kept. So one from after the beginning of the run may hide one from before it.
func (s *solver) otherTrigger(f *facts, but string) (name string, v verdict) {
	return s.triggerSince(f, but, f.window.ended)
}

// triggerSince is such a unit that acted after a time.
func (s *solver) triggerSince(f *facts, but string, since uint64) (name string, v verdict) {
	look := lookout{solver: s, facts: f, but: but, since: since, v: no}
	look.timers()
	look.ends()
	return look.name, look.v
}

// listeners are the kinds of triggers that don't keep when they triggered.
var listeners = []string{".socket", ".path", ".automount"}

// listenerSince is one of those that may have triggered the unit, or one that brings it up,
// after a time, empty if there is none. It notes the time anew when its service runs, and
// when that is over. So one that runs, or has changed since the run began, may have.
func (s *solver) listenerSince(f *facts, but string, since uint64) (name string, v verdict) {
	look := lookout{solver: s, facts: f, but: but, since: since, v: no}
	look.triggers(unit.TriggeredAtUS, listeners...)
	look.since = max(since, f.began())
	look.triggers(func(u *event.UnitState) uint64 { return u.StateChangeUS }, listeners...)
	return look.name, look.v
}

// lookout looks for a unit that acted after a time, beside another one.
type lookout struct {
	*solver
	facts *facts
	but   string
	// since is after when it acted, until by when, 0 if that is open.
	since, until uint64
	// name is the unit that was found, and v blocked if the manager has yet to answer.
	name string
	v    verdict
}

// at looks at one unit, of which at is when it acted.
func (l *lookout) at(name string, at func(*event.UnitState) uint64) {
	if name == l.but || l.name != "" {
		return
	}
	a, found := l.state(l.facts.ask(name))
	if found == blocked {
		l.v = blocked
		return
	}
	exact, acted := l.facts.window.exact, uint64(0)
	if found == yes {
		acted = a.atMost(at(&a.Unit.Unit))
	}
	switch {
	case exact && l.until != 0 && acted > l.until:
	case acted > l.since, found == no && !exact:
		l.name = name
	}
}

// ends looks at the units that start this one by their end.
func (l *lookout) ends() {
	for _, d := range l.facts.dependents(".service") {
		if d.Dependency == onFailureOf || d.Dependency == onSuccessOf {
			l.at(d.Name, func(u *event.UnitState) uint64 { return u.InactiveEnterUS })
		}
	}
}

// timers looks at the timers of the unit, and of those that bring it up.
func (l *lookout) timers() {
	l.triggers(func(u *event.UnitState) uint64 { return u.LastTriggerUS }, ".timer")
}

// triggers looks at the triggers of some kinds.
func (l *lookout) triggers(at func(*event.UnitState) uint64, kinds ...string) {
	of := func(list []string) {
		for _, t := range list {
			if slices.Contains(kinds, path.Ext(t)) {
				l.at(t, at)
			}
		}
	}
	of(l.facts.state.TriggeredBy)
	for _, d := range l.facts.dependents(".service") {
		if !bringsUp[d.Dependency] || d.Dependency == partOf {
			continue
		}
		other, found := l.state(l.facts.ask(d.Name))
		if found == blocked {
			l.v = blocked
		} else if found == yes {
			of(other.Unit.Unit.TriggeredBy)
		}
	}
}

// trigger returns the timer, socket or path unit that began the run, and when it
// triggered, 0 if that is not known.
func (s *solver) trigger(f *facts) (name string, at uint64, ev evidence.Evidence, v verdict) {
	v = no
	for _, t := range f.triggers() {
		a, found := s.state(f.ask(t))
		if found == blocked {
			v = blocked
		}
		if found != yes {
			continue
		}
		if _, ok := unit.AcceptedFrom(f.unit); ok && f.state.InactiveExitUS == 0 && path.Ext(t) == ".socket" {
			name, ev = t, evidence.Inferred // the run is over and forgotten; its name tells
		} else {
			name, ev = t, unit.StartedBy(f.state, &a.Unit.Unit)
		}
		if acted := unit.TriggeredAtUS(&a.Unit.Unit); max(a.sinceBoot(acted), acted*1000) > f.began() {
			ev = "" // it triggered a later run; the manager's clock is never ahead of that since boot
		}
		if ev == evidence.Inferred && f.ranBefore && a.sinceBoot(a.Unit.Unit.LastTriggerUS) <= f.before.at {
			ev = "" // it triggered the run before, or one before that
		}
		if ev != "" {
			at = a.sinceBoot(unit.TriggeredAtUS(&a.Unit.Unit))
			break
		}
	}
	if v == blocked || ev == "" {
		return "", 0, "", v
	}
	return name, at, ev, yes
}

// triggers are the units that can have triggered the run. An instance for an
// accepted connection that is gone has no relations any more, but its name.
func (f *facts) triggers() []string {
	if _, ok := unit.AcceptedFrom(f.unit); ok && len(f.state.TriggeredBy) == 0 {
		template, _, _ := strings.Cut(f.unit, "@")
		return []string{template + ".socket"}
	}
	return f.state.TriggeredBy
}

// microsecond is what a manager's times are cut to.
const microsecond = 1000

// onlyTrigger blames a socket or path unit that has triggered, where nothing else
// can have begun the run: nobody asked, nothing that was asked for pulls the unit
// in, and it was not the boot. When such a unit triggered is not kept: systemd
// notes the time anew when the service runs (src/core/unit.c, unit_notify).
func onlyTrigger(s *solver, f *facts) verdict {
	if s.askedBy(f, f.at) {
		return no
	}
	since := s.requests.JobSince(f.owner, f.unit, f.began(), f.window.ended)
	if since != 0 && since <= max(f.before.began(), f.window.ended+microsecond) {
		return no // such a unit triggers nothing while the run before is not over
	}
	only, v := s.mayHaveTriggered(f)
	if v != yes {
		return v
	}
	why, v := s.triggerDoubt(f, only)
	switch {
	case v == blocked:
		return blocked
	case why.IsZero() && s.mayHaveMissed(f):
		why = finding.Reason{Code: finding.ReasonMessagesLost, Unit: f.unit}
	case why.IsZero() && since == 0:
		if why, v = s.triggerInRunBefore(f, only); v == blocked {
			return blocked
		}
	}
	return s.triggeredBy(f, only, evidence.Manager, why)
}

// triggerInRunBefore says which other unit acted during the run before. Something may have been
// stopping that: then its job is the one that began this run, if nobody heard when that was made.
func (s *solver) triggerInRunBefore(f *facts, but string) (finding.Reason, verdict) {
	other, v := s.triggerSince(f, but, min(f.before.began(), f.window.ended))
	if v == blocked || other == "" {
		return finding.Reason{}, v
	}
	return finding.Reason{Code: finding.ReasonOtherTrigger, Unit: f.unit, Trigger: other}, no
}

// mayHaveTriggered returns the only socket or path unit that is known to have triggered
// the unit, if it is not known when.
func (s *solver) mayHaveTriggered(f *facts) (only string, v verdict) {
	begun := f.answer.begun()
	if !s.heard() || begun == 0 || begun < s.since || f.state.NRestarts > 0 {
		return "", no
	}
	v = no
	for _, t := range f.state.TriggeredBy {
		if kind := path.Ext(t); kind != ".socket" && kind != ".path" {
			continue
		}
		trigger, found := s.state(f.ask(t))
		switch {
		case found == blocked:
			v = blocked
		case found == no, trigger.Unit.Unit.SubState != "running":
		case only != "":
			return "", v // which of them did is not known
		default:
			only = t
		}
	}
	if only == "" || v == blocked {
		return "", v
	}
	return only, yes
}

// couldConnect reports whether a process can be the one for whose connection the run was
// begun. It is found by its pid, later: that may be another's by then, which started
// after the run's first process did.
func (s *solver) couldConnect(f *facts, peer event.ProcessID) bool {
	return !peer.IsZero() && (f.first.IsZero() || peer.StartNS <= f.first.StartNS)
}

// triggeredBy ends the chain with a unit that started another one. If why says what else
// may have, the evidence is no better than inferred.
func (s *solver) triggeredBy(f *facts, name string, ev evidence.Evidence, why finding.Reason) verdict {
	if !why.IsZero() {
		ev = evidence.Weaker(ev, evidence.Inferred)
	}
	kind := triggersByType[path.Ext(name)]
	cause := finding.Triggered{Trigger: kind, Unit: name}
	if from, ok := unit.AcceptedFrom(f.unit); ok && kind == finding.TriggerSocket {
		cause.Connection = &from
	}
	s.because(ev, cause, name)
	s.out.Links[len(s.out.Links)-1].Why = why
	o := finding.Origin{Trigger: kind, Unit: name, Placement: placement(f.owner, name)}
	switch {
	case kind != finding.TriggerSocket:
	case s.couldConnect(f, f.answer.Peer):
		p, ancestry, why := s.tree.Lineage(f.answer.Peer)
		o.Process, o.Ancestry, o.AncestryWhy = &p, ancestry, why
	case cause.Connection == nil:
		if s.connected(f, name, &o) == blocked {
			return blocked
		}
	}
	s.origin(o)
	return yes
}

// connected adds who connected to a socket unit, where that was seen. With Accept=yes the
// manager accepts each connection, and names the instance after it.
func (s *solver) connected(f *facts, name string, o *finding.Origin) verdict {
	a, v := s.state(f.ask(name))
	if v != yes {
		return v
	}
	until := f.began()
	if forked := f.first.StartNS; forked != 0 {
		until = min(until, forked) // which may be some time before the manager notes it
	}
	q := request.Connecting{Owner: f.owner, Unit: f.unit, Paths: a.Unit.Unit.Listens, After: f.before.at, Until: until}
	if !f.ranBefore {
		q.After = f.window.ended
	}
	c, ok := s.requests.Connected(q)
	if !ok {
		return no
	}
	s.out.Links = append(s.out.Links, finding.Link{
		Kind: finding.KindAskedBy, Evidence: c.Evidence, Why: c.Doubt, Process: &c.Caller.Process, Ancestry: c.Caller.Ancestry,
	})
	o.Process, o.Ancestry, o.AncestryWhy = &c.Caller.Process, c.Caller.Ancestry, c.Caller.Why
	return yes
}
