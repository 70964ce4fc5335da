// Package workload tells from the labels of a pod and from its name what it belongs
// to: which Job, CronJob, Deployment, StatefulSet or DaemonSet.
//
// A container runtime is not told a pod's owners. Kubernetes' controllers put labels on
// the pods that they make, and form names after rules. Whoever may make pods can write
// the same labels, so what they say is a claim. Where nothing tells, there is no
// workload.
package workload

import (
	"slices"
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

// cut takes the last part off a name, behind the last dash; false if there is none, or no
// name before it.
func cut(name string) (rest, part string, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i <= 0 || strings.IndexByte(name[:i], '\n') >= 0 {
		return "", "", false
	}
	return name[:i], name[i+1:], true
}

func has(text, bytes string) bool { return strings.Trim(text, bytes) == "" }

const digits = "0123456789"

// isMinute reports whether a part of a name is what the CronJob controller puts behind a
// CronJob's to name a Job: minutes since 1970 (pkg/controller/cronjob, getJobName).
func isMinute(part string) bool {
	return len(part) == 8 && part[0] >= '2' && part[0] <= '5' && has(part, digits)
}

// isGenerated reports whether a part is what the API server puts behind a generateName
// (apiserver, pkg/storage/names, and apimachinery, pkg/util/rand).
func isGenerated(part string) bool { return len(part) == 5 && has(part, "bcdfghjklmnpqrstvwxz2456789") }

// isNumber reports whether a part is the number of a StatefulSet's pod.
func isNumber(part string) bool {
	return part == "0" || part != "" && part[0] != '0' && has(part, digits)
}

// values are labels, of which the last with a key counts.
type values []event.Label

func (v values) of(key string) string {
	for i := range slices.Backward(v) {
		if v[i].Key == key {
			return v[i].Value
		}
	}
	return ""
}

// Of returns what a pod belongs to by its labels and its name, nil where they do not
// tell. It is the outermost object that is known: a CronJob rather than its Job, and a
// Deployment rather than its ReplicaSet.
func Of(pod string, labels []event.Label) *finding.Workload {
	for _, rule := range [...]func(string, values) *finding.Workload{job, statefulSet, replicaSet, daemonSet} {
		if w := rule(pod, labels); w != nil {
			return w
		}
	}
	return nil
}

// job reads the label with which a Job finds its pods.
func job(_ string, set values) *finding.Workload {
	name := set.of(jobName)
	if name == "" {
		name = set.of(jobNameOld)
	}
	if name == "" {
		return nil
	}
	if cronJob, minute, ok := cut(name); ok && isMinute(minute) {
		return &finding.Workload{Kind: "CronJob", Name: cronJob, Evidence: evidence.Inferred}
	}
	return &finding.Workload{Kind: "Job", Name: name, Evidence: evidence.Claimed}
}

// statefulSet reads the labels with the pod's own name and number. The revision has the
// set's name in front (pkg/controller/history, ControllerRevisionName).
func statefulSet(pod string, set values) *finding.Workload {
	name, number, ok := cut(pod)
	if !ok || !isNumber(number) {
		return nil
	}
	ofRevision := strings.HasPrefix(set.of(revisionHash), name+"-")
	switch {
	case set.of(statefulPod) == pod && ofRevision:
		return &finding.Workload{Kind: "StatefulSet", Name: name, Evidence: evidence.Claimed}
	case set.of(statefulPod) == pod, set.of(statefulNumber) == number && ofRevision:
		return &finding.Workload{Kind: "StatefulSet", Name: name, Evidence: evidence.Inferred}
	}
	return nil
}

// replicaSet takes the name of a Deployment's ReplicaSet apart: it ends in the hash that
// its pods have as a label. Where the name of the Deployment is too long that is cut off.
func replicaSet(pod string, set values) *finding.Workload {
	owner, end, ok := cut(pod)
	hash := set.of(templateHash)
	if !ok || !isGenerated(end) || hash == "" {
		return nil
	}
	name, ok := strings.CutSuffix(owner, "-"+hash)
	if !ok || name == "" {
		return &finding.Workload{Kind: "ReplicaSet", Name: owner, Evidence: evidence.Inferred}
	}
	return &finding.Workload{Kind: "Deployment", Name: name, Evidence: evidence.Inferred}
}

// daemonSet reads the name in front of what the API server put behind it. A DaemonSet's
// pods have a hash as their revision, without a name.
func daemonSet(pod string, set values) *finding.Workload {
	name, end, ok := cut(pod)
	hash := set.of(revisionHash)
	if !ok || !isGenerated(end) || hash == "" || strings.Contains(hash, "-") || set.of(statefulPod) != "" {
		return nil
	}
	return &finding.Workload{Kind: "DaemonSet", Name: name, Evidence: evidence.Inferred}
}
