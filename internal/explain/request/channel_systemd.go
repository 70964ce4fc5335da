package request

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/explain/evidence"
)

// systemd is the channel of calls to a service manager, over a bus or its private
// socket: StartUnit and the like.
//
// Such a call names the unit. The manager makes a job of it, and answers a refused
// call with an error. It signals to who listens when the job is there and when it is
// over (src/core/dbus-job.c, send_new_signal and send_removed_signal).
type systemd struct {
	tracker    *Tracker
	activation *activation
	jobs       []finishedJob
	// announced are the latest jobs, and since when it is known that they are there.
	announced *bounded.Map[jobID, uint64]
}

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

// jobID names a job of a unit. A manager numbers its jobs. One that is started
// anew counts from the beginning, so by tells which manager it was.
type jobID struct {
	by   event.ProcessID
	id   uint64
	unit string
}

// finishedJob is a manager's job that is over, whatever came of it.
type finishedJob struct {
	jobID
	// at is when that was said, made when the job itself was announced, 0 if that
	// was not heard.
	at, made uint64
	owner    Owner
	result   string
}

func (s *systemd) take(m *message) bool {
	d := &m.dbus
	switch {
	case d.Type == dbuswire.Signal && (d.Member == jobNew || d.Member == jobRemoved):
		s.job(m)
		return true
	case m.sent.FromBus && d.Type == dbuswire.Error:
		s.tracker.refuse(func(r *Request) bool {
			return r.bus == m.sent.Bus && r.sender == m.sent.PeerPID && r.serial == d.ReplySerial && r.Method != activationRequest
		})
		return false // it may be the answer to a call that activates a name
	case m.sent.FromBus:
		return false
	}
	return s.startJob(m)
}

// startJob takes in a call to start units. dbus-broker carries out activations
// through its launcher, which asks systemd over a connection of its own.
func (s *systemd) startJob(m *message) bool {
	method, units, _, ok := dbuswire.StartJob(&m.dbus, m.dbus.Destination)
	if !ok {
		return false
	}
	if len(units) == 0 {
		s.tracker.unreadable(m.truncated())
	}
	for _, unit := range units {
		r := &Request{
			At: m.at, Owner: m.owner, Unit: unit, Method: method, Caller: s.tracker.caller(m), Known: true, Evidence: evidence.Kernel,
			bus: m.sent.Bus, sender: m.sent.Sender.PID, serial: m.dbus.Serial,
		}
		if isLauncher(&r.Caller.Process, m.owner) {
			s.activation.activate(r)
		}
		s.tracker.remember(r)
	}
	return true
}

// job takes in what a manager says of a job: what was asked before it is over
// has begun a run by then or never will. Only the manager itself is believed.
func (s *systemd) job(m *message) {
	d := &m.dbus
	if d.Interface != "org.freedesktop.systemd1.Manager" || len(d.Args) < 3 {
		return
	}
	p, _, _ := s.tracker.tree.Lineage(m.sent.Sender)
	if !IsManager(&p, m.owner) {
		return
	}
	id := jobID{by: m.sent.Sender, id: d.Args[0].Number, unit: d.Args[2].Text}
	made, isAnnounced := s.announced.Get(id)
	switch {
	case d.Member == jobRemoved:
		s.finish(finishedJob{jobID: id, at: m.at, made: made, owner: m.owner, result: jobResult(d)})
	case !isAnnounced:
		s.announced.Put(id, m.at)
	}
}

// jobResult is what came of a job, empty where the capture ends before it.
func jobResult(m *dbuswire.Message) string {
	if len(m.Args) < 4 {
		return ""
	}
	return m.Args[3].Text
}

// finish remembers a job's end. The manager tells one listener after the other.
// A listener that hears it early may have asked for the next job before the
// last listener hears it. So only the first counts.
func (s *systemd) finish(job finishedJob) {
	if slices.ContainsFunc(s.jobs, func(j finishedJob) bool { return j.jobID == job.jobID }) {
		return
	}
	if len(s.jobs) == maxRequests {
		s.jobs = slices.Delete(s.jobs, 0, maxRequests/4)
	}
	s.jobs = append(s.jobs, job)
}

// dealtWith reports whether a job of the unit was over before a time, which was
// not there only to be cancelled by the request.
func (s *systemd) dealtWith(q *Request, units []string, before, stopped uint64) bool {
	return slices.ContainsFunc(s.jobs, func(j finishedJob) bool {
		return j.owner == q.Owner && j.at > q.At && j.at < before && slices.Contains(units, j.unit) && !j.gaveWayTo(q, stopped)
	})
}

// gaveWayTo reports whether a job was one to stop the unit that was there when
// the request to start it was made. Such a request cancels it, and waits for the
// unit to be inactive, unless the stop was done before the manager read of it.
// If it was a job to start the unit, the request joined it. Another job that cancelled
// it is over before a next run, too.
func (j *finishedJob) gaveWayTo(q *Request, stopped uint64) bool {
	if j.made == 0 || j.made >= q.At {
		return false
	}
	return j.result == "canceled" || j.result == "done" && stopped > q.At && stopped <= j.at
}

// missed does nothing: a job that was not heard of rules no request out.
func (s *systemd) missed() {}

func (s *systemd) forget() {
	s.jobs, s.announced = nil, bounded.NewMap[jobID, uint64](maxRequests)
}
