package render

import (
	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

func processAnswer(p *lineage.Process) findings.Process {
	out := findings.Process{
		PID: p.ID.PID, TID: p.TID, StartNS: p.ID.StartNS,
		ArgvTruncated: p.ArgvTruncated, ArgvUnread: p.ArgvUnread, ArgvInherited: p.ArgvInherited,
		ExeTruncated: p.ExeTruncated, UID: p.UID, CgroupTruncated: p.CgroupTruncated,
		Preexisting: p.Preexisting, Unresolved: p.Unresolved, Exited: p.Exited,
	}
	out.Comm, out.CommBase64 = textOf(p.Comm)
	out.Argv, out.ArgvBase64 = textsOf(p.Argv)
	out.Exe, out.ExeBase64 = textOf(p.Exe)
	if !p.CgroupUnknown {
		out.Cgroup, out.CgroupBase64 = someText(p.Cgroup)
	}
	if p.Exited {
		s := exitStatus(p.ExitCode)
		out.ExitCode, out.ExitSignal, out.ExitNS = &s.code, &s.signal, &p.ExitNS
	}
	out.Exec = optionalProcess(p.Exec)
	return out
}

func optionalProcess(p *lineage.Process) *findings.Process {
	if p == nil {
		return nil
	}
	out := processAnswer(p)
	return &out
}

// lineageAnswer returns an ancestry; why is set where it is truncated.
func lineageAnswer(ancestry []lineage.Process, why *lineage.Cut) findings.Lineage {
	out := findings.Lineage{Ancestry: each(ancestry, processAnswer)}
	if why != nil {
		out.AncestryTruncated = true
		out.AncestryWhy, out.AncestryWhyBase64 = someText(cutText(*why))
		out.AncestryWhyCode, out.AncestryWhyCodeBase64 = someText(string(*why))
	}
	return out
}

func unitAnswer(u *cgroup.Placement, path string, facts unitFacts) *findings.Unit {
	if u.Unit == "" {
		return nil
	}
	out := &findings.Unit{Manager: findings.Text(u.Manager), Settings: each(facts.settings, func(s *event.UnitSetting) findings.Setting {
		return settingAnswer(s, u.UnitClaimed())
	})}
	out.Name, out.NameBase64 = textOf(u.Unit)
	out.Slice, out.SliceBase64 = textOf(u.Slice)
	out.Cgroup, out.CgroupBase64 = textOf(path)
	if u.SystemUnit != u.Unit {
		out.SystemUnit, out.SystemUnitBase64 = someText(u.SystemUnit)
	}
	out.Session, out.SessionBase64 = textOf(u.Session)
	if u.HasOwner {
		out.OwnerUID = &u.OwnerUID
	}
	if u.UnitClaimed() {
		out.Evidence = findings.Text(evidence.Claimed)
	}
	if len(facts.gaps.Problems) > 0 {
		out.Problems, out.ProblemsBase64 = textsOf(facts.gaps.Problems)
	}
	out.Cut = facts.gaps.Cut
	return out
}

func settingAnswer(s *event.UnitSetting, claimed bool) findings.Setting {
	var out findings.Setting
	out.Name, out.NameBase64 = textOf(s.Name)
	out.Value, out.ValueBase64 = textOf(s.Value)
	out.Evidence, out.EvidenceBase64 = textOf(settingEvidence(s, claimed))
	if out.File, out.FileBase64 = textOrNull(s.File); out.File != nil {
		line := uint32(s.Line)
		out.Line = &line
	}
	return out
}

// placedAnswer is the container of a placement, with the guest's unit in it.
func placedAnswer(p *cgroup.Placement) *findings.Container {
	out := containerAnswer(p.Container)
	if out != nil {
		out.GuestUnit, out.GuestUnitBase64 = textOf(p.GuestUnit)
	}
	return out
}

func containerAnswer(c *cgroup.Container) *findings.Container {
	if c == nil {
		return nil
	}
	out := &findings.Container{}
	out.ID, out.IDBase64 = textOf(c.ID)
	out.Runtime, out.RuntimeBase64 = textOf(c.Runtime)
	out.Pod, out.PodBase64 = textOf(c.Pod)
	out.NamedWithin, out.NamedWithinBase64 = textOf(c.Within)
	if c.Claimed {
		out.Evidence = findings.Text(evidence.Claimed)
	}
	if c.HasUID {
		out.OwnerUID = &c.UID
	}
	return out
}
