// Package busynode writes the recording of a Kubernetes node that makes network
// namespaces all the time. It is for tests and benchmarks of what reads recordings.
//
// Three kinds of pods make them: one whose sandbox fails and is tried again, the pods of
// a CronJob, and those of a ReplicaSet. The events are those of a node with containerd, in
// the order in which nsblame records them. The same Plan makes the same events.
package busynode
