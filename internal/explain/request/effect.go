package request

import (
	"slices"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// maxWaitNS is how long a request without a sign of effect may have waited, as one
// does that waits for a password.
const maxWaitNS = 300e9

// Sign is what shows that a request began a run of a unit.
type Sign int

// The signs.
const (
	// Unseen: nothing shows it. It may have been refused unseen, or still wait.
	Unseen Sign = iota
	// Joined: it was given a job that was there before it. Another request, or
	// something else, has made that job.
	Joined
	// JobAnnounced: the manager had a new job for the unit right after it, and nothing
	// else can have made that.
	JobAnnounced
	// JobAnswered: the manager answered with a job that was new after it.
	JobAnswered
	// BusAsked: the bus asked for an activation, and did not give up.
	BusAsked
)

// Shows reports whether the sign is a positive one.
func (s Sign) Shows() bool { return s > Joined }

// Effect is a request, and what shows that it began a run.
type Effect struct {
	*Request
	Sign Sign
	// Job is the job that began the run, nil where it is not known.
	Job *Job
	// Doubt is why the evidence is no better than inferred. Early is set if it is not
	// for the run before may not have been over when the request was made.
	Doubt finding.Reason
	Early bool
	// again is set if the request had a job begin anew that was there before it.
	again bool
}

// Evidence is how it is known that the request began the run.
func (e *Effect) Evidence() evidence.Evidence {
	if !e.Sign.Shows() || !e.Doubt.IsZero() || e.Early {
		return evidence.Weaker(evidence.Inferred, e.Request.Evidence)
	}
	return e.Request.Evidence
}

// Since is when the job is known to have been there, 0 if that is not known.
func (e *Effect) Since() uint64 {
	if e.Job == nil {
		return 0
	}
	return e.Job.announced
}

// Effects judges the requests that may have begun a run of a unit. begun is when it
// began, before when the run before it did, 0 if there was none.
//
// At any time a unit has one job. So the job that is there when a run begins has begun
// it, and whoever asked for that job is the cause. A request that finds a job joins it.
func (t *Tracker) Effects(owner Owner, unit string, list []*Request, begun, before uint64) []Effect {
	return effects(t.jobs.there(owner, unit, begun), list, begun, before)
}

// EffectsThrough judges the requests for another unit that may have brought up a unit,
// which depends on it. The jobs for both are made at once, and either may be over first
// (src/core/transaction.c, transaction_activate_jobs).
func (t *Tracker) EffectsThrough(owner Owner, other, unit string, list []*Request, begun uint64) []Effect {
	own := t.jobs.there(owner, unit, begun)
	all := effects(t.jobs.announced(owner, other, begun), list, begun, 0)
	return slices.DeleteFunc(all, func(e Effect) bool {
		madeWith := func(j *Job) bool {
			return j.announced >= e.At && (e.Job == nil || j.announced <= e.Job.announced+maxFlightNS)
		}
		return e.Sign == Joined || len(own) > 0 && !slices.ContainsFunc(own, madeWith)
	})
}

func effects(jobs []*Job, list []*Request, begun, before uint64) []Effect {
	var found []Effect
	for _, q := range list {
		e := Effect{Request: q}
		if e.find(jobs, before) && (e.Sign != Unseen || begun-q.At <= maxWaitNS) {
			found = append(found, e)
		}
	}
	if !slices.ContainsFunc(found, func(e Effect) bool { return e.again }) {
		return found
	}
	// whoever made the job has begun the run before
	return slices.DeleteFunc(found, func(e Effect) bool { return !e.again && e.Job != nil && e.Job.announced <= before })
}

// MayBe reports whether a request without a sign may have had the job that began a run
// after all: the manager had a new job right after it. If it had none, the request has
// had no effect, for the job is announced to whoever asks (src/core/dbus.c, bus_foreach_bus,
// with the job's own bus_track), unless he wanted no answer and is gone.
func (t *Tracker) MayBe(e *Effect) bool {
	switch at, lost := t.lost[ownerless]; {
	case e.Sign != Unseen:
		return false
	case lost && at >= e.At, e.accepted:
		return true
	}
	if e.Job == nil {
		return e.silent && e.isTrusted()
	}
	return e.Job.announced-e.At <= maxFlightNS
}

// find looks for a sign among the jobs that were there when the run began, false if the
// request had another job.
func (e *Effect) find(jobs []*Job, before uint64) bool {
	q := e.Request
	for _, j := range jobs {
		if q.jobID == j.id || q.jobID == 0 && j.announced >= q.ReadFrom() {
			e.Job = j
		}
	}
	switch {
	case q.jobID != 0 && len(jobs) > 0 && e.Job == nil:
		return false
	case q.jobID == 0 && len(jobs) > 0 && e.Job == nil, e.Job != nil && e.Job.announced < q.ReadFrom():
		e.join(jobs, before)
	case q.Activation:
		e.Sign = BusAsked
	case e.Job == nil:
	case q.accepted:
		e.Sign = JobAnswered
	case !q.canBeAnswered() && q.isTrusted() && e.Job.announced-q.At <= maxFlightNS:
		e.Sign = JobAnnounced
	}
	return true
}

// join judges a request that found a job. One to restart has the job of a start that is
// under way begin anew (src/core/job.c, job_merge_into_installed and job_install).
func (e *Effect) join(jobs []*Job, before uint64) {
	e.Sign, e.Job = Joined, jobs[len(jobs)-1]
	if e.Restarts() && e.accepted {
		e.Sign = Unseen // if nothing ran yet, the job began nothing anew
		if before >= e.Job.announced {
			e.Sign, e.again = JobAnswered, true
		}
	}
}

// doubt weighs a request against the others that can have made the same job, and
// against what could not be read.
func (t *Tracker) doubt(e *Effect, all []Effect) {
	e.Doubt = e.Request.Doubt
	read := e.At
	if e.Job != nil {
		read = e.Job.announced
	}
	if !e.Sign.Shows() {
		if e.Sign == Unseen {
			e.Doubt = e.about(finding.ReasonNoEffectSeen)
		}
		return
	}
	for i := range all {
		other := &all[i]
		if other.Request != e.Request && other.Sign.Shows() && other.Job == e.Job && other.couldPrecede(e, read) {
			e.Doubt = e.about(finding.ReasonOtherAsked)
			e.Doubt.PID = other.process().PID
			return
		}
	}
	if e.Doubt.IsZero() && e.Sign == BusAsked && e.Job == nil {
		e.Doubt = e.unheardBefore(all)
	}
	if e.Doubt.IsZero() && e.Request.Evidence == evidence.Kernel {
		e.Doubt = t.hidden(e, read)
	}
}

// unheardBefore says who asked right before a bus did and wanted no answer. His job would
// be announced, but that may come after the run has begun.
func (e *Effect) unheardBefore(all []Effect) finding.Reason {
	for i := range all {
		other := &all[i]
		if other.Sign == Unseen && !other.canBeAnswered() && other.isTrusted() && other.At < e.At && e.At-other.At <= maxFlightNS {
			why := e.about(finding.ReasonOtherAsked)
			why.PID = other.PID()
			return why
		}
	}
	return finding.Reason{}
}

// couldPrecede reports whether a request can have been read before another one, which
// was read at a time.
func (e *Effect) couldPrecede(other *Effect, read uint64) bool {
	if e.process() == other.process() && !e.process().IsZero() || e.sent.sameConnection(other.sent) {
		return e.At < other.At
	}
	if e.Job == nil {
		return false // both were asked for by buses, which ask in order
	}
	return e.At <= read && read-e.At <= maxFlightNS
}

// hidden returns who may have been first, and was not heard. A request with an answer of
// its own is doubted for what is nobody's alone.
func (t *Tracker) hidden(e *Effect, read uint64) finding.Reason {
	lost := e.about(finding.ReasonMessagesLost)
	q := e.Request
	switch e.Sign {
	case BusAsked:
		if q.called == 0 {
			return finding.Reason{}
		}
		name := busName{q.to.bus, q.BusName}
		why := t.doubtOf(q, q.call, q.called, q.At, func(u *unread) bool { return u.couldCall(name) })
		if why.IsZero() && t.lostSince(q, q.called) {
			return lost
		}
		return why
	case JobAnnounced:
		why := t.doubtOf(q, q.sent, q.At, read, (*unread).couldRequest)
		if why.IsZero() && t.lostSince(q, q.At) {
			return lost
		}
		return why
	}
	if at, known := t.lost[ownerless]; known && at >= q.At {
		return lost
	}
	return finding.Reason{}
}

// HasJob reports whether the request has a job of its own that was new after the
// beginning of the run before, and is there when a run of a unit begins. Then the times
// at which the request was sent, or the run before was over, decide nothing. ended is
// when it was over.
func (t *Tracker) HasJob(q *Request, unit string, begun, before, ended uint64) bool {
	return q.jobID != 0 && t.jobs.hasJob(q, unit, begun, before, ended)
}

// MayHaveMissed reports whether somebody may have asked a manager for something in a
// time without that being in the stream: root, or with byName anybody who calls a name.
func (t *Tracker) MayHaveMissed(owner Owner, byName bool, from, until uint64) bool {
	for _, at := range t.lost {
		if at+maxFlightNS >= from {
			return true
		}
	}
	for who, list := range t.unread[owner] {
		if who.UID != 0 && !byName {
			continue // he would have to be given leave
		}
		for i := range list {
			if list[i].from <= until && list[i].at+maxFlightNS >= from {
				return true
			}
		}
	}
	return false
}

// Best returns the one of the requests that began the run, nil if none may have: the
// first with a sign, or else the last to restart, or else the first that the manager
// had to obey.
func (t *Tracker) Best(list []Effect) *Effect {
	e := best(list)
	if e != nil {
		t.doubt(e, list)
	}
	return e
}

func best(list []Effect) *Effect {
	first := func(is func(e *Effect) bool) *Effect {
		for i := range list {
			if is(&list[i]) {
				return &list[i]
			}
		}
		return nil
	}
	if e := first(func(e *Effect) bool { return e.Sign.Shows() }); e != nil {
		return e
	}
	for i := range slices.Backward(list) {
		if e := &list[i]; e.Sign == Unseen && e.Restarts() {
			return e
		}
	}
	if e := first(func(e *Effect) bool { return e.Sign == Unseen && e.isTrusted() }); e != nil {
		return e
	}
	return first(func(e *Effect) bool { return e.Sign == Unseen })
}
