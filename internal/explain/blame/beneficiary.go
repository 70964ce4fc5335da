package blame

import (
	"cmp"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
	"github.com/nsblame/nsblame/internal/explain/workload"
)

// madeFor finds out for whom machinery made a namespace. It is blocked while that may
// still become known.
func (s *solver) madeFor(m *made) verdict {
	switch {
	case m.pod != nil:
		s.out.For = &finding.For{Pod: m.pod, Evidence: m.trust(evidence.Kernel)}
	case m.work.Sandbox:
		return s.sandboxFor(m)
	case m.work.ID != "":
		return s.containerFor(m)
	case m.work.Command && s.waitFor(m, m.serial):
		return blocked // its container is known once it moves in
	}
	return yes
}

// trust is what the words of machinery are worth: those of a user's own, or of a
// container's, are true of nobody else.
func (m *made) trust(ev evidence.Evidence) evidence.Evidence {
	if !m.work.Realm.Machine {
		return evidence.Weaker(ev, evidence.Claimed)
	}
	return ev
}

// waitFor has a creation wait for something that tells for whom it was made, unless it has
// waited long enough.
func (s *solver) waitFor(m *made, n need) bool {
	if s.atOnce || s.noMoreAnswers || m.failed || s.now >= m.until || !s.missing.note(n) {
		return false
	}
	s.missing.until = m.until
	return true
}

// sandboxFor says for which pod a namespace was made of which no plugin has told yet: the
// only one that was asked for and has none.
func (s *solver) sandboxFor(m *made) verdict {
	if s.waitFor(m, m.serial) {
		return blocked
	}
	q, why := s.onlySandbox(m)
	if q == nil {
		s.out.For = &finding.For{Evidence: evidence.Unknown, Why: why}
		return yes
	}
	s.taken = q
	s.out.For = &finding.For{Pod: podOf(q), Evidence: m.trust(evidence.Weaker(q.Evidence, evidence.Inferred)), Why: q.Doubt}
	return yes
}

// maxSandboxNS is how long an engine may take to make the namespace of a pod.
const maxSandboxNS = 30e9

// onlySandbox is the only open request for a pod, nil if there is none, or if it may be
// another one.
func (s *solver) onlySandbox(m *made) (*request.EngineAsk, finding.Reason) {
	list := s.requests.Sandboxes(m.head, m.at)
	from := m.at - min(m.at, maxSandboxNS)
	if len(list) > 0 {
		from = list[0].At
	}
	why := s.requests.EngineMissed(m.head, from, m.at)
	switch {
	case !why.IsZero():
		return nil, why
	case len(list) == 0:
		return nil, finding.Reason{Code: finding.ReasonNoEngineRequest}
	case len(list) > 1 || list[0].Request.Sandbox == nil:
		return nil, finding.Reason{Code: finding.ReasonSeveralPods}
	}
	return &list[0], finding.Reason{}
}

// containerFor says for which container a namespace was made. The id is the runtime's own
// argument, the rest is what its files say.
func (s *solver) containerFor(m *made) verdict {
	w := m.work
	out := &finding.For{
		Container: &finding.Container{ID: w.ID, Runtime: w.Runtime, Namespace: w.Namespace, Name: w.Name}, Evidence: m.trust(evidence.Kernel),
	}
	s.out.For = out
	if m.question.ID == "" {
		return yes
	}
	f, open := s.told(m.question)
	switch {
	case open && s.waitFor(m, keyOf(m.question)):
		return blocked
	case f == nil:
		return yes
	case f.Why != "":
		out.Why = finding.Reason{Text: f.Why}
		return yes
	}
	c := out.Container
	c.Name, c.Image, c.RestartPolicy = cmp.Or(f.Name, c.Name), f.Image, f.RestartPolicy
	c.ComposeProject, c.ComposeService = f.ComposeProject, f.ComposeService
	if f.PodUID != "" || f.PodName != "" {
		out.Pod = &finding.Pod{Namespace: f.PodNamespace, Name: f.PodName, UID: f.PodUID}
		out.Pod.Workload = workload.Of(f.PodName, nil)
		out.Evidence = m.trust(evidence.Runtime)
	}
	return yes
}

// names are the names by which a container can have been asked for.
func (s *solver) names(m *made) []string {
	list := []string{m.work.ID}
	if c := s.container(); c.Name != "" {
		list = append(list, c.Name)
	}
	return list
}

// container is the container that the namespace was made for, with what is known of it.
func (s *solver) container() finding.Container {
	if f := s.out.For; f != nil && f.Container != nil {
		return *f.Container
	}
	return finding.Container{}
}

// shownName is the container by its name or its id.
func (s *solver) shownName() string {
	c := s.container()
	return cmp.Or(c.Name, c.ID)
}
