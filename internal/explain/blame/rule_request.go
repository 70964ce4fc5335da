package blame

import (
	"slices"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// Who asks systemd for a unit calls StartUnit or the like
// (src/core/dbus-manager.c, method_start_unit_generic), or calls a bus name that
// has no owner: then the bus asks (src/core/dbus.c, signal_activation_request).
// systemd makes a job of it. A further request finds that job and joins it, unless
// it is one to restart, which replaces it (src/core/job.c, job_install). A request
// to start what runs already has no effect.
//
// That somebody asked does not show that it had an effect. So a request with a sign of
// its effect comes before everything that the manager says, and one without behind it.

// requested looks for the request that is seen to have begun the run.
func requested(s *solver, f *facts) verdict {
	e := s.best(f)
	if e == nil || !e.Sign.Shows() {
		return no
	}
	if f.known && f.state.NRestarts > 0 && f.ranBefore && !e.Restarts() {
		return s.unknown(finding.Reason{Code: finding.ReasonRestartOrRequest, Unit: f.unit})
	}
	name, at, _, v := s.trigger(f)
	switch {
	case v == blocked:
		return blocked
	case v == no, e.Since() != 0 && at > e.Since() && !e.MayBeOver: // the job was there before it triggered
	case e.Since() != 0 && at+maxTogetherNS < e.At:
		e.Doubt = triggerOr(f, name, e)
	default:
		return s.unknown(triggerOr(f, name, e))
	}
	if e.Doubt.IsZero() && s.mayRestart(f) && !e.Restarts() {
		e.Doubt = finding.Reason{Code: finding.ReasonRestartOrRequest, Unit: f.unit}
	}
	if e.Doubt.IsZero() {
		if e.Doubt, v = s.otherCause(f, e); v == blocked {
			return blocked
		}
	}
	return s.asked(f, e)
}

// mayRestart reports whether the run may be an automatic restart: the answer came so late that
// it is about another run, or it counts one for this run although none before it is known.
func (s *solver) mayRestart(f *facts) bool {
	if !f.known || f.state.Restart == "" || f.state.Restart == "no" {
		return false
	}
	mayHaveRun := f.ranBefore || s.requests.HadJobDone(f.owner, f.unit, f.began())
	return !f.window.exact && mayHaveRun || s.countOf(f) > 0
}

// best is the request that began the run as it seems, nil if there is none.
func (s *solver) best(f *facts) *request.Effect {
	e := s.requests.Best(f.requests)
	if e != nil && len(f.dismissed) > 0 {
		s.requests.Doubt(e, slices.Concat(f.requests, f.dismissed))
	}
	return e
}

// maxTogetherNS is how long after a trigger somebody may ask for the same, for it not to
// be known which of the two the manager took up first.
const maxTogetherNS = 1e9

// triggerOr says that a trigger and a request may both have begun the run.
func triggerOr(f *facts, trigger string, e *request.Effect) finding.Reason {
	return finding.Reason{Code: finding.ReasonTriggerOrRequest, Unit: f.unit, Trigger: trigger, PID: e.PID()}
}

// otherCause says what else may have made the job that a request seems to have brought
// about: whoever asked for a unit which brings this one up, or what else started that.
func (s *solver) otherCause(f *facts, e *request.Effect) (finding.Reason, verdict) {
	if pid, called := s.requests.CallerBefore(e.Request); called {
		return finding.Reason{Code: finding.ReasonOtherAsked, BusName: e.BusName, PID: pid}, no
	}
	since := sinceOf(e)
	if d := s.requestThrough(f); d != nil && d.Request != e.Request && d.Sign.Shows() && (since == 0 || since >= d.Since()) {
		return finding.Reason{Code: finding.ReasonOtherAsked, Unit: f.unit, PID: d.PID()}, no
	}
	for _, d := range f.bringing() {
		if s.requests.MadeWith(e, d.Name) {
			return triggerOr(f, d.Name, e), no
		}
	}
	if s.mayBeBoot(f) && f.window.ended == 0 && !f.ranBefore {
		return triggerOr(f, f.bringing()[0].Name, e), no
	}
	timer, _, v := s.timerThrough(f, since)
	if v != blocked && timer == "" {
		timer, v = s.unclearTrigger(f, e)
	}
	if v != blocked && timer == "" {
		timer, v = s.endedBefore(f, e)
	}
	if v == blocked || timer == "" {
		return finding.Reason{}, v
	}
	return triggerOr(f, timer, e), no
}

// sinceOf is since when the job of a request is known to be there until a run begins, 0 if it
// may be over by then.
func sinceOf(e *request.Effect) uint64 {
	if e.MayBeOver {
		return 0
	}
	return e.Since()
}

// unclearTrigger is a unit that may have begun the run before somebody asked for it, where
// the manager's times do not tell: they are those of a later run, or of a time before the
// machine was suspended, or its job may be over by then. It is empty if there is none.
//
// Each unit is asked about at a time of its own. So what is said of this one may be about the
// run, while a timer tells of a later time, which hides an earlier one.
func (s *solver) unclearTrigger(f *facts, e *request.Effect) (name string, v verdict) {
	since, early := e.At-min(e.At, maxTogetherNS), e.Since() != 0 && e.Since() <= f.window.ended+microsecond
	if early { // it was made while the run before was being stopped
		since = max(since, f.before.began())
	} else {
		since = max(since, f.window.ended)
	}
	if f.window.exact && s.lagSince < e.At && !e.MayBeOver && !early {
		since = max(since, f.began())
	}
	if name, v = s.triggerSince(f, "", since); name != "" || v == blocked || !e.MayHaveFound() {
		return name, v
	}
	return s.listenerSince(f, "", max(f.window.ended, e.At))
}

// endedBefore is a unit whose end may have made the job that a request seems to have brought
// about, empty if there is none.
func (s *solver) endedBefore(f *facts, e *request.Effect) (name string, v verdict) {
	look := lookout{solver: s, facts: f, since: max(f.window.ended, e.At-min(e.At, maxTogetherNS)), until: sinceOf(e), v: no}
	look.ends()
	return look.name, look.v
}

// requestedUnseen names who asked for the unit where nothing shows that this had an
// effect, and nothing else can have begun the run.
func requestedUnseen(s *solver, f *facts) verdict {
	e := s.best(f)
	if e == nil || e.Sign != request.Unseen {
		return no
	}
	name, v := s.mayHaveTriggered(f)
	switch v {
	case blocked:
		return blocked
	case yes:
		return s.unknown(triggerOr(f, name, e))
	case no:
	}
	return s.asked(f, e)
}

// mayBe is the request without a sign that may have begun the run after all, nil if
// there is none.
func (s *solver) mayBe(f *facts) *request.Effect {
	for _, list := range [][]request.Effect{f.requests, f.dismissed} {
		for i := range list {
			if e := &list[i]; s.requests.MayBe(e) {
				return e
			}
		}
	}
	return nil
}

// asked adds who made a request, and goes on from there.
func (s *solver) asked(f *facts, e *request.Effect) verdict {
	var cause finding.Cause = finding.Job{Method: e.Method, Unit: e.Unit}
	if e.Activation {
		cause = finding.BusActivation{BusName: e.BusName, Unit: e.Unit, Waiting: e.Waiting}
	}
	ev := e.Evidence()
	s.link(actedUpon(e), cause, f.unit)
	if !e.Known {
		return s.unknown(e.Why)
	}
	c := e.Caller
	s.out.Links = append(s.out.Links, finding.Link{
		Kind: finding.KindAskedBy, Evidence: ev, Why: e.Doubt, Process: &c.Process, Ancestry: c.Ancestry,
	})
	return s.process(actor{process: &c.Process, ancestry: c.Ancestry, cut: c.Why}, e.AskedAt())
}

// actedUpon is how it is known that a manager acted upon a request. That a user's
// manager did is its own word, by which it could blame anybody who ever asked it for
// something. It is believed about processes of its own user, who could have them do
// anything.
func actedUpon(e *request.Effect) evidence.Evidence {
	ev := evidence.Weaker(evidence.Kernel, e.Evidence())
	if e.Known && !e.Caller.Process.Unresolved && e.Caller.Process.UID == e.Owner.UID {
		return ev
	}
	return word(e.Owner, ev)
}
