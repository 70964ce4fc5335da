package request

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
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
	// Dismissed is set if the request was most likely dealt with before the run began.
	Dismissed bool
	// MayBeOver is set if the job may be over, and its end only not have been heard.
	MayBeOver bool
	// again is set if the request had a job begin anew that was there before it, mayAgain
	// if it may have.
	again, mayAgain bool
	// mayHaveWaited is set of one that had a job begin anew if that job may have waited for the
	// end of a run instead.
	mayHaveWaited bool
	// found is set if the job of a unit that the request brought up was announced before the
	// answer. Of the jobs that are made for a request only its own is.
	found bool
	// mayHaveEnded is set of a request that only restarts what runs if the run before may have
	// been ended for it. Else its job did nothing.
	mayHaveEnded bool
	// open is until when somebody may have had the job begin anew, 0 if nothing ended while it
	// was there.
	open uint64
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

// MayHaveFound reports whether something else may have made the job, and the request have
// found it. So it may without an answer, or if the job came longer after the request than a
// manager takes to read it: that was busy, or the request waited for leave. And so it may if
// the answer came longer after the job than the manager takes to send both.
func (e *Effect) MayHaveFound() bool {
	if e.Job == nil || e.found {
		return e.found
	}
	unanswered := !e.accepted && !e.Activation
	return unanswered || e.Job.announced > e.At+maxFlightNS || e.accepted && e.answered > e.Job.announced+maxAnswerNS
}

// maxAnswerNS is how long after the announcement of a job that was made for a request the
// answer comes. A manager sends the one right before the other (src/core/dbus-unit.c,
// bus_unit_queue_job_one).
const maxAnswerNS = 5e6

// Beginning is when a run of a unit began, and what is known of the one before.
type Beginning struct {
	// At is when it began.
	At uint64
	// Before is when the run before it did, 0 if there was none. Ended is when that was
	// over, 0 if that is not known.
	Before, Ended uint64
	// EndKnown is set if that is known, also if there was none.
	EndKnown bool
	// Gone is when the first process of the run before ended, 0 if that is not known.
	Gone uint64
	// Over is set if the manager says that it is over, and with it the job that began it.
	Over bool
}

// Effects judges the requests that may have begun a run of a unit.
//
// At any time a unit has one job. So the job that is there when a run begins has begun
// it, and whoever asked for that job is the cause. A request that finds a job joins it.
func (t *Tracker) Effects(owner Owner, unit string, list []*Request, run Beginning) []Effect {
	jobs := t.jobs.there(owner, unit, run.At)
	if run.At-min(run.At, run.Ended) > maxFlightNS { // one to restart the unit goes on at once
		jobs = slices.DeleteFunc(jobs, func(j *Job) bool { return j.mayBeOver(run.At, run.Ended) })
	}
	found := slices.DeleteFunc(effects(jobs, list, run), func(e Effect) bool { return run.EndKnown && t.didNothing(&e, unit, run.Ended) })
	t.anew(found, unit, run)
	found = withAnew(found, run)
	for i := range found {
		e := &found[i]
		e.MayBeOver = e.Job != nil && e.Job.endUnheard(run)
		e.mayHaveEnded = e.OnlyRestarts() && e.Job != nil
		if e.Job != nil && !(run.EndKnown && run.Ended < e.Job.announced) {
			e.open = run.At
		}
	}
	return found
}

// didNothing reports whether the request was one to restart what runs, and nothing ran when
// it had a job: the run before had ended, and no job since then can have begun another one.
func (t *Tracker) didNothing(e *Effect, unit string, ended uint64) bool {
	return e.OnlyRestarts() && e.Job != nil && !e.joined() && ended < e.Job.announced &&
		!t.MayHaveRunBetween(e.Request, unit, ended, e.Job.announced)
}

// endUnheard reports whether the job may have been over before a run began. Its end is said
// to who listens then, maybe to nobody. So where it was not heard of a run that is over, it
// may have come at any time.
func (j *Job) endUnheard(run Beginning) bool {
	if run.Ended == 0 {
		return run.Over && j.over == 0
	}
	return j.mayBeOver(run.At, run.Ended) // runs in which no namespace was made are not known
}

// EffectsThrough judges the requests for another unit that may have brought up a unit,
// which depends on it. The jobs for both are made at once, and either may be over first
// (src/core/transaction.c, transaction_activate_jobs).
func (t *Tracker) EffectsThrough(owner Owner, other, unit string, list []*Request, run Beginning) []Effect {
	own := t.jobs.there(owner, unit, run.At)
	all := effects(t.jobs.announced(owner, other, run.At), list, Beginning{At: run.At})
	t.anew(all, other, Beginning{At: run.At})
	all = withAnew(all, Beginning{})
	all = slices.DeleteFunc(all, func(e Effect) bool {
		switch {
		case e.Sign == Joined:
			return !slices.ContainsFunc(own, func(j *Job) bool { return j.announced >= e.At })
		case e.OnlyRestarts(): // if that ran, the job for this one comes right after
			return e.Job == nil || !slices.ContainsFunc(own, func(j *Job) bool {
				return e.madeWith(j) && j.announced >= e.Job.announced && j.announced <= e.Job.announced+maxApartNS
			})
		case len(own) > 0:
			return !slices.ContainsFunc(own, e.madeWith)
		}
		return slices.ContainsFunc(t.jobs.of(owner, unit), func(j *Job) bool { return e.madeWith(j) && j.over != 0 && j.over < run.At })
	})
	for i := range all {
		e := &all[i]
		e.mayAgain = e.mayAgain || e.Sign == Joined // which brings the unit up once more
		e.found = e.accepted && slices.ContainsFunc(own, func(j *Job) bool { return e.madeWith(j) && j.announced < e.answered })
		e.MayBeOver = e.Job != nil && (e.Job.over != 0 && e.Job.over < run.At || e.Job.endUnheard(Beginning{At: run.At, Ended: run.Ended, Over: run.Over}))
	}
	return all
}

// madeWith reports whether a job of a unit may have been made with that of the request for
// another one.
func (e *Effect) madeWith(j *Job) bool {
	return j.announced >= e.At && (e.Job == nil || j.announced <= e.Job.announced+maxFlightNS && (e.Job.over == 0 || j.announced <= e.Job.over))
}

func effects(jobs []*Job, list []*Request, run Beginning) []Effect {
	var found []Effect
	for _, q := range list {
		e := Effect{Request: q}
		if e.find(jobs, run.Before) && (e.Sign != Unseen || run.At-q.At <= maxWaitNS) {
			found = append(found, e)
		}
	}
	return found
}

// withAnew leaves out those that come to nothing if a request had a job begin anew.
func withAnew(found []Effect, run Beginning) []Effect {
	if !slices.ContainsFunc(found, func(e Effect) bool { return e.again }) {
		return found
	}
	// whoever made the job has begun the run before, and is not known to have joined it
	begun := begunAnew(found)
	found = slices.DeleteFunc(found, func(e Effect) bool {
		return !e.again && !e.mayAgain && slices.Contains(begun, e.Job)
	})
	slices.SortStableFunc(found, func(x, y Effect) int { return btoi(y.joined()) - btoi(x.joined()) })
	// whoever had it begin anew before that may have begun the run before
	return slices.DeleteFunc(found, func(e Effect) bool { return (e.again || e.mayAgain) && e.accepted && e.answered <= run.Before })
}

// begunAnew are the jobs that have begun anew. One that may have waited for the end of a run
// instead, which something else had begun, is none.
func begunAnew(found []Effect) []*Job {
	var list []*Job
	for i := range found {
		if found[i].again && !found[i].mayHaveWaited {
			list = append(list, found[i].Job)
		}
	}
	return list
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// anew looks for requests to restart a unit that had a job begin anew because a run ended
// while that was there. A job that was made to restart the unit may have ended that run
// itself, and one that came while the unit was being stopped has waited for that.
func (t *Tracker) anew(list []Effect, unit string, run Beginning) {
	for i := range list {
		e := &list[i]
		if e.again || !e.Restarts() || !e.joined() {
			continue
		}
		if e.Job.announced > run.Ended {
			e.mayAgain = e.mayAgain && !run.EndKnown // a run in which no namespace was made is not known
			continue
		}
		restarts := func(other Effect) bool { return other.Job == e.Job && other.Restarts() && !other.joined() }
		endedBefore := run.Gone >= e.Job.announced && e.answered > run.Gone
		if !e.accepted || endedBefore || slices.ContainsFunc(list, restarts) || t.jobs.canceledOne(e.Owner, unit, e.Job) {
			e.mayAgain = true
			continue
		}
		e.Sign, e.again = JobAnswered, true
		isGone := run.Gone != 0 && run.Gone < e.Job.announced
		e.mayHaveWaited = !isGone && (run.Before != 0 || t.jobs.mayRun(e.Owner, unit, e.Job.announced))
	}
}

// joined reports whether the job of the request was there before it.
func (e *Effect) joined() bool { return e.Job != nil && e.Job.announced < e.ReadFrom() }

// MayBe reports whether a request without a sign may have had the job that began a run
// after all: the manager had a new job right after it. If it had none, the request has
// had no effect, for the job is announced to whoever asks (src/core/dbus.c, bus_foreach_bus,
// with the job's own bus_track), unless he wanted no answer and is gone.
func (t *Tracker) MayBe(e *Effect) bool {
	switch at, lost := t.lost[e.Owner.Manager][ownerless]; {
	case e.Sign != Unseen:
		return false
	case lost && at >= e.At, e.accepted:
		return true
	}
	if e.Job == nil {
		return (e.silent || e.Activation) && e.isTrusted() // whose job is announced to nobody
	}
	return e.Job.announced-e.At <= maxFlightNS+t.suspended(e.At, e.Job.announced) || e.awaitsAnswer() && !e.isTrusted()
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
	case e.Job != nil && e.hadAnew(before):
		e.Sign, e.again = JobAnswered, true
	case q.jobID == 0 && len(jobs) > 0 && e.Job == nil, e.joined():
		e.join(jobs, before)
	case q.Activation:
		e.Sign = BusAsked
	case e.Job == nil:
		e.mayAgain = q.accepted && q.Restarts() && !q.OnlyRestarts()
	case q.accepted:
		e.Sign = JobAnswered
	case !q.canBeAnswered() && q.isTrusted() && e.Job.announced-q.At <= maxFlightNS:
		e.Sign = JobAnnounced
	case q.Restarts() && before >= e.Job.announced:
		e.mayAgain = q.canBeAnswered() // its answer is still to come
	}
	return true
}

// join judges a request that found a job. One to restart has the job of a start that is
// under way begin anew (src/core/job.c, job_merge_into_installed and job_install).
func (e *Effect) join(jobs []*Job, before uint64) {
	e.Sign = Joined
	if e.Job == nil {
		e.Job = jobs[len(jobs)-1]
	}
	e.mayAgain = e.Restarts() && (e.accepted || e.canBeAnswered() || e.isTrusted())
	if e.Restarts() && e.accepted {
		e.Sign = Unseen // if nothing ran yet, the job began nothing anew
		if e.hadAnew(before) {
			e.Sign, e.again = JobAnswered, true
		}
	}
}

// hadAnew reports whether the request had its job begin anew: that was there when the run
// before began.
func (e *Effect) hadAnew(before uint64) bool {
	return e.accepted && e.Restarts() && before >= e.Job.announced
}

// Doubt weighs a request against the others that can have made the same job, and
// against what could not be read.
func (t *Tracker) Doubt(e *Effect, all []Effect) {
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
		if other.Request == e.Request {
			continue
		}
		if other.mayHaveMade(e) && other.couldPrecede(e, read, t.suspended(other.At, read)) || other.mayHaveHadAnew(e) || other.mayHaveReplaced(e) || other.mayHaveFoundNone(e) {
			e.Doubt = e.about(finding.ReasonOtherAsked)
			e.Doubt.PID = other.process().PID
			if other.isAnybodys() {
				e.Doubt = other.Why
			}
			return
		}
	}
	if e.Doubt.IsZero() && e.Job != nil {
		e.Doubt = t.strangerWith(e)
	}
	if e.Doubt.IsZero() && e.Sign == BusAsked && e.Job == nil {
		e.Doubt = e.unheardBefore(all)
	}
	if e.Doubt.IsZero() {
		e.Doubt = t.hidden(e, max(read, e.open))
	}
}

// strangerWith says who was given the job of a request, too, for a call that is not known.
func (t *Tracker) strangerWith(e *Effect) finding.Reason {
	pid, given := t.jobs.strangers.Get(jobNumber{e.Owner, e.Job.id})
	if !given {
		return finding.Reason{}
	}
	why := e.about(finding.ReasonOtherAsked)
	why.PID = pid
	return why
}

// MayHaveBegunAnew reports whether the request found a job, and may have had that begin anew.
func (e *Effect) MayHaveBegunAnew() bool { return e.mayAgain && e.joined() }

// mayHaveMade reports whether the request may be what the job of another one was made for:
// it has a sign of its own, or its answer is still to come, or none was asked for, or it was
// dismissed. The answer to one may be heard before the run is looked at, and that to the
// other behind it.
func (e *Effect) mayHaveMade(other *Effect) bool {
	if e.Job != nil && other.Job != nil && e.Job != other.Job {
		return e.Sign.Shows() // which of the two began the run is not known
	}
	if e.cameToNothing(other) {
		return false
	}
	mayYetShow := e.awaitsAnswer() || e.isAnybodys() || e.isTrusted() && (e.Dismissed || !e.canBeAnswered())
	return e.Job == other.Job && (e.Sign.Shows() || e.Job != nil && mayYetShow)
}

// cameToNothing reports whether a bus asked before it did so again: then what it had asked for
// was over.
func (e *Effect) cameToNothing(other *Effect) bool {
	return e.Dismissed && e.Activation && other.Activation
}

// isAnybodys reports whether it is not known who sent the request. He may have to be obeyed.
func (e *Effect) isAnybodys() bool { return !e.Activation && e.Caller == nil }

// mayHaveHadAnew reports whether the request may have had the job of another one begin
// anew.
func (e *Effect) mayHaveHadAnew(other *Effect) bool {
	return e.Job == other.Job && (e.mayAgain || e.again && other.again)
}

// mayHaveReplaced reports whether the request has a newer job than another one, which may have
// begun the run: that of the other one may be over, without that having been heard.
func (e *Effect) mayHaveReplaced(other *Effect) bool {
	return e.Job != nil && other.Job != nil && e.Job.announced > other.Job.announced && e.Sign.Shows() && (!e.OnlyRestarts() || e.mayHaveEnded)
}

// mayHaveFoundNone reports whether the request may have had a job of its own, since that of
// another one, which it seems to have joined, may have been over by then.
func (e *Effect) mayHaveFoundNone(other *Effect) bool {
	return other.MayBeOver && e.Sign == Joined && e.Job == other.Job && !e.accepted
}

// awaitsAnswer reports whether the answer to a request is still to come.
func (e *Effect) awaitsAnswer() bool { return e.Sign == Unseen && e.canBeAnswered() && !e.accepted }

// unheardBefore says who asked at about the time at which a bus did, and wanted no answer or
// has none yet. His job would be announced, but that may come after the run has begun. The
// manager reads each connection in order, but which of them first is up to it.
func (e *Effect) unheardBefore(all []Effect) finding.Reason {
	for i := range all {
		other := &all[i]
		silent := other.Sign == Unseen && !other.canBeAnswered() && other.isTrusted() && !other.cameToNothing(e)
		if (silent || other.awaitsAnswer()) && other.mayBeReadBefore(e.Request) {
			why := e.about(finding.ReasonOtherAsked)
			why.PID = other.PID()
			return why
		}
	}
	return finding.Reason{}
}

// mayBeReadBefore reports whether the manager may have read one request before another one
// that it read in good time.
func (r *Request) mayBeReadBefore(other *Request) bool {
	if r.At < other.At {
		return other.At-r.At <= maxFlightNS
	}
	return r.At <= other.ReadFrom()+maxFlightNS && !r.sent.sameConnection(other.sent)
}

// couldPrecede reports whether a request can have been read before another one, which
// was read at a time, if the machine was suspended for a while meanwhile.
func (e *Effect) couldPrecede(other *Effect, read, suspended uint64) bool {
	if e.process() == other.process() && !e.process().IsZero() || e.sent.sameConnection(other.sent) {
		return e.At < other.At
	}
	if e.Job == nil {
		return false // both were asked for by buses, which ask in order
	}
	return e.At <= read && (read-e.At <= maxFlightNS+suspended || e.wasGiven(other.Job))
}

// wasGiven reports whether a request was answered with a job. A busy manager may have read it
// long after it was sent.
func (e *Effect) wasGiven(j *Job) bool { return e.accepted && j != nil && e.jobID == j.id }

// hidden returns who may have been first, and was not heard. A request with an answer of
// its own is doubted for what is nobody's alone, root's or a service's.
func (t *Tracker) hidden(e *Effect, read uint64) finding.Reason {
	lost := e.about(finding.ReasonMessagesLost)
	q := e.Request
	switch e.Sign {
	case BusAsked:
		if q.called == 0 {
			return finding.Reason{}
		}
		name := busName{q.to.bus, q.BusName}
		why := t.doubtOf(q, q.call, q.called, q.At, func(u *unread) bool { return u.couldCall(name) }, anybodys)
		if why.IsZero() && t.lostSince(q, q.called) {
			return lost
		}
		return why
	case JobAnnounced:
		why := t.doubtOf(q, q.sent, q.At, read, (*unread).couldRequest, anybodys)
		if why.IsZero() && t.lostSince(q, q.At) {
			return lost
		}
		return why
	}
	for owner, at := range t.lost[q.Owner.Manager] {
		if owner.UID < minUserUID && at+maxFlightNS >= q.At {
			return lost
		}
	}
	return t.doubtOf(q, q.sent, q.At, read, (*unread).couldRequest, roots)
}

// minUserUID is the least uid of an account that is a person's. Those below it are root's
// and of services, such as a bus.
const minUserUID = 1000

// MadeWith reports whether the job of a request may have been made with one for another
// unit, which brings the unit up. The jobs of one transaction are numbered in the order
// in which they are made, the one that was asked for first, and are announced together
// (src/core/transaction.c, transaction_add_job_and_dependencies). A request that finds
// such a job is answered with its number, as if it had made it.
func (t *Tracker) MadeWith(e *Effect, other string) bool {
	if e.Job == nil {
		return false
	}
	return slices.ContainsFunc(t.jobs.of(e.Owner, other), func(j *Job) bool {
		return e.Job.mayComeWith(j) && (j.over == 0 || j.over >= e.At)
	})
}

// together reports whether there is no more between two times than a message may take.
func together(x, y uint64) bool { return max(x, y)-min(x, y) <= maxFlightNS }

// JobSince is since when the job that is there when a run of a unit begins is known to be
// there, 0 if none is known.
func (t *Tracker) JobSince(owner Owner, unit string, begun, ended uint64) uint64 {
	since := uint64(0)
	for _, j := range t.jobs.there(owner, unit, begun) {
		if j.mayBeOver(begun, ended) || t.jobs.mayDoNothing(owner, unit, j) {
			return 0
		}
		since = j.announced
	}
	return since
}

// HadJobBetween reports whether a unit had a job at a time, or a new one after it, that was over
// before another one was new. One that was there may have been to stop the unit, and was
// cancelled then.
func (t *Tracker) HadJobBetween(owner Owner, unit string, at, since uint64) bool {
	return slices.ContainsFunc(t.jobs.of(owner, unit), func(j *Job) bool {
		wasThere := j.announced < at && j.result != "canceled"
		return j.announced != 0 && (wasThere || j.announced >= at) && j.over >= at && j.over != 0 && j.over < since && !t.jobs.mayDoNothing(owner, unit, j)
	})
}

// MayRestartAgain reports whether a request to restart a unit had a job when the run that began
// at a time did, which is not known to be over.
func (t *Tracker) MayRestartAgain(q *Request, unit string, began uint64) bool {
	return q.jobID != 0 && q.Restarts() && slices.ContainsFunc(t.jobs.of(q.Owner, unit), func(j *Job) bool {
		return j.id == q.jobID && j.announced != 0 && j.announced <= began && (j.over == 0 || j.over > began)
	})
}

// HadJobDuring reports whether a request for a unit was given a job that was new during the run
// between two times, and is not known to be over.
func (t *Tracker) HadJobDuring(q *Request, unit string, began, ended uint64) bool {
	return q.jobID != 0 && slices.ContainsFunc(t.jobs.of(q.Owner, unit), func(j *Job) bool {
		return j.id == q.jobID && j.announced > began && j.announced <= ended && j.over == 0
	})
}

// MayHaveRunBetween reports whether a unit may have begun to run between the end of a run and
// a time without making a namespace: a job of it was over then, but that of a request.
func (t *Tracker) MayHaveRunBetween(q *Request, unit string, ended, at uint64) bool {
	return t.jobs.mayHaveRunBetween(q, unit, ended, at)
}

// HadJobDone reports whether a job of a unit was over before a time.
func (t *Tracker) HadJobDone(owner Owner, unit string, at uint64) bool {
	return t.jobs.mayRun(owner, unit, at)
}

// MayHaveBegunAnew reports whether a request to restart a unit may have had a job begin anew
// of which nothing was heard but that it was given to the request.
func (t *Tracker) MayHaveBegunAnew(q *Request, unit string, begun uint64) bool {
	return q.Restarts() && !q.OnlyRestarts() && begun-q.At <= maxWaitNS && t.jobs.isUnannounced(q, unit)
}

// CallerBefore is who called the name that a bus asked for before the caller, longer ago
// than a bus takes to ask unless the machine was suspended meanwhile. It is false where
// nobody did. The pid is 0 where it is not known who did.
func (t *Tracker) CallerBefore(r *Request) (pid uint32, called bool) {
	o := r.older
	if o.at == 0 || !r.Known {
		return 0, false
	}
	d := t.suspended(o.at, r.At)
	return o.by.PID, d != 0 && o.at+maxFlightNS+d >= r.At
}

// HasJob reports whether the request has a job of its own that was new after the
// beginning of the run before, and is there when a run of a unit begins. Then the times
// at which the request was sent, or the run before was over, decide nothing. ended is
// when it was over.
func (t *Tracker) HasJob(q *Request, unit string, begun, before, ended uint64) bool {
	return q.jobID != 0 && t.jobs.hasJob(q, unit, begun, before, ended)
}

// MayHaveSecond reports whether a request to restart a unit, which has no answer, may have had
// the second of two jobs that were new right after it. Something else may have made the first.
func (t *Tracker) MayHaveSecond(q *Request, unit string) bool {
	if q.jobID != 0 || q.canBeAnswered() || !q.Restarts() {
		return false
	}
	soon := 0
	for _, j := range t.jobs.of(q.Owner, unit) {
		if j.announced >= q.ReadFrom() && j.announced-q.At <= maxFlightNS {
			soon++
		}
	}
	return soon > 1
}

// HadJobAfter reports whether a request for a unit was given a job that was new after a time.
func (t *Tracker) HadJobAfter(q *Request, unit string, at uint64) bool {
	return q.jobID != 0 && slices.ContainsFunc(t.jobs.of(q.Owner, unit), func(j *Job) bool { return j.id == q.jobID && j.announced > at })
}

// Whose says who may have asked for something without that being in the stream.
type Whose int

const (
	// System is root, or a service.
	System Whose = iota
	// Granted is also a user who was given leave.
	Granted
	// Anybody is whoever calls a name.
	Anybody
)

// MayHaveMissed reports whether somebody may have asked a manager for something in a
// time without that being in the stream.
func (t *Tracker) MayHaveMissed(owner Owner, whose Whose, from, until uint64) bool {
	from -= min(from, t.suspended(from, until))
	for who, at := range t.lost[owner.Manager] {
		if at+maxFlightNS >= from && (whose != System || who.UID < minUserUID) {
			return true
		}
	}
	if whose != System && t.mayHideWaiting(owner, from) {
		return true
	}
	for who, list := range t.unread[owner] {
		if who.UID != 0 && whose != Anybody {
			continue // what a user is given shows
		}
		for i := range list {
			if list[i].from <= until && list[i].at+maxFlightNS >= from {
				return true
			}
		}
	}
	return false
}

// mayHideWaiting reports whether a request of somebody who needs leave may not be in the stream,
// and have been granted only after a time: neither its sending nor its passing on by the bus.
func (t *Tracker) mayHideWaiting(owner Owner, from uint64) bool {
	senders, passers := make(map[event.Owner]bool), 0
	for who, at := range t.lost[owner.Manager] {
		switch {
		case at+maxWaitNS < from:
		case who == ownerless:
			return true
		default:
			senders[who] = who.UID != 0
			passers += btoi(mayBeBus(who))
		}
	}
	for who, list := range t.unread[owner] {
		if who.UID != 0 && list[len(list)-1].at+maxWaitNS >= from {
			senders[who] = true
		}
	}
	for who, sends := range senders {
		if sends && passers > btoi(mayBeBus(who)) { // somebody else than the sender
			return true
		}
	}
	return false
}

// mayBeBus reports whether an owner may be the bus of the system's manager, which is a service
// that is not root's.
func mayBeBus(who event.Owner) bool { return who.UID != 0 && who.UID < minUserUID }

// GivenToStranger reports whether the job that is there when a run of a unit begins was given
// to somebody whose call is not known.
func (t *Tracker) GivenToStranger(owner Owner, unit string, begun uint64) bool {
	return slices.ContainsFunc(t.jobs.there(owner, unit, begun), func(j *Job) bool {
		_, given := t.jobs.strangers.Get(jobNumber{owner, j.id})
		return given
	})
}

// Best returns the one of the requests that began the run, nil if none may have: the
// first with a sign, or else the last to restart, or else the first that the manager
// had to obey.
func (t *Tracker) Best(list []Effect) *Effect {
	e := best(list)
	if e != nil {
		t.Doubt(e, list)
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
