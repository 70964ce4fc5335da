package render

import (
	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// forAnswer is nil where nobody but the creator is known to have it.
func forAnswer(f *finding.For) *findings.For {
	if f == nil {
		return nil
	}
	out := &findings.For{Container: runtimeContainerAnswer(f.Container), Pod: podAnswer(f.Pod)}
	out.Evidence, out.EvidenceBase64 = textOf(string(f.Evidence))
	out.Why, out.WhyBase64, out.WhyCode = reasonAnswer(f.Why)
	return out
}

func runtimeContainerAnswer(c *finding.Container) *findings.RuntimeContainer {
	if c == nil {
		return nil
	}
	out := &findings.RuntimeContainer{Labels: each(composeLabels(c), labelAnswer)}
	out.ID, out.IDBase64 = textOrNull(c.ID)
	out.Runtime, out.RuntimeBase64 = textOrNull(c.Runtime)
	out.Namespace, out.NamespaceBase64 = textOrNull(c.Namespace)
	out.Name, out.NameBase64 = textOrNull(c.Name)
	out.Image, out.ImageBase64 = textOrNull(c.Image)
	out.RestartPolicy, out.RestartPolicyBase64 = textOrNull(c.RestartPolicy)
	return out
}

func labelAnswer(l *event.Label) findings.Label {
	var out findings.Label
	out.Key, out.KeyBase64 = textOf(l.Key)
	out.Value, out.ValueBase64 = textOf(l.Value)
	return out
}

func podAnswer(p *finding.Pod) *findings.Pod {
	if p == nil {
		return nil
	}
	out := &findings.Pod{Attempt: p.Attempt, Labels: each(p.Labels, labelAnswer), Workload: workloadAnswer(p.Workload)}
	out.Namespace, out.NamespaceBase64 = textOrNull(p.Namespace)
	out.Name, out.NameBase64 = textOrNull(p.Name)
	out.UID, out.UIDBase64 = textOrNull(p.UID)
	out.Source, out.SourceBase64 = textOrNull(p.Source)
	out.Manifests, out.ManifestsBase64 = textOrNull(p.Manifests)
	return out
}

func workloadAnswer(w *finding.Workload) *findings.Workload {
	if w == nil {
		return nil
	}
	out := &findings.Workload{}
	out.Kind, out.KindBase64 = textOf(w.Kind)
	out.Name, out.NameBase64 = textOf(w.Name)
	out.Evidence, out.EvidenceBase64 = textOf(string(w.Evidence))
	return out
}
