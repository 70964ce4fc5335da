package render

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

func (p *jsonPrinter) becameKnown(n *finding.NetnsFor) error {
	e := p.begin("netns_for")
	p.time(n.BootNS)
	var inum uint32
	var cookie uint64
	if n.Created != nil {
		inum, cookie = n.Created.Netns.Inum, n.Created.Netns.Cookie
	}
	identityField(e, inum, cookie)
	forField(e, n.For)
	p.createdRef(n.Created)
	return p.end()
}

// forField writes for whom a namespace was made.
func forField(e *encoder, f *finding.For) {
	if f == nil {
		e.null("for")
		return
	}
	e.key("for")
	e.open('{')
	runtimeContainerField(e, "container", f.Container)
	podField(e, f.Pod)
	e.str("evidence", string(f.Evidence))
	whyField(e, f.Why)
	e.close('}')
}

// orNull writes a string field, null for what is not known.
func (e *encoder) orNull(name, s string) {
	if s == "" {
		e.null(name)
		return
	}
	e.str(name, s)
}

func runtimeContainerField(e *encoder, name string, c *finding.Container) {
	if c == nil {
		e.null(name)
		return
	}
	e.key(name)
	e.open('{')
	e.orNull("id", c.ID)
	e.orNull("runtime", c.Runtime)
	e.orNull("namespace", c.Namespace)
	e.orNull("name", c.Name)
	e.orNull("image", c.Image)
	e.orNull("restart_policy", c.RestartPolicy)
	labelsField(e, composeLabels(c))
	e.close('}')
}

// The labels that docker compose gives to its containers.
const (
	labelComposeProject = "com.docker.compose.project"
	labelComposeService = "com.docker.compose.service"
)

// composeLabels are the labels of a container that are known.
func composeLabels(c *finding.Container) []event.Label {
	var out []event.Label
	if c.ComposeProject != "" {
		out = append(out, event.Label{Key: labelComposeProject, Value: c.ComposeProject})
	}
	if c.ComposeService != "" {
		out = append(out, event.Label{Key: labelComposeService, Value: c.ComposeService})
	}
	return out
}

func labelsField(e *encoder, list []event.Label) {
	e.key("labels")
	e.open('[')
	for _, l := range list {
		e.open('{')
		e.str("key", l.Key)
		e.str("value", l.Value)
		e.close('}')
	}
	e.close(']')
}

func podField(e *encoder, p *finding.Pod) {
	if p == nil {
		e.null("pod")
		return
	}
	e.key("pod")
	e.open('{')
	e.orNull("namespace", p.Namespace)
	e.orNull("name", p.Name)
	e.orNull("uid", p.UID)
	if p.Attempt == nil {
		e.null("attempt")
	} else {
		e.uint("attempt", uint64(*p.Attempt))
	}
	e.orNull("source", p.Source)
	e.orNull("manifests", p.Manifests)
	labelsField(e, p.Labels)
	workloadField(e, p.Workload)
	e.close('}')
}

func workloadField(e *encoder, w *finding.Workload) {
	if w == nil {
		e.null("workload")
		return
	}
	e.key("workload")
	e.open('{')
	e.str("kind", w.Kind)
	e.str("name", w.Name)
	e.str("evidence", string(w.Evidence))
	e.close('}')
}
