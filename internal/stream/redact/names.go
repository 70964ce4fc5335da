package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
)

// placeholder begins the words that stand for names.
const placeholder = "redacted-"

// word stands for a name, the same for the same name, so that what belongs together
// still does. It is made of letters from a to p alone: no digits at its end are taken
// for the number of a pod, and no part of it for the beginning of an id.
func (r *Redactor) word(name string) string {
	if name == "" {
		return ""
	}
	h := hmac.New(sha256.New, r.key)
	h.Write([]byte(name))
	out := []byte(placeholder)
	for _, b := range h.Sum(nil)[:8] {
		out = append(out, 'a'+b>>4, 'a'+b&15)
	}
	return string(out)
}

// names hides the names of containers and pods, and the values of labels, or those
// values alone that look like a secret. Ids stay, and so does what containerd and LXC
// call a container: it is the name of a cgroup, too.
func (r *Redactor) names(body event.Body) event.Body {
	switch b := body.(type) {
	case *event.EngineRequest:
		return r.request(b)
	case *event.CNI:
		if r.mode&Names != 0 {
			c := *b
			r.replace(&c.PodNamespace, &c.PodName)
			return &c
		}
	case *event.Container:
		return r.container(b)
	case *event.Program:
		if i, found := conmonName(b); found && r.mode&Names != 0 && r.mode&arguments == 0 {
			c := *b
			c.Argv = slices.Clone(b.Argv)
			c.Argv[i] = r.word(c.Argv[i])
			return &c
		}
	}
	return body
}

func (r *Redactor) replace(names ...*string) {
	for _, name := range names {
		*name = r.word(*name)
	}
}

// namesApart are the engines that give a container an id beside its name.
var namesApart = map[event.Engine]bool{event.EngineDocker: true, event.EnginePodman: true}

func (r *Redactor) request(b *event.EngineRequest) *event.EngineRequest {
	c := *b
	if r.mode&Names != 0 && namesApart[c.Engine] && (c.Call == event.EngineCreate || !isID(c.Container)) {
		r.replace(&c.Container)
	}
	if b.Sandbox != nil {
		s := *b.Sandbox
		if r.mode&Names != 0 {
			r.replace(&s.Namespace, &s.Name)
		}
		s.Labels = r.labels(s.Labels)
		c.Sandbox = &s
	}
	return &c
}

func (r *Redactor) labels(list []event.Label) []event.Label {
	out := slices.Clone(list)
	for i := range out {
		out[i].Value = r.label(out[i].Key, out[i].Value)
	}
	return out
}

func (r *Redactor) container(b *event.Container) *event.Container {
	c := *b
	if r.mode&Names != 0 {
		r.replace(&c.Name, &c.PodNamespace, &c.PodName, &c.ComposeProject, &c.ComposeService)
		return &c
	}
	c.ComposeProject = r.label("project", c.ComposeProject)
	c.ComposeService = r.label("service", c.ComposeService)
	return &c
}

// label returns the value of a label as it may be written.
func (r *Redactor) label(key, value string) string {
	switch {
	case r.mode&Names != 0:
		return r.word(value)
	case r.mode&Secrets == 0 || value == "":
		return value
	case secretName.MatchString(key):
		return mark
	}
	value, _ = secret(value)
	return value
}

// minID is how short the beginning of an id may be that is taken for one: docker and
// podman show as much.
const minID = 12

// isID reports whether a container is named by its id or the beginning of it.
func isID(s string) bool {
	return len(s) >= minID && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// conmonName finds the argument by which podman tells conmon the container's name.
func conmonName(p *event.Program) (int, bool) {
	if len(p.Argv) == 0 || path.Base(p.Argv[0]) != "conmon" && path.Base(p.Exe) != "conmon" {
		return 0, false
	}
	i := slices.Index(p.Argv, "-n") + 1
	return i, i > 0 && i < len(p.Argv)
}
