package finding

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
)

// For says for whom a network namespace was made: for which container, or which pod.
type For struct {
	// Container is the container, nil if it is not one or not known.
	Container *Container
	// Pod is the pod, nil if it is none or not known.
	Pod *Pod
	// Evidence is how that is known, and Why says why it is no better, or why
	// nothing is known.
	Evidence evidence.Evidence
	Why      Reason
}

// Container is a container as a person knows it. Empty fields are not known. Strings
// may hold any byte.
type Container struct {
	// ID is the runtime's own id, Runtime one of the words of package cgroup, Namespace
	// that of containerd.
	ID, Runtime, Namespace string
	// Name, Image and RestartPolicy are as in event.Container.
	Name, Image, RestartPolicy string
	// ComposeProject and ComposeService are from docker compose's labels.
	ComposeProject, ComposeService string
}

// Pod is a pod of Kubernetes.
type Pod struct {
	// Namespace, Name and UID are the pod's.
	Namespace, Name, UID string
	// Attempt counts its sandboxes from 0, nil where it is not known: only the
	// request has it.
	Attempt *uint32
	// Source is where the kubelet has the pod from: "api", "file" or "http".
	Source string
	// Manifests is the directory that the kubelet has its static pods from.
	Manifests string
	// Labels are the pod's own, in the order of their keys.
	Labels []event.Label
	// Workload is what the pod belongs to, nil where nothing tells.
	Workload *Workload
}

// Workload is what a pod belongs to. Its name is the pod's author's word.
type Workload struct {
	// Kind is the kind of object: "Job", "CronJob", "ReplicaSet", "DaemonSet",
	// "StatefulSet", or "Deployment".
	Kind string
	// Name is the object's.
	Name string
	// Evidence is Claimed where labels name it, Inferred where names tell.
	Evidence evidence.Evidence
}

// NetnsFor says for whom a network namespace was made, when that became known only
// after the creation was shown.
type NetnsFor struct {
	// BootNS is when it became known, nanoseconds since boot.
	BootNS uint64
	// Created is the creation as it was shown. For is what is known of it now.
	Created *Attribution
	For     *For
}

func (*NetnsFor) finding() {}

// ForFacts says for whom the namespace of a container is, by what the files of its
// runtime say. The namespace of a pod is for the pod: its sandbox is no container of
// anybody's, and the containers of a pod share it. It is nil if the files say nothing.
func ForFacts(c *event.Container) *For {
	switch {
	case c.Why != "":
		return nil
	case c.PodName != "" || c.PodUID != "":
		pod := &Pod{Namespace: c.PodNamespace, Name: c.PodName, UID: c.PodUID}
		return &For{Pod: pod, Evidence: evidence.Runtime}
	case c.Name == "" && c.Image == "":
		return nil
	}
	return &For{Evidence: evidence.Runtime, Container: &Container{
		ID: c.Question.ID, Runtime: c.Question.Runtime, Namespace: c.Question.Namespace,
		Name: c.Name, Image: c.Image, RestartPolicy: c.RestartPolicy,
		ComposeProject: c.ComposeProject, ComposeService: c.ComposeService,
	}}
}
