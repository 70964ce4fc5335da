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

// requested looks for the request that began the run.
func requested(s *solver, f *facts) verdict {
	q := f.request()
	if q == nil {
		return no
	}
	if f.known && f.state.NRestarts > 0 && f.ranBefore && !q.Restarts() {
		return s.unknown(finding.Reason{Code: finding.ReasonRestartOrRequest, Unit: f.unit})
	}
	return s.asked(f, q)
}

// request is the one that began the run, nil if there is none: the last to restart
// it, or else the first to start it, for the later ones find a job that is under
// way.
func (f *facts) request() *request.Request {
	list := f.requests
	if len(list) == 0 {
		return nil
	}
	if !f.window.exact && len(list) > 1 {
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
func (s *solver) asked(f *facts, q *request.Request) verdict {
	if q.Pending() {
		name := ""
		if f.known {
			name = f.state.BusName
		}
		q.ResolveCaller(name)
	}
	var cause finding.Cause = finding.Job{Method: q.Method, Unit: q.Unit}
	if q.Activation {
		cause = finding.BusActivation{BusName: q.BusName, Unit: q.Unit, Waiting: q.Waiting}
	}
	s.link(actedUpon(q), cause, f.unit)
	if !q.Known {
		return s.unknown(q.Why)
	}
	c := &q.Caller
	s.out.Links = append(s.out.Links, finding.Link{
		Kind: finding.KindAskedBy, Evidence: q.Evidence, Process: &c.Process, Ancestry: c.Ancestry,
	})
	return s.process(actor{process: &c.Process, ancestry: c.Ancestry, cut: c.Why}, q.At)
}

// actedUpon is how it is known that a manager acted upon a request. That a user's
// manager did is its own word, by which it could blame anybody who ever asked it for
// something. It is believed about processes of its own user, who could have them do
// anything.
func actedUpon(q *request.Request) evidence.Evidence {
	ev := evidence.Weaker(evidence.Kernel, q.Evidence)
	if q.Known && !q.Caller.Process.Unresolved && q.Caller.Process.UID == q.Owner.UID {
		return ev
	}
	return word(q.Owner, ev)
}
