package report

import (
	"cmp"
	"path"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Whom is for whom a cause made its namespaces, where that is what makes it one cause.
// The zero Whom stands for nobody, or for many.
type Whom struct {
	// Container is the container that is restarted by its policy, by its name or else
	// its id.
	Container string
	// PodNamespace is the namespace of the pod, or of the pods of a workload.
	PodNamespace string
	// Pod is the pod, empty if it belongs to a Workload.
	Pod string
	// Workload is what the pods belong to, nil if that is not known.
	Workload *finding.Workload
}

// whom is for whom a namespace was made. A pod that is made anew has a new uid, and is
// the same to a person.
func whom(k *finding.Attribution) Whom {
	if c := k.Origin.Container; c != nil && k.Origin.Trigger == finding.TriggerRestart {
		return Whom{Container: cmp.Or(c.Name, c.ID)}
	}
	pod := k.Origin.Pod
	if k.For != nil && k.For.Pod != nil {
		pod = k.For.Pod
	}
	switch {
	case pod == nil:
		return Whom{}
	case pod.Workload != nil:
		return Whom{PodNamespace: pod.Namespace, Workload: pod.Workload}
	}
	return Whom{PodNamespace: pod.Namespace, Pod: pod.Name}
}

// key is what distinguishes it.
func (w *Whom) key() [5]string {
	list := [...]string{w.Container, w.PodNamespace, w.Pod, "", ""}
	if w.Workload != nil {
		list[3], list[4] = w.Workload.Kind, w.Workload.Name
	}
	return list
}

func (w *Whom) size() uint64 {
	key := w.key()
	return bounded.Text(key[:])
}

// ownID is a command line without the id of the container that it is for.
func ownID(argv []string, f *finding.For) []string {
	if f == nil || f.Container == nil || !isID(f.Container.ID) {
		return argv
	}
	for i := range argv {
		argv[i] = strings.ReplaceAll(argv[i], f.Container.ID, "<id>")
	}
	return argv
}

// machinery is the program of a process of a runtime, without its arguments.
func machinery(p *lineage.Process) []string {
	name := path.Base(p.Exe)
	if p.Exe == "" {
		name = p.Comm
	}
	return []string{name}
}
