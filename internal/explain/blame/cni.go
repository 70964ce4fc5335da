package blame

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/request"
	"github.com/nsblame/nsblame/internal/explain/workload"
)

// An engine of CRI makes the namespace of a pod before it has told anybody for which one.
// Then it calls the CNI plugins, each with the pod in its environment (CNI_ARGS, the
// conventions of the CNI specification), and each moves into the namespace.
//
// Anybody who may enter the namespace can call a plugin as well, with what he likes in its
// environment. So it is only believed if the engine itself has called it: the very process
// that made the namespace, and nothing of a container in between.

// calledPlugin takes in that a CNI plugin has moved into a namespace.
func (b *Blamer) calledPlugin(c *event.CNI) {
	m := b.use(serial(c.Serial))
	if m == nil || m.pod != nil || c.PodName == "" || c.PodNamespace == "" || !m.work.Sandbox {
		return
	}
	p, ancestry, _ := b.tree.Lineage(c.Process)
	if !b.calledByHead(m, &p, ancestry) {
		return
	}
	m.pod = &finding.Pod{Namespace: c.PodNamespace, Name: c.PodName, UID: c.PodUID}
	m.asked = nil
	q, ok := b.requests.SandboxOf(m.head, c.PodUID, m.at)
	guessed, _ := b.guesses.Get(q.Request)
	if ok && q.Request.Sandbox != nil && (!q.Taken || guessed) {
		m.asked = &q
		b.requests.TakeSandbox(q)
		b.guesses.Put(q.Request, false)
		addRequest(m.pod, q.Request.Sandbox)
	} else {
		m.pod.Workload = workload.Of(c.PodName, nil)
	}
	b.made.Resize(m.serial, m.size())
	b.news(m.serial)
}

// calledByHead reports whether the head of the work has called a program itself, with
// nothing of a container in between.
func (b *Blamer) calledByHead(m *made, p *lineage.Process, ancestry []lineage.Process) bool {
	if m.head.IsZero() || finding.Place(p).Container != nil || b.machine.RealmOf(p).PIDNamespace != m.work.Realm.PIDNamespace {
		return false
	}
	i := slices.IndexFunc(ancestry, func(a lineage.Process) bool { return a.ID == m.head })
	if i < 0 {
		return false
	}
	_, isEngine := b.machine.EngineOf(&ancestry[i])
	return isEngine && !slices.ContainsFunc(ancestry[:i], func(a lineage.Process) bool { return b.machine.IsPart(&a) })
}

// addRequest adds to a pod what only the request for it has.
func addRequest(pod *finding.Pod, q *event.SandboxRequest) {
	attempt := q.Attempt
	pod.Attempt, pod.Source, pod.Labels, pod.Manifests = &attempt, q.Source, q.Labels, q.Manifests
	pod.Workload = workload.Of(pod.Name, q.Labels)
}

// podOf is the pod of a request for one.
func podOf(q *request.EngineAsk) *finding.Pod {
	of := q.Request.Sandbox
	pod := &finding.Pod{Namespace: of.Namespace, Name: of.Name, UID: of.UID}
	addRequest(pod, of)
	return pod
}
