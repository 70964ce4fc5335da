package redact

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

// The names that must not be left, and the id that must.
const (
	id        = "3f2a5b6c7d8e9f00112233445566778899aabbccddeeff001122334455667788"
	podName   = "payroll-7"
	podSpace  = "finance"
	container = "payroll-db"
	project   = "payroll"
)

// bodies is all that can name a container or a pod.
func bodies() []event.Body {
	return []event.Body{
		&event.EngineRequest{Engine: event.EngineDocker, Call: event.EngineCreate, Container: container},
		&event.EngineRequest{Engine: event.EnginePodman, Call: event.EngineStart, Container: container},
		&event.EngineRequest{Engine: event.EngineDocker, Call: event.EngineStart, Container: id[:12]},
		&event.EngineRequest{Engine: event.EngineContainerd, Call: event.EngineRunSandbox, Sandbox: &event.SandboxRequest{
			Namespace: podSpace, Name: podName, UID: "u-1", Attempt: 2, Labels: []event.Label{{Key: "app", Value: project}},
		}},
		&event.CNI{Serial: 1, ContainerID: id, PodNamespace: podSpace, PodName: podName, PodUID: "u-1"},
		&event.Container{
			Question: event.ContainerQuestion{ID: id}, Name: container, PodNamespace: podSpace, PodName: podName, Sandbox: id,
			ComposeProject: project, ComposeService: container, RestartPolicy: "always",
		},
		&event.Program{Argv: []string{"/usr/bin/conmon", "-c", id, "-n", container, "-u", id}},
	}
}

func redacted(m Mode, given []event.Body) (list []event.Body) {
	r := New(m, []byte("key"))
	for _, b := range given {
		list = append(list, r.Event(event.Event{Body: b}).Body)
	}
	return list
}

func text(list []event.Body) string {
	var b strings.Builder
	for _, body := range list {
		fmt.Fprintf(&b, "%+v\n", body)
		if r, ok := body.(*event.EngineRequest); ok && r.Sandbox != nil {
			fmt.Fprintf(&b, "%+v\n", *r.Sandbox)
		}
	}
	return b.String()
}

// No name is left, and what belonged together still does.
func TestNamesOfContainers(t *testing.T) {
	for _, mode := range []Mode{Names, Names | Secrets, All} {
		given := bodies()
		list := redacted(mode, given)
		if d := cmp.Diff(bodies(), given); d != "" {
			t.Fatalf("what was given has changed:\n%s", d)
		}
		for _, name := range []string{podName, podSpace, container, project} {
			if got := text(list); strings.Contains(got, name) {
				t.Errorf("%s: %s is left in %s", mode, name, got)
			}
		}
		create, start := list[0].(*event.EngineRequest), list[1].(*event.EngineRequest)
		sandbox, cni := list[3].(*event.EngineRequest).Sandbox, list[4].(*event.CNI)
		answer, conmon := list[5].(*event.Container), list[6].(*event.Program)
		if create.Container != start.Container || create.Container != answer.Name || mode != All && conmon.Argv[4] != answer.Name {
			t.Errorf("%s: the container is %q, %q, %q, %q", mode, create.Container, start.Container, answer.Name, conmon.Argv)
		}
		if sandbox.Name != cni.PodName || sandbox.Name != answer.PodName || sandbox.Namespace != cni.PodNamespace || sandbox.Name == sandbox.Namespace {
			t.Errorf("%s: the pod is %+v, %+v, %+v", mode, sandbox, cni, answer)
		}
		if list[2].(*event.EngineRequest).Container != id[:12] || cni.ContainerID != id || answer.Sandbox != id || sandbox.UID != "u-1" || sandbox.Attempt != 2 {
			t.Errorf("%s: an id is lost in %s", mode, text(list))
		}
	}
}

// Other runs have other words, so that they tell nothing of each other.
func TestWordsAreOfARun(t *testing.T) {
	a, b := New(Names, []byte("a")), New(Names, []byte("b"))
	if a.word(podName) == b.word(podName) || a.word("") != "" {
		t.Errorf("%s, %s", a.word(podName), b.word(podName))
	}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.String().Draw(rt, "name")
		if got := a.word(name); name != "" && (isID(got) || strings.ContainsAny(got, "0123456789")) {
			rt.Fatalf("%q became %q", name, got)
		}
	})
}

// What containerd and LXC call a container is the name of a cgroup, which stays.
func TestNamesThatAreIDsStay(t *testing.T) {
	for _, b := range []event.Body{
		&event.EngineRequest{Engine: event.EngineContainerd, Call: event.EngineTask, Container: "web1"},
		&event.EngineRequest{Engine: event.EngineIncus, Call: event.EngineStart, Container: "web1"},
	} {
		if d := cmp.Diff([]event.Body{b}, redacted(All, []event.Body{b})); d != "" {
			t.Errorf("(-given +redacted):\n%s", d)
		}
	}
}

// Secrets alone leaves names and ids, and of labels what does not look like a secret.
func TestSecretsInLabels(t *testing.T) {
	if d := cmp.Diff(bodies(), redacted(Secrets, bodies())); d != "" {
		t.Errorf("(-given +redacted):\n%s", d)
	}
	r := New(Secrets, nil)
	got := r.labels([]event.Label{
		{Key: "app", Value: "web"}, {Key: "db-password", Value: "hunter2"}, {Key: "x", Value: "ghp_abcdefghijklmnopqrstuvwxyz012345"}, {Key: "token"},
	})
	want := []event.Label{{Key: "app", Value: "web"}, {Key: "db-password", Value: mark}, {Key: "x", Value: mark}, {Key: "token"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// FuzzNames: whatever a name is, nothing of it is left.
func FuzzNames(f *testing.F) {
	f.Add("payroll", "app", "v")
	f.Add("3f2a5b6c7d8e", "db-password", "\xff")
	f.Fuzz(func(t *testing.T, name, key, value string) {
		got := redacted(Names, []event.Body{
			&event.EngineRequest{Engine: event.EngineDocker, Call: event.EngineCreate, Container: name},
			&event.Container{Name: name},
			&event.EngineRequest{Sandbox: &event.SandboxRequest{Name: name, Labels: []event.Label{{Key: key, Value: value}}}},
		})
		sandbox := got[2].(*event.EngineRequest).Sandbox
		for _, word := range []string{got[0].(*event.EngineRequest).Container, got[1].(*event.Container).Name, sandbox.Name} {
			if (word == "") != (name == "") || word != "" && (len(word) != len(placeholder)+16 || !strings.HasPrefix(word, placeholder)) {
				t.Fatalf("%q became %q", name, word)
			}
		}
		if l := sandbox.Labels[0]; l.Key != key || value != "" && !strings.HasPrefix(l.Value, placeholder) {
			t.Fatalf("%q became %+v", value, l)
		}
	})
}
