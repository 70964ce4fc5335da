package render

import (
	"io"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// ReportJSON writes a report as one JSON object on a line.
func ReportJSON(w io.Writer, r *report.Report) error {
	a := reportAnswerer{r: r, clock: reportClock(r)}
	return findings.Encode(w, a.report())
}

// reportAnswerer turns a report into its answer.
type reportAnswerer struct {
	r     *report.Report
	clock clock
}

func (a *reportAnswerer) report() *findings.Report {
	r := a.r
	out := &findings.Report{
		Head:  findings.NewHead("report"),
		Begin: a.clock.time(r.From), BeginBootNS: r.From,
		End: a.clock.time(r.Until), EndBootNS: r.Until,
		Whole: r.Whole, Host: hostAnswer(r.Host),
		Seen: r.Seen, Selected: r.Selected, Failed: r.Failed, FilteredOut: r.FilteredOut, Ungrouped: r.Ungrouped,
		Gaps: gapsAnswer(&r.Gaps), Endings: endingsAnswer(&r.Endings), Cost: a.costs(r.Costs),
		Causes:     each(r.Causes, a.cause),
		ObservedNS: r.Observed, Uncertain: r.Uncertain,
		PernetInits: each(r.PernetInits, pernetInitsAnswer), PernetInitsUngrouped: r.PernetInitsUngrouped,
		Suspects: suspectsAnswer(&r.Suspects),
	}
	if len(r.Hosts) > 0 {
		out.Hosts = each(r.Hosts, a.host)
	}
	return out
}

func (a *reportAnswerer) host(h *report.Host) findings.ReportHost {
	out := findings.ReportHost{
		Recordings: uint64(h.Recordings), Begin: a.clock.time(h.From), End: a.clock.time(h.Until), ObservedNS: h.Observed,
		Selected: h.Selected, Failed: h.Failed, FilteredOut: h.FilteredOut, Ungrouped: h.Ungrouped, Lost: h.Lost, Alive: h.Alive, Complete: h.Complete,
	}
	out.Name, out.NameBase64 = textOf(h.Name)
	out.ID, out.IDBase64 = textOf(h.ID)
	return out
}

func hostAnswer(h *event.Host) *findings.Host {
	if h == nil {
		return nil
	}
	out := &findings.Host{}
	out.Nsblame, out.NsblameBase64 = textOf(h.Version)
	out.Kernel, out.KernelBase64 = textOf(h.Kernel)
	out.Arch, out.ArchBase64 = textOf(h.Arch)
	out.BootID, out.BootIDBase64 = textOf(h.BootID)
	return out
}

func gapsAnswer(g *report.Gaps) findings.Gaps {
	return findings.Gaps{
		Lost: g.LostTotal(), LostByKind: counts(g.Lost), NotLive: each(g.Dead, notLiveAnswer),
		Damage: findings.ReportDamages{
			Parts: g.Damages, Blocks: g.DamagedBlocks, Bytes: g.DamagedBytes, First: each(g.Damage, damageAnswer),
		},
		Cut: g.Cut, BusCut: g.BusCut,
	}
}

func notLiveAnswer(c *event.Coverage) findings.NotLive {
	var out findings.NotLive
	out.Probe, out.ProbeBase64 = textOf(string(c.Probe))
	out.Why, out.WhyBase64 = textOf(c.Why)
	return out
}

func damageAnswer(d *event.Damage) findings.DamagedPart {
	out := findings.DamagedPart{Offset: d.Offset, Bytes: d.Bytes, Blocks: d.Blocks, Truncated: d.Truncated, WhyCode: findings.Text(d.Code)}
	out.Why, out.WhyBase64 = textOf(damageText(d))
	return out
}

func endingsAnswer(e *report.Endings) findings.Endings {
	out := findings.Endings{Seen: e.Seen, WhyCode: findings.Text(e.Why.Code), Lost: e.Lost}
	out.Why, out.WhyBase64 = textOf(reportReasonText(e.Why))
	return out
}

// costs are absent where they were not asked for.
func (a *reportAnswerer) costs(c *report.Costs) findings.Maybe[findings.Costs] {
	return findings.Maybe[findings.Costs]{Present: a.r.Costed, Value: costsAnswer(c)}
}

func costsAnswer(c *report.Costs) *findings.Costs {
	if c == nil {
		return nil
	}
	out := &findings.Costs{
		Measured: c.Measured, SumNS: c.Sum, UnlistedNS: c.Unlisted, OtherNS: c.Other,
		Ops: each(c.Ops, func(o *report.OpCost) findings.OpCosts {
			return findings.OpCosts{Operation: opAnswer(&o.Op), SummedQuantiles: summed(o.Sum, &o.Quantiles)}
		}),
	}
	if c.Lock.N > 0 {
		lock := summed(c.LockSum, &c.Lock)
		out.LockWait = &lock
	}
	return out
}

func pernetInitsAnswer(l *report.PernetInits) findings.PernetInits {
	out := findings.PernetInits{
		Trigger: findings.Text(l.Cause.Trigger), Origin: unitRefOrNull(&l.Cause.Origin),
		Command: commandAnswer(l.Cause), Unit: unitRefOrNull(&l.Cause.Creator),
		Count: l.Count, Failed: l.Failed, Namespaces: l.Namespaces, SumNS: l.Sum,
	}
	out.Subsystem, out.SubsystemBase64 = textOf(l.Subsystem)
	out.Why, out.WhyBase64, out.WhyCode = reasonAnswer(l.Cause.Why)
	return out
}

func suspectsAnswer(s *report.Suspects) findings.Suspects {
	out := findings.Suspects{
		Known: s.Known, WhyCode: findings.Text(s.Why.Code), Cleared: s.Known && s.Cleared, UnknownOrigins: s.Unknown,
		Units: each(s.Units, func(u *report.Suspect) findings.Suspect {
			return findings.Suspect{UnitRef: unitRef(&u.UnitRef), Processes: u.Processes}
		}),
		Others:     uint64(s.Others),
		DoubtCodes: each(s.Doubts, func(r *report.Reason) findings.Text { return findings.Text(r.Code) }),
	}
	out.Why, out.WhyBase64 = textOf(reportReasonText(s.Why))
	out.Doubts, out.DoubtsBase64 = textsOf(reportReasonTexts(s.Doubts))
	return out
}
