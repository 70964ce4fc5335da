package blame

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// facts are what is known of a run of a unit, for the rules to judge.
type facts struct {
	run
	// answer is what the manager says of the unit, state its state; known is set if
	// the manager knows the unit.
	answer answer
	state  *event.UnitState
	known  bool
	window window
	// before is the run before this one, if ranBefore.
	before    run
	ranBefore bool
	// requests are those to start the unit that can have begun the run, in the order
	// in which they were made, with what shows that they did.
	requests []request.Effect
	// dismissed are those that were most likely dealt with before.
	dismissed []request.Effect
}

// facts gathers what is known of a run, false if the manager's answer is missing.
func (s *solver) facts(r run) (*facts, bool) {
	a, ok := s.answer(r.question())
	if !ok {
		return nil, false
	}
	f := &facts{run: r, answer: a, state: &a.Unit.Unit, known: a.known()}
	f.window = s.windowOf(f)
	f.before, f.ranBefore = s.runs.before(r)
	f.window.before = f.before.began()
	s.requestsFor(f)
	return f, true
}

// window is the time in which a run was set going.
type window struct {
	// ended is when the run before ended, 0 where that is not known.
	ended uint64
	// before is when that had begun, 0 if it is not known.
	before uint64
	// until is when the run began.
	until uint64
	// exact is set if the manager gave that beginning. It notes it a moment after
	// the first process was forked, which may have made its namespace by then.
	exact bool
	// over is set if the manager says that the run is over.
	over bool
}

// holds reports whether a time is in the window.
func (w *window) holds(at uint64) bool { return at > max(w.ended, w.before) && at <= w.until }

// endKnown reports whether it is known when the run before ended, also if there was none.
func (w *window) endKnown() bool { return w.exact && !w.over }

func (s *solver) windowOf(f *facts) window {
	begun, u := f.answer.begun(), f.state
	// conditions are checked before the fork, so a check from before the creation
	// tells that the beginning behind it is this run's
	checked := f.answer.sinceBoot(u.ConditionUS)
	if begun == 0 || begun > f.at && u.MainPID != f.first.PID && (checked == 0 || checked > f.at) {
		return window{until: f.at, over: begun != 0}
	}
	if s.unified && !f.below && u.ControlGroupID != 0 && f.cgroup != 0 && u.ControlGroupID != uint64(f.cgroup) {
		return window{until: f.at, over: true} // the answer is about a later run
	}
	w := window{ended: f.answer.sinceBoot(u.InactiveEnterUS), until: min(begun, f.at), exact: true}
	if w.ended > w.until {
		// the run is over already; while it waits for an automatic restart, the
		// beginning is that of the wait (src/core/service.c, service_enter_dead)
		w.ended, w.over = 0, true
	}
	return w
}

// stopped is when the run before was over, 0 if that is not known. It is also 0
// for a oneshot: the job to start one is done only when its run is over.
func (f *facts) stopped() uint64 {
	if f.state.Type == "oneshot" {
		return 0
	}
	return f.window.ended
}

// names are the names by which the unit can have been asked for.
func (f *facts) names() []string {
	names := []string{f.unit}
	if !f.known {
		return names
	}
	names = append(names, f.state.Names...)
	if f.state.BusName != "" {
		names = append(names, request.ActivationAlias(f.state.BusName))
	}
	return names
}

// began is when the run had begun for certain, and its job was there. A job is not over
// before it has forked, but can be before that process makes its namespace.
func (f *facts) began() uint64 {
	switch {
	case f.window.exact && f.answer.begun() <= f.at:
		return f.window.until
	case f.first.StartNS != 0:
		return f.first.StartNS
	}
	return f.at
}

// beginning is what the requests for the unit are held against.
func (f *facts) beginning() request.Beginning {
	w := &f.window
	return request.Beginning{At: f.began(), Before: f.before.began(), Ended: w.ended, EndKnown: w.endKnown(), Over: w.over}
}

// restartedJob is a request that may have had the job that began the run begin anew, nil if
// there is none. Then another run was ended for it.
func (f *facts) restartedJob() *request.Effect {
	for _, list := range [][]request.Effect{f.requests, f.dismissed} {
		for i := range list {
			e := &list[i]
			if e.MayHaveBegunAnew() && !(f.window.endKnown() && f.window.ended < e.Since()) {
				return e
			}
		}
	}
	return nil
}

// requestsFor finds the requests to start the unit that can have begun the run.
func (s *solver) requestsFor(f *facts) {
	began, stopped := f.began(), f.stopped()
	list, dismissed, early := s.requestsNaming(f, f.names())
	dismissed = slices.DeleteFunc(dismissed, func(q *request.Request) bool {
		return s.dealtWith(f, q, began, stopped) == request.Certain
	})
	list = slices.DeleteFunc(list, func(q *request.Request) bool {
		dealt := s.dealtWith(f, q, began, stopped)
		if dealt == request.Presumed {
			dismissed = append(dismissed, q)
		}
		return dealt != request.NotDealt
	})
	s.resolveCallers(f, list)
	beginning := f.beginning()
	if p, ok := s.ends.Get(f.before.first); ok {
		beginning.Gone = p.ExitNS
	}
	f.requests = s.requests.Effects(f.owner, f.unit, list, beginning)
	for i := range f.requests {
		f.requests[i].Early = early
	}
	f.dismissed = s.requests.Effects(f.owner, f.unit, dismissed, beginning)
	for i := range f.dismissed {
		f.dismissed[i].Dismissed = true
		f.dismissed[i].Sign = min(f.dismissed[i].Sign, request.Unseen)
	}
	if last := len(f.requests) - 1; !f.window.exact && last > 0 && f.requests[last].Job == nil {
		// nothing tells which of them came to nothing
		f.requests = f.requests[last:]
		f.requests[0].Sign = min(f.requests[0].Sign, request.Unseen)
	}
}

// dealtWith reports whether a request for the unit was dealt with before a time. A job that came
// right after it may be a trigger's, which the manager does not announce.
func (s *solver) dealtWith(f *facts, q *request.Request, before, stopped uint64) request.Dealt {
	dealt := s.requests.DealtWith(q, f.names(), before, stopped)
	if triggers := !f.known || len(f.state.TriggeredBy) > 0; dealt == request.Certain && triggers && s.requests.MayHaveSecond(q, f.unit) {
		return request.Presumed
	}
	return dealt
}

// resolveCallers finds out who called the name that a bus asked for, now that it can be
// known which name that is.
func (s *solver) resolveCallers(f *facts, list []*request.Request) {
	for _, q := range list {
		if !q.Pending() {
			continue
		}
		name := ""
		if f.known {
			name = f.state.BusName
		}
		s.requests.ResolveCaller(q, name)
	}
}

// requestsNaming are the requests for a unit by one of its names that can have begun the
// run: none from before the run before began, and none from after this one
// began. One to start what was running has no effect, so it must come after the
// end of the run before.
//
// A bus asks for an activation when the name has no owner. That run may still be
// ending for its manager then. If the kernel saw the run's process end by then, the
// request counts like any other. If the process only ended later, the request
// counts where there is no other: then they are early, and one to start what ends is no
// better. Those that are no causes, or may have been read late, make others doubtful.
func (s *solver) requestsNaming(f *facts, names []string) (list, late []*request.Request, early bool) {
	until := f.window.until
	if at := s.runs.firstSeen(f.run); at != 0 {
		until = min(until, at)
	}
	if forked := f.first.StartNS; forked != 0 {
		until = min(until, forked) // which may be some time before the namespace is made
	}
	var brink, running []*request.Request
	ended := f.window.ended
	for _, q := range s.requests.Of(f.owner, names, 0, until) {
		switch s.judge(f, names[0], q) {
		case possible:
			list = append(list, q)
		case possiblyEarly:
			brink = append(brink, q)
		case unlikely:
			late = append(late, q)
		case inRun:
			running = append(running, q)
			readLate := q.Trusted() && q.MayBeReadAfter(ended) || f.ranBefore && s.requests.HadJobDuring(q, f.unit, f.before.began(), ended)
			if ended != 0 && readLate {
				late = append(late, q)
			}
		case withoutEffect:
		}
	}
	if len(list) == 0 && len(brink) > 0 { // the run before was ending, also for the others
		return brink, unique(late, running), true
	}
	return list, slices.Concat(late, brink), false
}

// unique has the requests of two lists, each once.
func unique(list, more []*request.Request) []*request.Request {
	for _, q := range more {
		if !slices.Contains(list, q) {
			list = append(list, q)
		}
	}
	return list
}

// effect says what a request can have had to do with the beginning of a run.
type effect int

const (
	withoutEffect effect = iota
	// possible: it can have begun the run.
	possible
	// possiblyEarly: it can have, if the run before was over for the bus before it
	// was for the manager.
	possiblyEarly
	// unlikely: it is older than the run before, which it most likely began, but the
	// manager may have read it after that.
	unlikely
	// inRun: it asks to start what was still running, for the manager at least.
	inRun
)

// judge says what a request for a unit can have had to do with the beginning of a run of
// that, or of one that it brings up.
func (s *solver) judge(f *facts, of string, q *request.Request) effect {
	ended := f.window.ended
	switch {
	case s.requests.HasJob(q, f.unit, f.began(), f.before.began(), ended):
		if q.OnlyRestarts() && s.wasOver(f, q) {
			return withoutEffect
		}
		return possible
	case of != f.unit && s.requests.HadJobAfter(q, of, max(ended, f.before.at)): // however long that took
		return possible
	case s.requests.MayHaveBegunAnew(q, of, f.began()):
		return possible
	case q.Waits(f.began()): // and may have been granted at any time since
		return possible
	case q.At <= f.before.at && q.Restarts() && q.MayBeReadAfter(f.before.at):
		return unlikely
	case q.At <= f.before.at && of == f.unit && ended != 0 && q.Trusted() && q.MayBeReadAfter(ended):
		return unlikely
	case q.At <= f.before.at && of == f.unit && !f.window.endKnown() && s.requests.MayRestartAgain(q, f.unit, f.before.began()):
		return unlikely
	case q.At <= f.before.at:
		return withoutEffect
	}
	if q.At <= ended && !q.Restarts() {
		afterRun := q.Activation && f.ranBefore
		switch {
		case afterRun && s.goneBy(f.before, q.At):
			return possible
		case of != f.unit && s.waitedFor(f, q.At): // with a job for this one
			return possible
		case afterRun && s.goneBy(f.before, f.at):
			return possiblyEarly
		}
		return inRun
	}
	if q.OnlyRestarts() && of == f.unit && s.wasOver(f, q) {
		return withoutEffect
	}
	return possible
}

// waitedFor reports whether the job that began a run was new after a time, and was there when
// the run before ended.
func (s *solver) waitedFor(f *facts, at uint64) bool {
	since := s.requests.JobSince(f.owner, f.unit, f.began(), f.window.ended)
	return since >= at && since <= f.window.ended
}

// wasOver reports whether nothing of the unit ran when a request was read, between the
// beginning of the run before and that of this one, or may not have. A job that was done
// since may have begun another run, in which no namespace was made.
func (s *solver) wasOver(f *facts, q *request.Request) bool {
	at := q.ReadFrom()
	if ended := f.window.ended; ended != 0 {
		return at > ended && !s.requests.MayHaveRunBetween(q, f.unit, ended, f.began())
	}
	// the end of the run before is not known: if nobody saw it running by then, it did not
	if !f.ranBefore {
		return f.window.endKnown() || !s.requests.HadJobDone(f.owner, f.unit, f.began())
	}
	gone, known := s.ends.Get(f.before.first)
	return known && gone.ExitNS != 0 && gone.ExitNS <= at && !s.requests.MayHaveRunBetween(q, f.unit, gone.ExitNS, f.began())
}

// goneBy reports whether the first process of a run is known to have ended by
// then.
func (s *solver) goneBy(r run, at uint64) bool {
	p, ok := s.ends.Get(r.first)
	return ok && p.ExitNS != 0 && p.ExitNS <= at
}

// askedBy reports whether somebody asked for the unit between the beginning of the
// run before and a time, or may have waited for leave since. It counts requests that
// should have had no effect, too.
func (s *solver) askedBy(f *facts, at uint64) bool {
	stopped := f.stopped()
	return slices.ContainsFunc(s.requests.Of(f.owner, f.names(), 0, at), func(q *request.Request) bool {
		mayMatter := q.At > f.before.at || q.MayWait(at) || q.Restarts() && q.At+maxTogetherNS > f.before.at || s.requests.MayHaveBegunAnew(q, f.unit, f.began())
		return mayMatter && s.dealtWith(f, q, f.first.StartNS, stopped) != request.Certain
	})
}

// whyUnanswered says why nothing is known of the unit.
func (f *facts) whyUnanswered() finding.Reason {
	if f.answer.missing {
		return finding.Reason{Code: finding.ReasonNoAnswer}
	}
	return finding.Reason{Text: f.answer.Why}
}
