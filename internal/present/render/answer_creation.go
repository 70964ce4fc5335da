package render

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/present/answer"
)

func (c *clock) creationAnswer(k *finding.Attribution) answer.Creation {
	n := &k.Netns
	out := answer.Creation{
		Moment: c.moment(k.BootNS), EntryMissed: n.EntryMissed,
		Netns:      answer.NewNetns{Inum: n.Inum, Cookie: n.Cookie, ParentInum: n.ParentInum},
		DurationNS: n.DurationNS, Init: each(n.Init, initAnswer), Cost: costAnswer(n),
		ExecAwaited: k.ExecAwaited, Process: processAnswer(&k.Process), Child: optionalProcess(k.Child), For: forAnswer(k.For), Attribution: attributionAnswer(k, finding.KindCreator),
	}
	out.Call, out.CallBase64 = textOf(string(n.Call))
	if n.Errno != 0 {
		out.Error, _ = someText(errnoName(n.Errno))
	}
	return out
}

func initAnswer(i *event.Init) answer.Init {
	out := answer.Init{DurationNS: i.DurationNS}
	out.Op, out.OpBase64 = textOf(i.Op)
	out.Subsystem, out.SubsystemBase64 = textOf(i.Subsystem)
	if i.IPVS != nil {
		out.IPVS = &answer.IPVS{ID: i.IPVS.ID, Size: i.IPVS.Size}
	}
	return out
}

func costAnswer(n *event.NetnsCreate) *answer.Cost {
	c := n.Cost
	if c == nil {
		return nil
	}
	out := &answer.Cost{
		Ops: each(c.Ops, func(o *event.CostOp) answer.TimedOp {
			return answer.TimedOp{Operation: opAnswer(o), DurationNS: o.DurationNS}
		}),
		Unlisted: uint64(c.Unlisted), OtherNS: c.OtherNS(n.DurationNS),
	}
	if !c.LockUnknown {
		out.LockWaitNS = &c.LockWaitNS
	}
	if c.Unlisted > 0 {
		out.UnlistedNS = &c.UnlistedNS
	}
	return out
}

func opAnswer(o *event.CostOp) answer.Operation {
	out := answer.Operation{NoInit: o.NoInit}
	out.Op, out.OpBase64 = textOrNull(o.Op)
	out.Subsystem, out.SubsystemBase64 = textOrNull(o.Subsystem)
	out.Module, out.ModuleBase64 = textOrNull(o.Module)
	return out
}

// attributionAnswer returns who did something, and why. The chain begins with a
// link of the kind given.
func attributionAnswer(k *finding.Attribution, first finding.Kind) answer.Attribution {
	var why *lineage.Cut
	if k.AncestryTruncated {
		why = &k.AncestryWhy
	}
	return answer.Attribution{
		Lineage:       lineageAnswer(k.Ancestry, why),
		AncestorsLost: uint64(k.Netns.AncestorsLost),
		Place: answer.Place{
			Unit:           unitAnswer(&k.Placement, k.Process.Cgroup, unitFacts{k.Settings, k.Unanswered}),
			Container:      placedAnswer(&k.Placement),
			OuterContainer: containerAnswer(k.Placement.Outer),
			MonitorOf:      containerAnswer(k.Placement.Monitor),
		},
		Chain:  chainAnswer(k, first),
		Origin: originAnswer(&k.Origin),
	}
}

// chainAnswer returns what is known from the kernel, and then the links of the
// attribution.
func chainAnswer(k *finding.Attribution, first finding.Kind) []answer.Link {
	out := []answer.Link{ownAnswer(first, evidence.Kernel, creatorText(k, maxTreeCommand))}
	if k.Placement.Unit != "" {
		out = append(out, ownAnswer(finding.KindUnit, unitEvidence(&k.Placement), k.Placement.Unit))
	}
	return append(out, each(k.Links, func(l *finding.Link) answer.Link { return linkAnswer(l, k.For) })...)
}

// ownAnswer is a link that every chain has.
func ownAnswer(kind finding.Kind, ev evidence.Evidence, what string) answer.Link {
	out := answer.Link{Link: answer.Text(kindText(kind)), Evidence: answer.Text(ev), Code: answer.Text(kind)}
	out.Text, out.TextBase64 = textOf(what)
	return out
}

func linkAnswer(l *finding.Link, to *finding.For) answer.Link {
	out := answer.Link{Process: optionalProcess(l.Process)}
	out.Link, out.LinkBase64 = textOf(kindText(l.Kind))
	out.Code = answer.Text(l.Code())
	out.Evidence, out.EvidenceBase64 = textOf(string(l.Evidence))
	out.Unit, out.UnitBase64 = textOf(l.Unit)
	if l.Unit != "" && l.Manager == event.ManagerUser {
		out.OwnerUID = &l.OwnerUID
	}
	if l.Process == nil {
		out.Text, out.TextBase64 = textOf(causeText(calledByName(l.Cause, to)))
		return out
	}
	out.Text, out.TextBase64 = textOf(linkText(l, to, maxTreeCommand))
	out.Ancestry = each(l.Ancestry, processAnswer)
	return out
}

func originAnswer(o *finding.Origin) answer.Origin {
	var why *lineage.Cut
	if o.AncestryWhy != "" {
		why = &o.AncestryWhy
	}
	path := ""
	if o.Process != nil {
		path = o.Process.Cgroup
	}
	out := answer.Origin{
		Process: optionalProcess(o.Process), Lineage: lineageAnswer(o.Ancestry, why),
		Unit: unitAnswer(&o.Placement, path, unitFacts{}), Container: placedAnswer(&o.Placement),
		Pod: podAnswer(o.Pod), RestartedContainer: runtimeContainerAnswer(o.Container),
		Trigger: answer.Text(o.Trigger),
	}
	out.Evidence, out.EvidenceBase64 = textOf(string(o.Evidence))
	out.Why, out.WhyBase64, out.WhyCode = reasonAnswer(o.Why)
	return out
}

// reasonAnswer is nil where there is no reason to give.
func reasonAnswer(r finding.Reason) (why *answer.Text, raw []byte, code answer.Text) {
	if r.IsZero() {
		return nil, nil, ""
	}
	why, raw = someText(reasonText(r))
	return why, raw, answer.Text(r.Code)
}
