package request

import (
	"cmp"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// systemd is the channel of calls to a service manager, over a bus or its private
// socket: StartUnit and the like.
//
// Such a call names the unit. The manager makes a job of it, or finds one that is
// there already (src/core/job.c, job_install). It answers with the job's number, or
// with an error. It signals to who listens when a job is there and when it is over
// (src/core/dbus-job.c, send_new_signal and send_removed_signal). Whoever asked for a
// new job listens to it, so the first of these signals comes before the answer
// (src/core/dbus-unit.c, bus_unit_queue_job_one).
type systemd struct {
	tracker    *Tracker
	activation *activation
	// system are the latest jobs of each unit of the system's manager, jobs those of each
	// user's, in the order in which they were first heard of.
	system *bounded.Map[string, []*Job]
	jobs   *bounded.Map[Owner, *bounded.Map[string, []*Job]]
	// tries has when the requests were made to restart what runs that were answered with
	// a job.
	tries *bounded.Store[jobNumber, uint64]
	// given are the jobs with which any other call was answered.
	given *bounded.Store[jobNumber, bool]
	// called are the latest calls to managers.
	called *bounded.Store[messageID, bool]
	// strangers are by job those whom one was given for a call that is not known: it was
	// lost, or could not be read.
	strangers *bounded.Store[jobNumber, uint32]
	// tried are the latest requests to restart what runs that have no answer, and others
	// those for jobs that start nothing.
	tried, others *attempts
}

// jobNumber is a job of a manager's.
type jobNumber struct {
	owner Owner
	id    uint64
}

const (
	// maxManagers bounds the managers of which jobs are remembered, the others their
	// units, and maxJobs the jobs of one unit.
	maxManagers   = 16
	maxUnits      = 768
	maxUnitsUsers = 32
	maxJobs       = 8
	// maxTries bounds in bytes what came of calls, of each kind.
	maxTries = 24 << 10
)

func newSystemd(t *Tracker, a *activation) *systemd {
	s := &systemd{tracker: t, activation: a}
	s.forget()
	return s
}

// The signals by which a manager says that a job is there, and that it is over.
const (
	jobNew     = "JobNew"
	jobRemoved = "JobRemoved"
)

// enqueueUnitJob is the method that asks for a job of any type.
const enqueueUnitJob = "EnqueueUnitJob"

// Job is a job of a manager's for a unit. A manager that is started anew counts its jobs
// from the beginning, so by tells which one it was.
type Job struct {
	by event.ProcessID
	id uint64
	// announced is when it was first said to be there, 0 if that was not heard. Over is
	// when it was said to be over, 0 if it was not, and result what came of it.
	announced, over uint64
	result          string
}

func (s *systemd) take(m *message) bool {
	d := &m.dbus
	switch {
	case d.Type == dbuswire.Signal && (d.Member == jobNew || d.Member == jobRemoved):
		s.job(m)
		return true
	case m.sent.FromBus && (d.Type == dbuswire.Error || d.Type == dbuswire.MethodReturn):
		s.answered(m)
		return false // it may be the answer to a call that activates a name
	case m.sent.FromBus:
		s.passedOn(m)
		return false
	}
	return s.startJob(m)
}

// passedOn takes in that a bus passes a request on to the manager. Its sender is given
// by a name then, but its number stays. If its sending could not be read, this shows that
// somebody asked.
func (s *systemd) passedOn(m *message) {
	if m.dbus.Type != dbuswire.MethodCall || m.bus.manager == 0 || m.sent.PeerPID != m.bus.manager {
		return
	}
	method, units, _, ok := dbuswire.StartJob(&m.dbus, m.dbus.Destination)
	if (ok && len(units) == 0 || !ok && mayStart(m)) && m.sent.Size <= maxSign {
		s.tracker.missed(m.owner.Manager, m.at, ownerless) // for which unit is not known
	}
	if !ok {
		return
	}
	for _, unit := range units {
		var only *Request
		several := false
		for _, list := range s.tracker.requests.byUnit[unitKey{m.owner, unit}] {
			for _, r := range list {
				if r.passed == 0 && r.Method == method && r.sent.serial == m.dbus.Serial && r.to.bus == m.sent.Bus {
					several = only != nil
					only = r
				}
			}
		}
		switch {
		case only != nil && !several:
			only.passed = m.at
		case only == nil && !s.tracker.knows(m, unit):
			s.tracker.remember(&Request{
				At: m.at, Owner: m.owner, Unit: unit, Method: method, Evidence: evidence.Kernel, job: dbuswire.JobType(&m.dbus),
				Why: finding.Reason{Code: finding.ReasonUnreadableMessage, Unit: unit}, to: busConn{bus: m.sent.Bus}, passed: m.at,
			})
		}
	}
}

// startJob takes in a call to start units. dbus-broker carries out activations
// through its launcher, which asks systemd over a connection of its own.
func (s *systemd) startJob(m *message) bool {
	method, units, _, ok := dbuswire.StartJob(&m.dbus, m.dbus.Destination)
	switch {
	case ok && len(units) == 0, !ok && mayStart(m):
		s.tracker.unreadable(m.truncated())
	case m.dbus.Type == dbuswire.MethodCall && m.dbus.Destination == dbuswire.SystemdName:
		s.called.Put(idOf(m.sent, m.sent.Sender.PID, m.dbus.Serial), true, sharer(s.tracker.ownerOf(m.sent.Sender)), 0)
	}
	if !ok {
		return s.otherJob(m)
	}
	for _, unit := range units {
		r := &Request{
			At: m.at, Owner: m.owner, Unit: unit, Method: method, Caller: s.tracker.callerOf(m), Known: true, Evidence: evidence.Kernel,
			job: dbuswire.JobType(&m.dbus), sent: idOf(m.sent, m.sent.Sender.PID, m.dbus.Serial),
			silent: m.dbus.Flags&dbuswire.NoReplyExpected != 0, to: busConn{bus: m.sent.Bus},
		}
		if dbuswire.IsUnique(m.dbus.Destination) {
			r.to.name = m.dbus.Destination
		}
		if m.sent.Sender.IsZero() {
			r.Caller, r.Known, r.Why = nil, false, finding.Reason{Code: finding.ReasonKernelSender, Unit: unit}
		}
		if r.Known && isLauncher(&r.Caller.Process, m.owner) {
			s.activation.activate(r)
		}
		s.tracker.remember(r)
		if r.OnlyRestarts() {
			s.tried.add(r)
		}
	}
	return true
}

// mayStart reports whether a message that is cut off before it says which type of job it is
// for may ask for a start.
func mayStart(m *message) bool {
	return m.dbus.Type == dbuswire.MethodCall && m.dbus.Member == enqueueUnitJob && len(m.dbus.Args) < 2
}

// otherJob takes in a call for jobs that start nothing: such a job may seem to be that of a
// request without an answer.
func (s *systemd) otherJob(m *message) bool {
	units, ok := dbuswire.OtherJob(&m.dbus, m.dbus.Destination)
	if !ok {
		return false
	}
	if len(units) == 0 {
		units = []string{""}
	}
	r := Request{At: m.at, Owner: m.owner, Caller: s.tracker.callerOf(m), sent: idOf(m.sent, m.sent.Sender.PID, m.dbus.Serial)}
	for _, r.Unit = range units {
		s.others.add(&r)
	}
	return true
}

// answered takes in the answer to a request: an error takes it back, a job's number
// shows what came of it.
func (s *systemd) answered(m *message) {
	requests := s.tracker.requests
	id := idOf(m.sent, m.sent.PeerPID, m.dbus.ReplySerial)
	list := requests.byMessage[id]
	tries := slices.ContainsFunc(list, (*Request).OnlyRestarts)
	s.tried.answered(m.owner, id)
	s.others.answered(m.owner, id)
	called, _ := s.called.Get(id)
	switch job := dbuswire.RepliedJob(&m.dbus); {
	case job == 0 || tries:
	case called:
		s.given.Put(jobNumber{m.owner, job}, true, m.owner.share(), 0)
	case len(list) == 0:
		s.strangers.Put(jobNumber{m.owner, job}, m.sent.PeerPID, m.owner.share(), 0)
	}
	for i := len(list) - 1; i >= 0; i-- {
		switch r := list[i]; {
		case r.Method == activationRequest:
		case m.dbus.Type == dbuswire.Error:
			requests.remove(r)
		default:
			r.accepted, r.answered, r.jobID = true, m.at, dbuswire.RepliedJob(&m.dbus)
			if r.OnlyRestarts() {
				s.tries.Put(jobNumber{r.Owner, r.jobID}, r.At, r.Owner.share(), 0)
			}
		}
	}
}

// job takes in what a manager says of a job. Only the manager itself is believed.
func (s *systemd) job(m *message) {
	d := &m.dbus
	p := s.tracker.tree.Process(m.sent.Sender)
	switch {
	case d.Interface != "org.freedesktop.systemd1.Manager" || !IsManager(&p, m.owner) && !m.sent.Sender.IsZero():
		return
	case len(d.Args) < 3, m.sent.Sender.IsZero(): // a thread of the kernel may have sent it for the manager
		s.tracker.missed(m.owner.Manager, m.at, ownerless)
		return
	}
	job := s.find(m.owner, d.Args[2].Text, m.sent.Sender, d.Args[0].Number)
	// The manager tells one listener after the other. A listener that hears it early
	// may have asked for the next job before the last listener hears it. So only the
	// first counts.
	switch {
	case d.Member == jobNew && job.announced == 0 && job.over == 0:
		job.announced = m.at
	case d.Member == jobRemoved && job.over == 0:
		job.over, job.result = m.at, jobResult(d)
	}
}

// find returns a job of a unit, which is remembered from here on.
func (s *systemd) find(owner Owner, unit string, by event.ProcessID, id uint64) *Job {
	units := s.units(owner)
	if units == nil {
		units = bounded.NewMap[string, []*Job](maxUnitsUsers)
		s.jobs.Put(owner, units)
	}
	list, _ := units.Get(unit)
	for _, j := range list {
		if j.by == by && j.id == id {
			return j
		}
	}
	j := &Job{by: by, id: id}
	units.Put(unit, append(list[max(0, len(list)+1-maxJobs):len(list):len(list)], j))
	return j
}

// units are those of a manager with their jobs, nil if there are none. The system's are never
// forgotten for those of users' managers, of which there can be any number.
func (s *systemd) units(owner Owner) *bounded.Map[string, []*Job] {
	if owner.Manager == event.ManagerSystem {
		return s.system
	}
	units, _ := s.jobs.Get(owner)
	return units
}

// of returns the jobs of a unit that are remembered.
func (s *systemd) of(owner Owner, unit string) []*Job {
	units := s.units(owner)
	if units == nil {
		return nil
	}
	list, _ := units.Get(unit)
	return list
}

// jobResult is what came of a job, empty where the capture ends before it.
func jobResult(m *dbuswire.Message) string {
	if len(m.Args) < 4 {
		return ""
	}
	return m.Args[3].Text
}

// there returns the jobs of a unit that had been announced by a time and were not over,
// in the order in which they were announced. A unit has one job, so a newer one has taken
// the place of an older one whose end was not heard. Beside it a unit can have one that
// does nothing: what comes of a request to restart it if it runs (src/core/job.c,
// job_install, nop_job).
func (s *systemd) there(owner Owner, unit string, at uint64) []*Job {
	var list []*Job
	jobs := s.of(owner, unit)
	for _, j := range jobs {
		if j.announced != 0 && j.announced <= at && (j.over == 0 || j.over >= at) && !j.gaveWay(jobs, at) {
			list = append(list, j)
		}
	}
	slices.SortStableFunc(list, func(x, y *Job) int { return cmp.Compare(x.announced, y.announced) })
	for i := len(list) - 1; i >= 0; i-- {
		if !s.mayDoNothing(owner, unit, list[i]) {
			older := slices.DeleteFunc(slices.Clone(list[:i]), func(j *Job) bool { return j.over == 0 })
			return append(older, list[i:]...)
		}
	}
	return list
}

// gaveWay reports whether the end of a job was not heard, but that of a newer one was, which
// nobody heard to be new and which may have been there at a time.
func (j *Job) gaveWay(jobs []*Job, at uint64) bool {
	return j.over == 0 && slices.ContainsFunc(jobs, func(newer *Job) bool {
		return newer.by == j.by && newer.id > j.id && newer.announced == 0 && newer.over >= at
	})
}

// mayDoNothing reports whether a job was made for a request to restart what runs, or may
// have been for one without an answer.
func (s *systemd) mayDoNothing(owner Owner, unit string, j *Job) bool {
	if at, tried := s.tries.Get(jobNumber{owner, j.id}); tried && j.announced >= at {
		return true
	}
	return !s.wasGiven(j, owner) && s.tried.mayHaveMade(j, owner, func(a attempt) bool { return s.mayName(a, unit) })
}

// mayStartNothing reports whether a job may have been made for a call without an answer that
// asks for a job to stop the unit, or the like.
func (s *systemd) mayStartNothing(owner Owner, unit string, j *Job) bool {
	return s.others.mayHaveMade(j, owner, func(a attempt) bool { return s.mayName(a, unit) })
}

// mayName reports whether an attempt may be one for a unit. What has jobs of its own is no
// alias.
func (s *systemd) mayName(a attempt, unit string) bool {
	return a.unit == unit || len(s.of(a.owner, a.unit)) == 0
}

// hasJob reports whether a request's own job, which was new after it, is there when a run
// begins. It must be new after the beginning of the run before, too, unless the request
// had it begin anew.
func (s *systemd) hasJob(q *Request, unit string, begun, before, ended uint64) bool {
	for _, j := range s.there(q.Owner, unit, begun) {
		if j.mayBeOver(begun, ended) && (!q.Restarts() || begun-ended > maxFlightNS) {
			continue
		}
		switch isNew := j.announced >= q.ReadFrom(); {
		case q.jobID != j.id:
		case isNew && j.announced > before, q.Restarts() && (!isNew || j.over != 0 || ended != 0):
			return true
		}
	}
	return false
}

// mayBeOver reports whether the end of a job may only not have been heard: it was there
// when the run before one ended.
func (j *Job) mayBeOver(begun, ended uint64) bool {
	return j.announced <= ended && ended < begun && j.over == 0
}

// canceledOne reports whether a job took the place of one that was cancelled for it: then that
// was one to stop the unit.
func (s *systemd) canceledOne(owner Owner, unit string, j *Job) bool {
	return slices.ContainsFunc(s.of(owner, unit), func(old *Job) bool {
		return old.result == "canceled" && old.over <= j.announced && j.announced-old.over <= maxAnswerNS
	})
}

// mayRun reports whether a unit may have run at a time: a job of it had been done.
func (s *systemd) mayRun(owner Owner, unit string, at uint64) bool {
	return slices.ContainsFunc(s.of(owner, unit), func(j *Job) bool { return j.over != 0 && j.over <= at })
}

// mayHaveRunBetween reports whether a job of a unit was over between the end of a run and a
// time, but that of a request. One to restart what runs did nothing if that run had ended
// before it.
func (s *systemd) mayHaveRunBetween(q *Request, unit string, ended, at uint64) bool {
	return slices.ContainsFunc(s.of(q.Owner, unit), func(j *Job) bool {
		return j.id != q.jobID && j.over >= ended && j.over <= at && j.result != "canceled" &&
			(j.announced <= ended || !s.mayDoNothing(q.Owner, unit, j))
	})
}

// isUnannounced reports whether a request was given a job that was not heard to be there.
func (s *systemd) isUnannounced(q *Request, unit string) bool {
	return q.jobID != 0 && !slices.ContainsFunc(s.of(q.Owner, unit), func(j *Job) bool { return j.id == q.jobID && j.announced != 0 })
}

// announced returns the jobs of a unit that had been announced by a time.
func (s *systemd) announced(owner Owner, unit string, at uint64) []*Job {
	var list []*Job
	for _, j := range s.of(owner, unit) {
		if j.announced != 0 && j.announced <= at {
			list = append(list, j)
		}
	}
	return list
}

// dealtWith reports whether the request's job was over before a time. Where its job is
// not known, it reports whether any job of the unit was, which was not there only to be
// cancelled by the request.
func (s *systemd) dealtWith(q *Request, names []string, before, stopped uint64) Dealt {
	dealt := NotDealt
	for _, j := range s.of(q.Owner, names[0]) {
		switch {
		case j.over <= q.At || j.over >= before:
		case q.jobID == j.id:
			return Certain
		case q.jobID == 0 && !q.canBeAnswered() && !j.gaveWayTo(q, stopped):
			dealt = max(dealt, s.had(q, j, names))
		}
	}
	return dealt
}

// had tells how certain it is that a request without an answer had a job by the end of
// that. The manager may have read it later, if the job was there before it or may have been
// made for another request, or have granted it when somebody had given a password.
func (s *systemd) had(q *Request, j *Job, names []string) Dealt {
	switch {
	case !q.isTrusted():
		return Presumed
	case j.over-q.At > maxFlightNS:
		return Certain
	case j.announced < q.ReadFrom() || j.result == "canceled" || s.wasGiven(j, q.Owner) || s.mayDoNothing(q.Owner, names[0], j):
		return Presumed
	case s.madeForAnother(j, q, names), s.mayHaveCome(j, q, names[0]), s.mayStartNothing(q.Owner, names[0], j):
		return Presumed
	}
	return Certain
}

// madeForAnother reports whether a job may have been made for another request for the unit
// than one, which has no answer either, and had no job before that one was made. A bus asks
// for an activation only when the one before is over.
func (s *systemd) madeForAnother(j *Job, than *Request, names []string) bool {
	list := s.tracker.Of(than.Owner, names, j.announced-min(j.announced, maxFlightNS), j.announced)
	return slices.ContainsFunc(list, func(r *Request) bool {
		hadOne := func(other *Job) bool { return other.announced >= r.At && other.announced < than.At }
		return r != than && r.jobID == 0 && r.isTrusted() && !(r.Activation && than.Activation) &&
			!slices.ContainsFunc(s.of(than.Owner, names[0]), hadOne)
	})
}

// maxApartNS is how long after one job of a transaction another one is announced. The manager
// does nothing else meanwhile (src/core/manager.c, manager_dispatch_dbus_queue).
const maxApartNS = 10e6

// mayHaveCome reports whether a job may have been made with one for another unit, which was
// announced right before or after it and has a lower number, and the request may have had the
// next job.
func (s *systemd) mayHaveCome(j *Job, q *Request, unit string) bool {
	next := func(other *Job) bool { return other.announced > j.announced && other.announced-q.At <= maxFlightNS }
	if !slices.ContainsFunc(s.of(q.Owner, unit), next) {
		return false
	}
	units := s.units(q.Owner) // which are there, for the unit has jobs
	cameWith := func(other *Job) bool {
		return j.mayComeWith(other) && max(j.announced, other.announced)-min(j.announced, other.announced) <= maxApartNS
	}
	return slices.ContainsFunc(units.Keys(), func(other string) bool {
		return other != unit && slices.ContainsFunc(s.of(q.Owner, other), cameWith)
	})
}

// mayComeWith reports whether a job may be one of the transaction of another unit's job.
func (j *Job) mayComeWith(other *Job) bool {
	return other.announced != 0 && other.by == j.by && other.id < j.id && together(other.announced, j.announced)
}

// wasGiven reports whether a call was answered with a job, but one to restart what runs.
func (s *systemd) wasGiven(j *Job, owner Owner) bool {
	given, _ := s.given.Get(jobNumber{owner, j.id})
	return given
}

// gaveWayTo reports whether a job was one to stop the unit that was there when
// the request to start it was made. Such a request cancels it, and waits for the
// unit to be inactive, unless the stop was done before the manager read of it.
// If it was a job to start the unit, the request joined it. Another job that cancelled
// it is over before a next run, too.
func (j *Job) gaveWayTo(q *Request, stopped uint64) bool {
	if j.announced == 0 || j.announced >= q.At {
		return false
	}
	return j.result == "canceled" || j.result == "done" && stopped > q.At && stopped <= j.over
}

func (s *systemd) forget() {
	s.system = bounded.NewMap[string, []*Job](maxUnits)
	s.jobs = bounded.NewMap[Owner, *bounded.Map[string, []*Job]](maxManagers - 1)
	s.tried, s.others = newAttempts(), newAttempts()
	s.called = bounded.NewStore[messageID, bool](maxTries)
	s.tries, s.given = bounded.NewStore[jobNumber, uint64](maxTries), bounded.NewStore[jobNumber, bool](maxTries)
	s.strangers = bounded.NewStore[jobNumber, uint32](maxTries)
}
