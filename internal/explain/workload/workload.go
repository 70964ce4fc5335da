// Package workload tells from the labels of a pod and from its name what it belongs
// to: which Job, CronJob, Deployment, StatefulSet or DaemonSet.
//
// A container runtime is not told a pod's owners. Kubernetes' controllers put labels on
// the pods that they make, and form names after rules. Whoever may make pods can write
// the same labels, so what they say is a claim. Where nothing tells, there is no
// workload.
package workload

import (
	"regexp"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// The labels that controllers set.
const (
	jobName        = "batch.kubernetes.io/job-name"
	jobNameOld     = "job-name"
	templateHash   = "pod-template-hash"
	revisionHash   = "controller-revision-hash"
	statefulPod    = "statefulset.kubernetes.io/pod-name"
	statefulNumber = "apps.kubernetes.io/pod-index"
)

var (
	// scheduled is the name of a Job that the CronJob controller has made: the CronJob's
	// with the minutes since 1970 (pkg/controller/cronjob, getJobName).
	scheduled = regexp.MustCompile(`^(.+)-([2-5][0-9]{7})$`)
	// generated is a name that ends in what the API server puts behind a generateName
	// (apiserver, pkg/storage/names, and apimachinery, pkg/util/rand).
	generated = regexp.MustCompile(`^(.+)-[bcdfghjklmnpqrstvwxz2456789]{5}$`)
	// numbered is the name of a StatefulSet's pod.
	numbered = regexp.MustCompile(`^(.+)-(0|[1-9][0-9]*)$`)
)

// Of returns what a pod belongs to by its labels and its name, nil where they do not
// tell. It is the outermost object that is known: a CronJob rather than its Job, and a
// Deployment rather than its ReplicaSet.
func Of(pod string, labels []event.Label) *finding.Workload {
	set := make(map[string]string, len(labels))
	for _, l := range labels {
		set[l.Key] = l.Value
	}
	for _, rule := range []func(string, map[string]string) *finding.Workload{job, statefulSet, replicaSet, daemonSet} {
		if w := rule(pod, set); w != nil {
			return w
		}
	}
	return nil
}

// job reads the label with which a Job finds its pods.
func job(_ string, set map[string]string) *finding.Workload {
	name := set[jobName]
	if name == "" {
		name = set[jobNameOld]
	}
	if name == "" {
		return nil
	}
	if m := scheduled.FindStringSubmatch(name); m != nil {
		return &finding.Workload{Kind: "CronJob", Name: m[1], Evidence: evidence.Inferred}
	}
	return &finding.Workload{Kind: "Job", Name: name, Evidence: evidence.Claimed}
}

// statefulSet reads the labels with the pod's own name and number. The revision has the
// set's name in front (pkg/controller/history, ControllerRevisionName).
func statefulSet(pod string, set map[string]string) *finding.Workload {
	m := numbered.FindStringSubmatch(pod)
	if m == nil {
		return nil
	}
	name, number := m[1], m[2]
	ofRevision := strings.HasPrefix(set[revisionHash], name+"-")
	switch {
	case set[statefulPod] == pod && ofRevision:
		return &finding.Workload{Kind: "StatefulSet", Name: name, Evidence: evidence.Claimed}
	case set[statefulPod] == pod, set[statefulNumber] == number && ofRevision:
		return &finding.Workload{Kind: "StatefulSet", Name: name, Evidence: evidence.Inferred}
	}
	return nil
}

// replicaSet takes the name of a Deployment's ReplicaSet apart: it ends in the hash that
// its pods have as a label. Where the name of the Deployment is too long that is cut off.
func replicaSet(pod string, set map[string]string) *finding.Workload {
	m := generated.FindStringSubmatch(pod)
	hash := set[templateHash]
	if m == nil || hash == "" {
		return nil
	}
	name, ok := strings.CutSuffix(m[1], "-"+hash)
	if !ok || name == "" {
		return &finding.Workload{Kind: "ReplicaSet", Name: m[1], Evidence: evidence.Inferred}
	}
	return &finding.Workload{Kind: "Deployment", Name: name, Evidence: evidence.Inferred}
}

// daemonSet reads the name in front of what the API server put behind it. A DaemonSet's
// pods have a hash as their revision, without a name.
func daemonSet(pod string, set map[string]string) *finding.Workload {
	m := generated.FindStringSubmatch(pod)
	hash := set[revisionHash]
	if m == nil || hash == "" || strings.Contains(hash, "-") || set[statefulPod] != "" {
		return nil
	}
	return &finding.Workload{Kind: "DaemonSet", Name: m[1], Evidence: evidence.Inferred}
}
