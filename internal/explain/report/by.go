package report

import (
	"cmp"
	"strconv"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// By is what creations are grouped by.
type By string

// What creations can be grouped by. The zero By stands for their root cause.
const (
	ByCause     By = ""
	ByOrigin    By = "origin"
	ByUnit      By = "unit"
	ByPod       By = "pod"
	ByWorkload  By = "workload"
	ByContainer By = "container"
	ByUser      By = "user"
	ByCommand   By = "command"
)

// Bys are all of them but the root cause.
var Bys = []By{ByOrigin, ByUnit, ByPod, ByWorkload, ByContainer, ByUser, ByCommand}

// GroupBy has creations grouped by something else than their root cause.
func (c *Collector) GroupBy(by By) { c.by = by }

// Grouped is what creations have in common that are grouped by something. The zero
// Grouped stands for a root cause.
type Grouped struct {
	By By
	// Unit is that of ByUnit and ByOrigin, without a name where there is none.
	Unit UnitRef
	// Name is the pod, the workload or the container, empty where there is none.
	// Namespace is that of a pod or a workload, Kind that of a workload.
	Namespace, Kind, Name string
	// UID is that of ByUser.
	UID uint32
}

// identify is what a creation has in common with others, as a cause that has nothing else
// of its own.
func (by By) identify(k *finding.Attribution, full *Cause) (cause Cause, of parts) {
	out := Cause{Trigger: full.Trigger, Grouped: Grouped{By: by}}
	g := &out.Grouped
	var own []string
	switch by {
	case ByOrigin:
		g.Unit = full.Origin
		if g.Unit.Unit == "" || full.Trigger == finding.TriggerUnknown {
			g.Unit = UnitRef{}
		}
	case ByUnit:
		g.Unit = full.Creator
	case ByPod, ByWorkload:
		by.ofPod(g, k)
	case ByContainer:
		g.Name = containerOf(k)
	case ByUser:
		g.UID = k.Process.UID
		if p := k.Origin.Process; p != nil && k.Origin.Trigger == finding.TriggerCommand {
			g.UID = p.UID
		}
	case ByCommand:
		out.Command, out.CommandTruncated, out.Comm = full.Command, full.CommandTruncated, full.Comm
		out.UID, out.HasUID = full.UID, full.HasUID
		own = append(own, full.Comm, strconv.FormatUint(uint64(full.UID), 10), strconv.FormatBool(full.Trigger == finding.TriggerUnknown))
	}
	common := []string{string(by), g.Unit.text(), g.Namespace, g.Kind, g.Name, strconv.FormatUint(uint64(g.UID), 10)}
	return out, parts{lists: [][]string{common, own, out.Command}, command: 2}
}

// ofPod names the pod or the workload for which a creation was.
func (by By) ofPod(g *Grouped, k *finding.Attribution) {
	pod := k.Origin.Pod
	if k.For != nil && k.For.Pod != nil {
		pod = k.For.Pod
	}
	if pod == nil {
		return
	}
	g.Namespace, g.Name = pod.Namespace, cmp.Or(pod.Name, pod.UID)
	if by == ByWorkload {
		g.Kind = "Pod"
		if w := pod.Workload; w != nil {
			g.Kind, g.Name = w.Kind, w.Name
		}
	}
}

// containerOf is the container for which a creation was, or else in which it was made.
func containerOf(k *finding.Attribution) string {
	if k.For != nil && k.For.Container != nil {
		return cmp.Or(k.For.Container.Name, k.For.Container.ID)
	}
	if c := k.Placement.Container; c != nil {
		return c.ContainerName()
	}
	return ""
}
