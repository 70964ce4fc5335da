package blame

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// The kubelet asks an engine of CRI for a pod's sandbox with RunPodSandbox
// (k8s.io/cri-api). Nothing in the engine ties the namespace to the request until it calls
// the CNI plugins, which carry the pod.

// podRequested goes on from the pod to who asked for it.
func podRequested(s *solver, m *made) verdict {
	if !m.work.Sandbox {
		return no
	}
	f := s.out.For
	if f.Pod == nil {
		return s.unknown(f.Why)
	}
	q := m.asked
	if q == nil {
		q = s.taken
	}
	o := finding.Origin{Trigger: finding.TriggerPod, Pod: f.Pod}
	if q == nil {
		_, o.Why = s.requests.EngineHeard(m.head)
		if o.Why.IsZero() {
			o.Why = finding.Reason{Code: finding.ReasonNoEngineRequest}
		}
		s.origin(o)
		s.out.Origin.Evidence = evidence.Weaker(s.out.Origin.Evidence, f.Evidence)
		return yes
	}
	s.podAskedBy(m, q, &o)
	return yes
}

// podAskedBy ends the chain with a pod that somebody has asked for.
func (s *solver) podAskedBy(m *made, q *request.EngineAsk, o *finding.Origin) {
	ev := evidence.Weaker(s.out.For.Evidence, q.Evidence)
	s.out.Links = slices.Grow(s.out.Links, 2)
	s.beganBy(s.wordOf(m, q, ev), finding.EngineRequest{Engine: q.Request.Engine, Call: event.EngineRunSandbox, Pod: o.Pod})
	if q.Known {
		a := s.caller(q, ev)
		o.Process, o.Ancestry, o.AncestryWhy = a.process, a.ancestry, a.cut
		o.Placement = finding.Place(a.process)
		o.Unit = o.Placement.Unit
	} else {
		o.Why = q.Why
	}
	s.origin(*o)
}
