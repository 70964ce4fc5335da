package render

import (
	"fmt"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// engineWords has the names of the engines.
var engineWords = map[event.Engine]string{
	event.EngineDocker: "docker", event.EnginePodman: "podman", event.EngineContainerd: "containerd",
	event.EngineCRIO: "CRI-O", event.EngineLXD: "LXD", event.EngineIncus: "incus",
}

// callWords has the words for what an engine is asked for. {which} stands for the
// container or the pod that the request names.
var callWords = map[event.EngineCall]string{
	event.EngineCreate:     "was asked to create {which}",
	event.EngineStart:      "was asked to start {which}",
	event.EngineRestart:    "was asked to restart {which}",
	event.EngineBuild:      "was asked to build an image",
	event.EngineTask:       "was called about the task of {which}",
	event.EngineRunSandbox: "was asked for a sandbox of {which}",
	event.EngineUnknown:    "got a request that could not be read",
}

// engineText is a request to an engine in words. It may hold any byte.
func engineText(r *finding.EngineRequest) string {
	which := "a container"
	switch {
	case r.Pod != nil:
		which = podName(r.Pod, verbatim)
	case r.Call == event.EngineRunSandbox:
		which = "a pod"
	case r.Container != "":
		which = "container " + briefID(r.Container)
	}
	return inWords(engineWords, r.Engine) + " " + strings.ReplaceAll(inWords(callWords, r.Call), "{which}", which)
}

// calledByName is a cause of a namespace made for somebody. If it is a request that
// names the container by its id, it calls it by its name.
func calledByName(c finding.Cause, to *finding.For) finding.Cause {
	r, ok := c.(finding.EngineRequest)
	if !ok || to == nil || to.Container == nil || to.Container.Name == "" || len(r.Container) < shortID {
		return c
	}
	if strings.HasPrefix(to.Container.ID, r.Container) {
		r.Container = to.Container.Name
	}
	return r
}

// containerRestartText is a restart by a policy in words. It may hold any byte.
func containerRestartText(r *finding.ContainerRestart) string {
	text := r.Container.Runtime + " restarted " + containerName(&r.Container, verbatim)
	if r.Container.RestartPolicy != "" {
		text += " by its policy " + r.Container.RestartPolicy
	}
	if r.Ended == nil {
		return text
	}
	s := exitStatus(*r.Ended)
	if s.signal != 0 {
		return text + fmt.Sprintf(", after signal %d ended it", s.signal)
	}
	return text + fmt.Sprintf(", after it ended with status %d", s.code)
}

// engineStartText is a start with its engine in words. It may hold any byte.
func engineStartText(s *finding.EngineStart) string {
	return inWords(engineWords, s.Engine) + " brought " + containerName(&s.Container, verbatim) + " up when it started itself"
}

// writing says how a name is written within words.
type writing func(string) string

// verbatim leaves a name as it is. What comes of it may hold any byte.
func verbatim(s string) string { return s }

// quoted makes a name safe to show, and keeps it apart from the words around it.
func quoted(s string) string { return quoteName(s, maxName) }

// containerName names a container, by its name if it has one.
func containerName(c *finding.Container, write writing) string {
	what := "container "
	if c.Runtime == cgroup.RuntimeBuildKit {
		what = "build step "
	}
	switch {
	case c.Name != "":
		return what + write(c.Name)
	case c.ID != "":
		return what + write(briefID(c.ID))
	}
	return "a " + strings.TrimSpace(what)
}

// briefID is an id that a runtime made, as short as docker shows it.
func briefID(id string) string {
	if len(id) == 64 {
		return id[:shortID]
	}
	return id
}

// podName names a pod, with the number of its sandbox.
func podName(p *finding.Pod, write writing) string {
	text := "pod "
	switch {
	case p.Name != "":
		text += write(p.Namespace) + "/" + write(p.Name)
	case p.UID != "":
		text += "with uid " + write(p.UID)
	default:
		return "a pod"
	}
	if p.Attempt != nil {
		text += fmt.Sprintf(", attempt %d", *p.Attempt)
	}
	return text
}

// knownFor reports whether it is known for whom a namespace was made. Then its
// creator is a container's machinery, and its command line tells a person nothing.
func knownFor(f *finding.For) bool { return f != nil && (f.Container != nil || f.Pod != nil) }

// forName is for whom, in a few words that are safe to show.
func forName(f *finding.For) string {
	switch {
	case f.Pod != nil && f.Container != nil && f.Container.Name != "":
		return containerName(f.Container, quoted) + " of " + podName(f.Pod, quoted)
	case f.Pod != nil:
		return podName(f.Pod, quoted)
	case f.Container != nil:
		return containerName(f.Container, quoted)
	}
	return "unknown"
}

// forText is for whom, with all that a person may want to know. It is safe to show.
func forText(f *finding.For) string {
	text := forName(f)
	if f.Pod != nil {
		text += podDetail(f.Pod)
	} else if f.Container != nil {
		text += containerDetail(f.Container)
	}
	if !f.Why.IsZero() {
		text += ": " + fitEscaped(reasonText(f.Why), maxTreeCommand)
	}
	return text
}

// podDetail is what a pod belongs to, and where the kubelet has it from.
func podDetail(p *finding.Pod) string {
	var text string
	if w := p.Workload; w != nil {
		text += ", of " + workloadText(w)
	}
	switch p.Source {
	case "", "api":
	case "file":
		text += ", from " + manifestText(p)
	default:
		text += ", from " + quoted(p.Source)
	}
	return text
}

// manifestText is the file that a static pod is from.
func manifestText(p *finding.Pod) string {
	if p.Manifests == "" {
		return "a file of the kubelet's"
	}
	return "a manifest in " + quoted(p.Manifests)
}

// workloadText is a workload with what shows it.
func workloadText(w *finding.Workload) string {
	text := quoted(w.Kind) + " " + quoted(w.Name)
	if w.Evidence != evidence.Kernel {
		text += " (" + fitEscaped(string(w.Evidence), maxName) + ")"
	}
	return text
}

// containerDetail is the image, the runtime and the project of a container.
func containerDetail(c *finding.Container) string {
	var text string
	if c.Image != "" {
		text += " (" + quoted(c.Image) + ")"
	}
	if c.Runtime != "" {
		text += ", " + quoted(c.Runtime)
	}
	if c.Namespace != "" && c.Namespace != "moby" { // docker's own, which says no more
		text += ", namespace " + quoted(c.Namespace)
	}
	if c.ComposeProject != "" {
		text += ", compose " + quoted(c.ComposeProject)
		if c.ComposeService != "" {
			text += "/" + quoted(c.ComposeService)
		}
	}
	return text
}

// caseFor is for whom a cause acts: of a pod without the number of one sandbox.
func caseFor(f *finding.For) string {
	if f.Pod == nil {
		return forName(f)
	}
	named := *f.Pod
	named.Attempt = nil
	return podName(&named, quoted)
}

// withoutAttempt is a request for a pod without the number of one sandbox.
func withoutAttempt(c finding.Cause) finding.Cause {
	r, ok := c.(finding.EngineRequest)
	if !ok || r.Pod == nil {
		return c
	}
	named := *r.Pod
	named.Attempt = nil
	r.Pod = &named
	return r
}

// podPhrase names the cause of sandboxes: a pod, or what makes pods, and who runs it.
func podPhrase(c *report.Cause) phrase {
	if c.Example == nil || c.Example.Origin.Pod == nil {
		return phrase{words("A pod")}
	}
	pod := c.Example.Origin.Pod
	p := phrase{words("Pod "), value(quoted(pod.Namespace) + "/" + quoted(pod.Name))}
	if len(c.For.Values) > 1 && pod.Workload != nil {
		p = phrase{words("Pods of "), value(workloadText(pod.Workload)), words(" in "), value(quoted(pod.Namespace))}
	} else if pod.Name == "" {
		p = phrase{value(podName(pod, quoted))}
	}
	if c.Origin.Unit != "" {
		p = append(p, words(", run by "), value(unitRefText(&c.Origin)))
	}
	return p
}

// beneficiaryText is a container or a pod of a tally.
func beneficiaryText(v []string) string {
	if len(v) != 2 {
		return fitEscaped(strings.Join(v, " "), maxName)
	}
	return escape(v[0]) + " " + quoted(briefID(v[1]))
}
