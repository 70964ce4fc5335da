package render

import (
	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

func (c *clock) creationAnswer(k *finding.Attribution) findings.Creation {
	n := &k.Netns
	out := findings.Creation{
		Moment: c.moment(k.BootNS), EntryMissed: n.EntryMissed,
		Netns:      findings.NewNetns{Inum: n.Inum, Cookie: n.Cookie, ParentInum: n.ParentInum},
		DurationNS: n.DurationNS, Init: each(n.Init, initAnswer), Cost: costAnswer(n),
		ExecAwaited: k.ExecAwaited, Process: processAnswer(&k.Process), Child: optionalProcess(k.Child), For: forAnswer(k.For), Attribution: attributionAnswer(k, finding.KindCreator),
	}
	out.Call, out.CallBase64 = textOf(string(n.Call))
	if n.Errno != 0 {
		out.Error, _ = someText(errnoName(n.Errno))
	}
	return out
}

func initAnswer(i *event.Init) findings.Init {
	out := findings.Init{DurationNS: i.DurationNS}
	out.Op, out.OpBase64 = textOf(i.Op)
	out.Subsystem, out.SubsystemBase64 = textOf(i.Subsystem)
	if i.IPVS != nil {
		out.IPVS = &findings.IPVS{ID: i.IPVS.ID, Size: i.IPVS.Size}
	}
	return out
}

func costAnswer(n *event.NetnsCreate) *findings.Cost {
	c := n.Cost
	if c == nil {
		return nil
	}
	out := &findings.Cost{
		Ops: each(c.Ops, func(o *event.CostOp) findings.TimedOp {
			return findings.TimedOp{Operation: opAnswer(o), DurationNS: o.DurationNS}
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

func opAnswer(o *event.CostOp) findings.Operation {
	out := findings.Operation{NoInit: o.NoInit}
	out.Op, out.OpBase64 = textOrNull(o.Op)
	out.Subsystem, out.SubsystemBase64 = textOrNull(o.Subsystem)
	out.Module, out.ModuleBase64 = textOrNull(o.Module)
	return out
}

// attributionAnswer returns who did something, and why. The chain begins with a
// link of the kind given.
func attributionAnswer(k *finding.Attribution, first finding.Kind) findings.Attribution {
	var why *lineage.Cut
	if k.AncestryTruncated {
		why = &k.AncestryWhy
	}
	return findings.Attribution{
		Lineage:       lineageAnswer(k.Ancestry, why),
		AncestorsLost: uint64(k.Netns.AncestorsLost),
		Place: findings.Place{
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
func chainAnswer(k *finding.Attribution, first finding.Kind) []findings.Link {
	out := []findings.Link{ownAnswer(first, evidence.Kernel, creatorText(k, maxTreeCommand))}
	if k.Placement.Unit != "" {
		out = append(out, ownAnswer(finding.KindUnit, unitEvidence(&k.Placement), k.Placement.Unit))
	}
	return append(out, each(k.Links, func(l *finding.Link) findings.Link { return linkAnswer(l, k.For) })...)
}

// ownAnswer is a link that every chain has.
func ownAnswer(kind finding.Kind, ev evidence.Evidence, what string) findings.Link {
	out := findings.Link{Link: findings.Text(kindText(kind)), Evidence: findings.Text(ev), Code: findings.Text(kind)}
	out.Text, out.TextBase64 = textOf(what)
	return out
}

func linkAnswer(l *finding.Link, to *finding.For) findings.Link {
	out := findings.Link{Process: optionalProcess(l.Process)}
	out.Link, out.LinkBase64 = textOf(kindText(l.Kind))
	out.Code = findings.Text(l.Code())
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

func originAnswer(o *finding.Origin) findings.Origin {
	var why *lineage.Cut
	if o.AncestryWhy != "" {
		why = &o.AncestryWhy
	}
	path := ""
	if o.Process != nil {
		path = o.Process.Cgroup
	}
	out := findings.Origin{
		Process: optionalProcess(o.Process), Lineage: lineageAnswer(o.Ancestry, why),
		Unit: unitAnswer(&o.Placement, path, unitFacts{}), Container: placedAnswer(&o.Placement),
		Pod: podAnswer(o.Pod), RestartedContainer: runtimeContainerAnswer(o.Container),
		Trigger: findings.Text(o.Trigger),
	}
	out.Evidence, out.EvidenceBase64 = textOf(string(o.Evidence))
	out.Why, out.WhyBase64, out.WhyCode = reasonAnswer(o.Why)
	return out
}

// reasonAnswer is nil where there is no reason to give.
func reasonAnswer(r finding.Reason) (why *findings.Text, raw []byte, code findings.Text) {
	if r.IsZero() {
		return nil, nil, ""
	}
	why, raw = someText(reasonText(r))
	return why, raw, findings.Text(r.Code)
}
