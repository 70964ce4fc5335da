package finding

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Trigger is what set a creation going in the first place.
type Trigger string

// The triggers.
const (
	// TriggerCommand: a process that asked, or acted by itself.
	TriggerCommand Trigger = "command"
	// TriggerTimer, TriggerSocket, TriggerPath, TriggerDevice: a unit of that
	// type.
	TriggerTimer  Trigger = "timer"
	TriggerSocket Trigger = "socket"
	TriggerPath   Trigger = "path"
	TriggerDevice Trigger = "device"
	// TriggerRestart: the service's own Restart= setting.
	TriggerRestart Trigger = "restart"
	// TriggerBoot: it was started with the machine, or with the user's manager.
	TriggerBoot Trigger = "boot"
	// TriggerFailure, TriggerSuccess: the failure of a unit with OnFailure=, or the end
	// of one with OnSuccess=.
	TriggerFailure Trigger = "failure"
	TriggerSuccess Trigger = "success"
	// TriggerPod: the kubelet runs a pod.
	TriggerPod Trigger = "pod"
	// TriggerGuest: the service manager in a container ran a unit of its own.
	TriggerGuest Trigger = "guest"
	// TriggerUnknown: the evidence ends before.
	TriggerUnknown Trigger = "unknown"
)

// Origin is where the chain begins. With TriggerUnknown the evidence ends before.
type Origin struct {
	// Trigger is the kind of beginning.
	Trigger Trigger
	// Process is the process that asked or acted, with TriggerCommand; with
	// TriggerSocket the peer, where it is known, with TriggerPod the kubelet.
	// Otherwise nil.
	Process *lineage.Process
	// Ancestry are the ancestors of Process, nearest first; AncestryWhy says why it
	// does not reach the root, if it does not.
	Ancestry    []lineage.Process
	AncestryWhy lineage.Cut
	// Pod is the pod, with TriggerPod; Process is the kubelet then. Container is the
	// container that is restarted, with TriggerRestart of a container. Otherwise nil.
	Pod       *Pod
	Container *Container
	// Unit is the unit that Process runs in, or the timer, socket or path
	// unit, or the service itself. Empty where there is none. It is never the
	// guest's, which stands in Placement.
	Unit string
	// Placement is where Process belongs, with TriggerGuest where the guest's unit
	// is, or for the others only Unit and its Manager.
	Placement cgroup.Placement
	// Evidence is that of the chain's weakest link.
	Evidence evidence.Evidence
	// Why says, with TriggerUnknown, why the chain ends. For others it says why the
	// weakest link is no better, if there is more to say.
	Why Reason
}

// Attribution is a creation with its causes.
type Attribution struct {
	*lineage.Creation
	// Placement is where the creator belongs, see PlaceBelow.
	Placement cgroup.Placement
	// Settings are the unit's settings that have to do with its network
	// namespace.
	Settings []event.UnitSetting
	// Unanswered is what the manager's answer about the unit lacks.
	Unanswered UnitGaps
	// Links lead from the unit to the origin. The creator and its unit, with
	// which every chain begins, are not repeated here.
	Links []Link
	// Origin is where it began.
	Origin Origin
	// For says for whom it was made, nil if for nobody but the creator.
	For *For
}

// UnitGaps is what is missing of an answer about a unit.
type UnitGaps struct {
	// Cut is set if the manager said more than was kept.
	Cut bool
	// Problems says which of the unit's files could not be read, and why. It is
	// empty where every setting was found in a file.
	Problems []string
}

// NewAttribution returns a creation whose causes are not known.
func NewAttribution(c *lineage.Creation) *Attribution {
	return &Attribution{Creation: c, Placement: PlaceBelow(&c.Process, c.Ancestry), Origin: Origin{Trigger: TriggerUnknown, Evidence: evidence.Unknown}}
}

// Place reads what a process's cgroup says.
func Place(p *lineage.Process) cgroup.Placement {
	switch {
	case p.CgroupUnknown:
		return cgroup.Placement{}
	case p.CgroupTruncated:
		return cgroup.ParseTail(p.Cgroup)
	default:
		return cgroup.ParseDelegated(p.Cgroup, p.CgroupDelegated)
	}
}

// PlaceBelow is Place for a process with these ancestors, nearest first. A process can
// leave the cgroup of its container, but not its pid namespace. So one that is in another
// pid namespace than pid 1 is in the container of its nearest ancestor that has one.
func PlaceBelow(p *lineage.Process, ancestry []lineage.Process) cgroup.Placement {
	pl := Place(p)
	if pl.Container != nil || pl.Unit != "" || pl.Monitor != nil || p.CgroupUnknown || len(ancestry) == 0 {
		return pl
	}
	root := ancestry[len(ancestry)-1].Owner.PIDNamespace
	if own := p.Owner.PIDNamespace; own == 0 || root == 0 || own == root {
		return pl
	}
	for i := range ancestry {
		if c := Place(&ancestry[i]).Container; c != nil && !c.Claimed {
			pl.Container = c
			break
		}
	}
	return pl
}

// Cut reports whether something of the creation is incomplete because it was
// not recorded whole: a command line, a path, or the ancestry.
func (c *Attribution) Cut() bool {
	return c.AncestryTruncated || c.Unanswered.Cut || isCut(&c.Process) || c.Child != nil && isCut(c.Child) ||
		slices.ContainsFunc(c.Ancestry, func(p lineage.Process) bool { return isCut(&p) })
}

func isCut(p *lineage.Process) bool {
	return p.ArgvTruncated || p.ArgvUnread || p.ExeTruncated || p.CgroupTruncated || p.Unresolved ||
		p.Exec != nil && isCut(p.Exec)
}
