package blame

import (
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/machinery"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// What makes a container's namespace is machinery, which does as it is asked: by an engine
// (dockerd, containerd), which somebody has asked over its socket, or by a command that
// does without one (podman, lxc-start). So the chain goes on to whoever asked.

// engineRule looks for one kind of beginning of a container.
type engineRule struct {
	name  string
	judge func(*solver, *made) verdict
}

// engineRules are tried in this order until one does not say no. What names the container
// comes first, then matching times, then what is left.
func engineRules() []engineRule {
	return []engineRule{
		{"restart by podman", podmanRestarted},
		{"command without an engine", ranByCommand},
		{"pod", podRequested},
		{"step of a build", stepOfBuild},
		{"request", engineRequested},
		{"start of the engine", engineStarted},
		{"restart policy", containerRestarted},
		{"classic build", builtClassically},
		{"engine itself", engineItself},
		{"unknown", engineUnknown},
	}
}

// machinery builds the chain of a creation by machinery.
func (s *solver) machinery(m *made) verdict {
	if s.madeFor(m) == blocked {
		return blocked
	}
	for _, r := range engineRules() {
		if v := r.judge(s, m); v != no {
			return v
		}
	}
	return no
}

// engineRequested looks for the request that named the container.
func engineRequested(s *solver, m *made) verdict {
	engine := s.engineProcess(m)
	if m.work.ID == "" || engine.IsZero() {
		return no
	}
	span := request.Span{By: m.at}
	if m.before != nil {
		span.Created = m.before.at
		span.Ended, _ = s.endOf(m.before)
	}
	q, ok := s.requests.EngineAsked(engine, s.names(m), span)
	if !ok {
		return no
	}
	if q.Doubt.IsZero() && s.mayBePolicy(m, &q) {
		q.Doubt = finding.Reason{Code: finding.ReasonPolicyOrRequest, Container: s.shownName(), PID: q.Request.Sender.PID}
	}
	return s.askedEngine(m, &q, finding.EngineRequest{Engine: q.Request.Engine, Call: q.Request.Call, Container: q.Request.Container})
}

// askedEngine adds who made a request to an engine, and goes on from there.
func (s *solver) askedEngine(m *made, q *request.EngineAsk, cause finding.EngineRequest) verdict {
	ev := q.Evidence
	if !q.Doubt.IsZero() {
		ev = evidence.Weaker(ev, evidence.Inferred)
	}
	s.beganBy(s.wordOf(m, q, ev), cause)
	if !q.Known {
		return s.unknown(q.Why)
	}
	return s.process(s.caller(q, ev), q.At)
}

// beganBy adds what began a container.
func (s *solver) beganBy(ev evidence.Evidence, cause finding.Cause) {
	s.out.Links = append(s.out.Links, finding.Link{Kind: finding.KindBecause, Evidence: ev, Cause: cause})
}

// caller adds who made a request.
func (s *solver) caller(q *request.EngineAsk, ev evidence.Evidence) actor {
	c := q.Caller
	s.out.Links = append(s.out.Links, finding.Link{
		Kind: finding.KindAskedBy, Evidence: ev, Why: q.Doubt, Process: &c.Process, Ancestry: c.Ancestry,
	})
	return actor{process: &c.Process, ancestry: c.Ancestry, cut: c.Why}
}

// wordOf is how it is known that an engine acted upon a request. A user's own engine is
// believed about that user.
func (s *solver) wordOf(m *made, q *request.EngineAsk, ev evidence.Evidence) evidence.Evidence {
	if q.Known && s.machine.RealmOf(&q.Caller.Process).UID == m.work.Realm.UID {
		return ev
	}
	return m.trust(ev)
}

// engineItself takes what an engine does without a container for its own doing.
func engineItself(s *solver, m *made) verdict {
	if m.work.ID != "" || m.work.Sandbox || m.work.Head == nil {
		return no
	}
	return s.process(headOf(m.work), m.at)
}

func headOf(w *machinery.Work) actor { return actor{process: w.Head, ancestry: w.Above} }

// engineUnknown is the last rule: it says why no other one applies.
func engineUnknown(s *solver, m *made) verdict {
	why := finding.Reason{Code: finding.ReasonNoEngineRequest}
	if heard, unheard := s.requests.EngineHeard(s.engineProcess(m)); !heard {
		why = unheard
	}
	why.Container = s.shownName()
	return s.unknown(why)
}
