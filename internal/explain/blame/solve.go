package blame

import (
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/request"
	"github.com/nsblame/nsblame/internal/explain/unit"
)

// maxSteps bounds how often a chain goes on from one unit to another.
const maxSteps = 8

// solver finds the causes of one creation with what is known by now.
type solver struct {
	*Blamer
	out *finding.Attribution
	// open is set when an answer is needed that is not there yet.
	open  bool
	steps int
}

// solve returns the case of a creation, or false if answers are missing.
func (b *Blamer) solve(c *lineage.Creation) (*finding.Attribution, bool) {
	s := &solver{Blamer: b, out: finding.NewAttribution(c)}
	s.creation()
	return s.out, !s.open
}

// unitFact is as Blamer.fact, and notes if the answer is missing.
func (s *solver) unitFact(q event.Question) *event.Unit {
	u, ok := s.fact(q)
	if !ok {
		s.open = true
	}
	return u
}

func (s *solver) creation() {
	c := s.out.Creation
	r, inService := runOf(&c.Process, c.Ancestry, c.BootNS)
	byManager := madeByManager(c)
	if c.Process.CgroupUnknown {
		s.unknown(finding.Reason{Code: finding.ReasonCreatorUnplaced})
		return
	}
	if !inService {
		if byManager {
			s.unknown(finding.Reason{Code: finding.ReasonOtherManager})
			return
		}
		if slices.ContainsFunc(c.Ancestry, request.IsUnitlessBus) {
			s.unknown(finding.Reason{Code: finding.ReasonStartedByBus})
			return
		}
		s.command(&c.Process, c.Ancestry, c.AncestryWhy)
		return
	}
	facts := s.unitFact(r.question())
	if s.open {
		return
	}
	s.settings(byManager, facts)
	if byManager {
		s.cause(r, facts)
		return
	}
	if slices.ContainsFunc(c.Ancestry, func(p lineage.Process) bool { return request.IsBusDaemon(&p) }) {
		s.unknown(finding.Reason{Code: finding.ReasonStartedByBus})
		return
	}
	s.process(r, facts, &c.Process, c.Ancestry, c.AncestryWhy)
}

// madeByManager reports whether a manager made the namespace for a unit: its
// child does so before it becomes the unit's program, or, from systemd 254 on,
// as systemd-executor.
func madeByManager(c *lineage.Creation) bool {
	if len(c.Ancestry) == 0 {
		return false
	}
	p, parent := &c.Process, &c.Ancestry[0]
	manager := parent.ID.PID == 1 || path.Base(parent.Exe) == "systemd" && finding.Place(parent).Unit == "init.scope"
	return manager && (p.ArgvInherited || path.Base(p.Exe) == "systemd-executor")
}

// settings adds which of the unit's settings made the namespace.
func (s *solver) settings(byManager bool, facts *event.Unit) {
	if facts.Why != "" {
		if byManager {
			s.setting(evidence.Unknown, finding.SettingUnknown{Why: whyNoFacts(facts)})
		}
		return
	}
	network := unit.NetworkOf(&facts.Unit)
	s.out.Settings = network.Settings
	switch {
	case byManager && !network.Effect.Creates():
		s.setting(evidence.Unknown, finding.SettingMissing{})
	case byManager:
		for _, set := range network.Settings {
			s.setting(evidence.Evidence(set.Source), finding.Setting{UnitSetting: set})
		}
	default:
		s.setting(evidence.Manager, finding.OwnProgram{})
	}
}

// whyNoFacts says why nothing is known of a unit.
func whyNoFacts(facts *event.Unit) finding.Reason {
	if facts.Why == noAnswer {
		return finding.Reason{Code: finding.ReasonNoAnswer}
	}
	return finding.Reason{Text: facts.Why}
}

// process carries the chain on from a process in a service: the process is the
// origin, unless the unit ran only to do what the process did.
func (s *solver) process(r run, facts *event.Unit, p *lineage.Process, ancestry []lineage.Process, why lineage.Cut) {
	forIt := s.ranForIt(r, facts, p)
	if s.open {
		return
	}
	switch {
	case forIt && s.steps < maxSteps:
		s.cause(r, facts)
	case facts.Why != "" && p.ID == r.first:
		// the manager forked it, so it did not begin by itself
		s.unknown(s.whyUnknown(r, facts))
	default:
		s.command(p, ancestry, why)
	}
}

// maxCrashNS is how soon after its start a service that is restarted again and
// again creates its namespace, if that is part of the loop. What a daemon does
// later is its own doing, however often it was restarted.
const maxCrashNS = 2e9

// inCrashLoop reports whether the main process of a service did it right after
// an automatic restart. That they belong together is shown by the time alone.
func (s *solver) inCrashLoop(r run, u *event.UnitState, p *lineage.Process) bool {
	return u.NRestarts > 0 && p.ID == r.first && r.at-p.ID.StartNS <= maxCrashNS
}

// starting reports whether something was done before the service said that it
// is up: that is a part of its start. One that doesn't say so is up as soon as
// it is forked.
func (s *solver) starting(r run, facts *event.Unit) bool {
	switch facts.Unit.Type {
	case "dbus", "notify", "notify-reload", "forking":
	default:
		return false
	}
	_, _, exact := s.window(r, facts)
	up := sinceBoot(facts, facts.Unit.ActiveEnterUS)
	switch {
	case !exact:
		return false
	case up >= begun(facts):
		return up > r.at
	case !s.upToDate(r.question(), r.at):
		s.open = true // it was not up when that was asked; since then it may be
		return false
	}
	// without an answer from after it, that it is still starting is not known
	answered, _ := s.answered.Get(r.question())
	return answered >= r.at
}

// ranForIt reports whether a unit's run was there only to do what one of its
// processes did: a oneshot or transient service, what a timer, a path or an
// accepted connection started, a service that is still starting, and a main
// process right after an automatic restart. What a long-running daemon does
// later is its own doing.
func (s *solver) ranForIt(r run, facts *event.Unit, p *lineage.Process) bool {
	if slices.ContainsFunc(s.requestsFor(r, facts), func(q *request.Request) bool { return q.Method == "StartTransientUnit" }) {
		return true
	}
	u := &facts.Unit
	if facts.Why != "" {
		return false
	}
	if u.Transient || u.Type == "oneshot" || s.inCrashLoop(r, u, p) || s.starting(r, facts) {
		return true
	}
	trigger, _ := s.trigger(r, u)
	return trigger != "" && (path.Ext(trigger) != ".socket" || strings.Contains(r.unit, "@"))
}

// cause finds out what began a run of a unit.
func (s *solver) cause(r run, facts *event.Unit) {
	s.steps++
	u := &facts.Unit
	known := facts.Why == ""
	exact := known && u.MainPID != 0 && u.MainPID == r.first.PID
	if known && u.NRestarts > 0 && exact {
		s.restart(r, u)
		return
	}
	_, ranBefore := s.before(r)
	if q := s.request(r, facts); q != nil {
		if known && u.NRestarts > 0 && ranBefore && !q.Restarts() {
			s.unknown(finding.Reason{Code: finding.ReasonRestartOrRequest, Unit: r.unit})
			return
		}
		s.asked(r, q)
		return
	}
	if known && (u.NRestarts > 1 || u.NRestarts == 1 && ranBefore) {
		s.restart(r, u)
		return
	}
	if s.triggered(r, facts) || s.open {
		return
	}
	if known && s.dependency(r, facts) || s.open {
		return
	}
	if known && u.NRestarts == 0 && u.InactiveExitUS != 0 && facts.Boot.During(u.InactiveExitUS) {
		s.boot(r)
		return
	}
	if known && s.device(r, facts) || s.open {
		return
	}
	if known && s.onlyTrigger(r, facts) || s.open {
		return
	}
	s.unknown(s.whyUnknown(r, facts))
}

// onlyTrigger blames a socket or path unit that has triggered, where nothing
// else can have begun the run: nobody asked, nothing that was asked for pulls
// the unit in, and it was not the boot. When such a unit triggered is not
// kept: systemd notes the time anew when the service runs (src/core/unit.c,
// unit_notify).
func (s *solver) onlyTrigger(r run, facts *event.Unit) bool {
	b := begun(facts)
	if !s.heard() || b == 0 || b < s.since || facts.Unit.NRestarts > 0 || s.askedBy(r, facts, r.at) {
		return false
	}
	var only string
	for _, t := range facts.Unit.TriggeredBy {
		if kind := path.Ext(t); kind != ".socket" && kind != ".path" {
			continue
		}
		trigger := s.unitFact(r.ask(t))
		if trigger == nil || trigger.Why != "" || trigger.Unit.SubState != "running" {
			continue
		}
		if only != "" {
			return false
		}
		only = t
	}
	if only == "" || s.open {
		return false
	}
	s.triggeredBy(r, only, evidence.Manager)
	return true
}

// askedBy reports whether somebody has asked for the unit since the run before
// began and by a time, be it when that should have had no effect.
func (s *solver) askedBy(r run, facts *event.Unit, at uint64) bool {
	names := unitNames(r.unit, facts)
	before, _ := s.before(r)
	stopped := s.stopped(r, facts)
	return slices.ContainsFunc(s.requests.Requests(), func(q *request.Request) bool {
		return q.Owner == r.owner && slices.Contains(names, q.Unit) && q.At > before.at && q.At <= at &&
			!s.requests.DealtWith(q, names, r.first.StartNS, stopped)
	})
}

func (s *solver) whyUnknown(r run, facts *event.Unit) finding.Reason {
	ended, _, _ := s.window(r, facts)
	why := finding.Reason{Code: finding.ReasonNobodyAsked, Unit: r.unit}
	switch {
	case !s.busSpokenOf:
		why.Code = finding.ReasonNoBusProbe
	case s.busWhy != "":
		why.Code, why.Text = finding.ReasonBusNotHeard, s.busWhy
	case facts.Why == noAnswer:
		why.Code = finding.ReasonNobodyAskedNoAnswer
	case facts.Why != "":
		why.Code, why.Text = finding.ReasonNobodyAskedUnitUnknown, facts.Why
	case begun(facts) != 0 && begun(facts) < s.since:
		why.Code = finding.ReasonStartedBefore
	case s.askedBy(r, facts, ended):
		why.Code = finding.ReasonAskedWhileRunning
	}
	return why
}

// begun is when the run that the answer is about began, in nanoseconds since
// boot; 0 where unknown.
func begun(facts *event.Unit) uint64 { return sinceBoot(facts, facts.Unit.InactiveExitUS) }

func sinceBoot(facts *event.Unit, us uint64) uint64 {
	if facts.Why != "" || us == 0 {
		return 0
	}
	return us*1000 + facts.MonotonicLagNS
}

// --- restart ---

func (s *solver) restart(r run, u *event.UnitState) {
	how := finding.Restart{Policy: u.Restart, Count: u.NRestarts}
	if before, ok := s.before(r); ok {
		if p, ok := s.ends.Get(before.first); ok {
			how.Ended = &p.ExitCode
		}
	}
	ev := evidence.Manager
	if !madeByManager(s.out.Creation) {
		ev = evidence.Inferred
	}
	s.because(ev, how, r.unit)
	s.origin(finding.Origin{Trigger: finding.TriggerRestart, Unit: r.unit, Placement: placement(r.owner, r.unit)})
}

// --- requests ---

// requestsFor are the requests to start the unit that can have begun the run,
// in the order in which they were made.
func (s *solver) requestsFor(r run, facts *event.Unit) []*request.Request {
	names := unitNames(r.unit, facts)
	_, until, exact := s.window(r, facts)
	if !exact || begun(facts) > r.at {
		// A job is not over before it has forked, but can be before that process
		// makes its namespace. 0 where the fork is not known.
		until = r.first.StartNS
	}
	stopped := s.stopped(r, facts)
	return s.requestsNaming(r, facts, func(q *request.Request) bool {
		return slices.Contains(names, q.Unit) && !s.requests.DealtWith(q, names, until, stopped)
	})
}

// stopped is when the run before was over, 0 if that is not known, or if a job
// to start the unit can have been done by then: that of a oneshot is at its end.
func (s *solver) stopped(r run, facts *event.Unit) uint64 {
	if facts.Unit.Type == "oneshot" {
		return 0
	}
	ended, _, _ := s.window(r, facts)
	return ended
}

// window is the time in which the run was set going: from the end of the run
// before (0 where unknown) until its beginning. exact is set if the manager
// gave that beginning. It notes it a moment after the first process was forked,
// which may have made its namespace by then.
func (s *solver) window(r run, facts *event.Unit) (ended, until uint64, exact bool) {
	b := begun(facts)
	u := &facts.Unit
	// conditions are checked before the fork, so a check from before the
	// creation tells that the beginning behind it is this run's
	checked := sinceBoot(facts, u.ConditionUS)
	if b == 0 || b > r.at && u.MainPID != r.first.PID && (checked == 0 || checked > r.at) {
		return 0, r.at, false
	}
	if s.unified && u.ControlGroupID != 0 && r.cgroup != 0 && u.ControlGroupID != uint64(r.cgroup) {
		return 0, r.at, false // the answer is about a later run
	}
	if ended = sinceBoot(facts, facts.Unit.InactiveEnterUS); ended > min(b, r.at) {
		// the run is over already; while it waits for an automatic restart, the
		// beginning is that of the wait (src/core/service.c, service_enter_dead)
		ended = 0
	}
	return ended, min(b, r.at), true
}

// requestsNaming are the requests for the sake of certain units that can have
// begun the run: none from before the run that was explained last, and none
// from after this one began. One to start what was running has no effect, so
// it must come after the end of the run before.
//
// A bus that asks for an activation has seen the name without an owner, and may
// do so while that run is still ending for its manager. If the kernel saw the
// run's process end by then, it is like any other; if the process only ended
// later, it is taken for the one where there is no other.
func (s *solver) requestsNaming(r run, facts *event.Unit, names func(*request.Request) bool) []*request.Request {
	ended, until, _ := s.window(r, facts)
	before, ranBefore := s.before(r)
	if at := s.firstSeen(r); at != 0 {
		until = min(until, at)
	}
	if forked := r.first.StartNS; forked != 0 {
		until = min(until, forked) // which may be some time before the namespace is made
	}
	var list, early []*request.Request
	for _, q := range s.requests.Requests() {
		switch {
		case q.Owner != r.owner, q.At > until, !names(q):
		case q.At <= before.at:
		case q.At <= ended && !q.Restarts() && !(q.Activation && ranBefore && s.goneBy(before, q.At)):
			if q.Activation && ranBefore && s.goneBy(before, r.at) {
				inferred := *q
				inferred.Evidence = evidence.Weaker(evidence.Inferred, q.Evidence)
				early = append(early, &inferred)
			}
		case ended != 0 && q.At > ended && strings.HasPrefix(q.Method, "Try"):
		default:
			list = append(list, q)
		}
	}
	if len(list) == 0 {
		return early
	}
	return list
}

// goneBy reports whether the first process of a run is known to have ended by
// then.
func (s *solver) goneBy(r run, at uint64) bool {
	p, ok := s.ends.Get(r.first)
	return ok && p.ExitNS != 0 && p.ExitNS <= at
}

// unitNames are the names by which the unit can have been asked for.
func unitNames(name string, facts *event.Unit) []string {
	names := []string{name}
	if facts.Why != "" {
		return names
	}
	names = append(names, facts.Unit.Names...)
	if facts.Unit.BusName != "" {
		names = append(names, request.ActivationAlias(facts.Unit.BusName))
	}
	return names
}

// request is the one that began the run: the last to restart it, or else the
// first to start it, for the later ones find a job that is under way.
func (s *solver) request(r run, facts *event.Unit) *request.Request {
	list := s.requestsFor(r, facts)
	if len(list) == 0 {
		return nil
	}
	if _, _, exact := s.window(r, facts); !exact && len(list) > 1 {
		// nothing tells which of them came to nothing
		latest := *list[len(list)-1]
		latest.Evidence = evidence.Inferred
		return &latest
	}
	for _, q := range slices.Backward(list) {
		if q.Restarts() {
			return q
		}
	}
	return list[0]
}

// asked adds who made a request, and goes on from there.
func (s *solver) asked(r run, q *request.Request) {
	if q.Pending() {
		facts := s.unitFact(r.question())
		name := ""
		if facts != nil && facts.Why == "" {
			name = facts.Unit.BusName
		}
		q.ResolveCaller(name)
	}
	var cause finding.Cause = finding.Job{Method: q.Method, Unit: q.Unit}
	if q.Activation {
		cause = finding.BusActivation{BusName: q.BusName, Unit: q.Unit, Waiting: q.Waiting}
	}
	s.because(evidence.Weaker(evidence.Kernel, q.Evidence), cause, r.unit)
	if !q.Known {
		s.unknown(q.Why)
		return
	}
	c := &q.Caller
	s.out.Links = append(s.out.Links, finding.Link{
		Kind: finding.KindAskedBy, Evidence: q.Evidence, Process: &c.Process, Ancestry: c.Ancestry,
	})
	s.goOn(c, q.At)
}

// goOn carries the chain on from whoever asked.
func (s *solver) goOn(c *request.Caller, at uint64) {
	r, inService := runOf(&c.Process, c.Ancestry, at)
	if !inService {
		s.command(&c.Process, c.Ancestry, c.Why)
		return
	}
	facts := s.unitFact(r.question())
	if s.open {
		return
	}
	s.process(r, facts, &c.Process, c.Ancestry, c.Why)
}

// dependency looks for a request for the sake of another unit that brings this
// one up.
func (s *solver) dependency(r run, facts *event.Unit) bool {
	how := make(map[string]string)
	for _, d := range facts.Unit.Dependents {
		how[d.Name] = d.Dependency
	}
	list := s.requestsNaming(r, facts, func(q *request.Request) bool { return how[q.Unit] != "" })
	if len(list) == 0 {
		return s.timedDependency(r, facts)
	}
	q := list[len(list)-1]
	s.because(evidence.Manager, finding.Dependency{Of: q.Unit, Property: how[q.Unit]}, q.Unit)
	s.asked(r, q)
	return true
}

// maxDependents bounds the units that are asked about for the sake of one.
const maxDependents = 16

// dependents are the units of one type that can bring this one up.
func dependents(facts *event.Unit, kind string) []event.UnitDependent {
	var list []event.UnitDependent
	for _, d := range facts.Unit.Dependents {
		if path.Ext(d.Name) == kind && len(list) < maxDependents {
			list = append(list, d)
		}
	}
	return list
}

// timedDependency looks for a timer that started another unit which brings this
// one up.
func (s *solver) timedDependency(r run, facts *event.Unit) bool {
	ended, until, exact := s.window(r, facts)
	if !exact {
		return false
	}
	for _, d := range dependents(facts, ".service") {
		other := s.unitFact(r.ask(d.Name))
		if other == nil || other.Why != "" {
			continue
		}
		for _, t := range other.Unit.TriggeredBy {
			if path.Ext(t) != ".timer" {
				continue
			}
			timer := s.unitFact(r.ask(t))
			if timer == nil || timer.Why != "" {
				continue
			}
			if at := sinceBoot(timer, timer.Unit.LastTriggerUS); at > ended && at <= until {
				s.because(evidence.Manager, finding.Dependency{Of: d.Name, Property: d.Dependency}, d.Name)
				s.triggeredBy(r, t, evidence.Manager)
				return true
			}
		}
	}
	return false
}

// device looks for a device that appeared and brings the unit up: when one does,
// what it wants is started at once (src/core/unit.c,
// retroactively_start_dependencies), asked for by nobody.
func (s *solver) device(r run, facts *event.Unit) bool {
	ended, until, exact := s.window(r, facts)
	if !exact || !s.heard() || facts.Unit.NRestarts > 0 || begun(facts) < s.since {
		return false
	}
	var only string
	for _, d := range dependents(facts, ".device") {
		device := s.unitFact(r.ask(d.Name))
		if device == nil || device.Why != "" {
			continue
		}
		if at := sinceBoot(device, device.Unit.ActiveEnterUS); at <= max(ended, s.since) || at > until {
			continue
		}
		if only != "" {
			return false // which of them did is not known
		}
		only = d.Name
	}
	if only == "" || s.open {
		return false
	}
	s.triggeredBy(r, only, evidence.Manager)
	return true
}

// --- triggers ---

var triggersByType = map[string]finding.Trigger{
	".timer": finding.TriggerTimer, ".socket": finding.TriggerSocket, ".path": finding.TriggerPath,
	".automount": finding.TriggerPath, ".device": finding.TriggerDevice,
}

// trigger returns the timer, socket or path unit that began the run.
func (s *solver) trigger(r run, u *event.UnitState) (name string, ev evidence.Evidence) {
	for _, t := range triggersOf(r, u) {
		facts := s.unitFact(r.ask(t))
		if facts == nil || facts.Why != "" {
			continue
		}
		if _, ok := unit.AcceptedFrom(r.unit); ok && u.InactiveExitUS == 0 && path.Ext(t) == ".socket" {
			return t, evidence.Inferred // the run is over and forgotten; its name tells
		}
		if ev := unit.StartedBy(u, &facts.Unit); ev != "" {
			return t, ev
		}
	}
	return "", ""
}

// triggersOf are the units that can have triggered the run. An instance for an
// accepted connection that is gone has no relations any more, but its name.
func triggersOf(r run, u *event.UnitState) []string {
	if _, ok := unit.AcceptedFrom(r.unit); ok && len(u.TriggeredBy) == 0 {
		template, _, _ := strings.Cut(r.unit, "@")
		return []string{template + ".socket"}
	}
	return u.TriggeredBy
}

func (s *solver) triggered(r run, facts *event.Unit) bool {
	if facts.Why != "" {
		return false
	}
	name, ev := s.trigger(r, &facts.Unit)
	if s.open || name == "" {
		return false
	}
	s.triggeredBy(r, name, ev)
	return true
}

func (s *solver) triggeredBy(r run, name string, ev evidence.Evidence) {
	kind := triggersByType[path.Ext(name)]
	cause := finding.Triggered{Trigger: kind, Unit: name}
	if from, ok := unit.AcceptedFrom(r.unit); ok && kind == finding.TriggerSocket {
		cause.Connection = &from
	}
	s.because(ev, cause, name)
	o := finding.Origin{Trigger: kind, Unit: name, Placement: placement(r.owner, name)}
	if facts, ok := s.fact(r.question()); ok && kind == finding.TriggerSocket && !facts.Peer.IsZero() {
		p, ancestry, why := s.tree.Lineage(facts.Peer)
		o.Process, o.Ancestry, o.AncestryWhy = &p, ancestry, why
	}
	s.origin(o)
}

func (s *solver) boot(r run) {
	s.because(evidence.Manager, finding.Boot{Manager: r.owner.Manager}, r.unit)
	s.origin(finding.Origin{Trigger: finding.TriggerBoot, Unit: r.unit, Placement: placement(r.owner, r.unit)})
}

// --- links ---

func placement(own request.Owner, name string) cgroup.Placement {
	return cgroup.Placement{Unit: name, Manager: own.Manager, OwnerUID: own.UID, HasOwner: own.Manager == event.ManagerUser}
}

func (s *solver) setting(ev evidence.Evidence, cause finding.Cause) {
	s.out.Links = append(s.out.Links, finding.Link{Kind: finding.KindSetting, Evidence: ev, Cause: cause})
}

func (s *solver) because(ev evidence.Evidence, cause finding.Cause, unitName string) {
	s.out.Links = append(s.out.Links, finding.Link{Kind: finding.KindBecause, Evidence: ev, Cause: cause, Unit: unitName})
}

func (s *solver) command(p *lineage.Process, ancestry []lineage.Process, why lineage.Cut) {
	pl := finding.Place(p)
	s.origin(finding.Origin{
		Trigger: finding.TriggerCommand, Process: p, Ancestry: ancestry, AncestryWhy: why, Unit: pl.Unit, Placement: pl,
	})
}

func (s *solver) unknown(why finding.Reason) {
	s.origin(finding.Origin{Trigger: finding.TriggerUnknown, Why: why})
}

// origin ends the chain. Its evidence is that of the weakest link.
func (s *solver) origin(o finding.Origin) {
	o.Evidence = evidence.Kernel
	if o.Trigger == finding.TriggerUnknown {
		o.Evidence = evidence.Unknown
	}
	for _, l := range s.out.Links {
		if l.Kind == finding.KindBecause || l.Kind == finding.KindAskedBy {
			o.Evidence = evidence.Weaker(o.Evidence, l.Evidence)
		}
	}
	s.out.Origin = o
}
