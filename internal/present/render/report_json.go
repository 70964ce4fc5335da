package render

import (
	"io"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/answer"
)

// ReportJSON writes a report as one JSON object on a line.
func ReportJSON(w io.Writer, r *report.Report) error {
	a := reportAnswerer{r: r, clock: reportClock(r)}
	return answer.Encode(w, a.report())
}

// reportAnswerer turns a report into its answer.
type reportAnswerer struct {
	r     *report.Report
	clock clock
}

func (a *reportAnswerer) report() *answer.Report {
	r := a.r
	out := &answer.Report{
		Head:  answer.NewHead("report"),
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

func (a *reportAnswerer) host(h *report.Host) answer.ReportHost {
	out := answer.ReportHost{
		Recordings: uint64(h.Recordings), Begin: a.clock.time(h.From), End: a.clock.time(h.Until), ObservedNS: h.Observed,
		Selected: h.Selected, Failed: h.Failed, FilteredOut: h.FilteredOut, Ungrouped: h.Ungrouped, Lost: h.Lost, Alive: h.Alive, Complete: h.Complete,
	}
	out.Name, out.NameBase64 = textOf(h.Name)
	out.ID, out.IDBase64 = textOf(h.ID)
	return out
}

func hostAnswer(h *event.Host) *answer.Host {
	if h == nil {
		return nil
	}
	out := &answer.Host{}
	out.Nsblame, out.NsblameBase64 = textOf(h.Version)
	out.Kernel, out.KernelBase64 = textOf(h.Kernel)
	out.Arch, out.ArchBase64 = textOf(h.Arch)
	out.BootID, out.BootIDBase64 = textOf(h.BootID)
	return out
}

func gapsAnswer(g *report.Gaps) answer.Gaps {
	return answer.Gaps{
		Lost: g.LostTotal(), LostByKind: counts(g.Lost), NotLive: each(g.Dead, notLiveAnswer),
		Damage: answer.ReportDamages{
			Parts: g.Damages, Blocks: g.DamagedBlocks, Bytes: g.DamagedBytes, First: each(g.Damage, damageAnswer),
		},
		Cut: g.Cut, BusCut: g.BusCut,
	}
}

func notLiveAnswer(c *event.Coverage) answer.NotLive {
	var out answer.NotLive
	out.Probe, out.ProbeBase64 = textOf(string(c.Probe))
	out.Why, out.WhyBase64 = textOf(c.Why)
	return out
}

func damageAnswer(d *event.Damage) answer.DamagedPart {
	out := answer.DamagedPart{Offset: d.Offset, Bytes: d.Bytes, Blocks: d.Blocks, Truncated: d.Truncated, WhyCode: answer.Text(d.Code)}
	out.Why, out.WhyBase64 = textOf(damageText(d))
	return out
}

func endingsAnswer(e *report.Endings) answer.Endings {
	out := answer.Endings{Seen: e.Seen, WhyCode: answer.Text(e.Why.Code), Lost: e.Lost}
	out.Why, out.WhyBase64 = textOf(reportReasonText(e.Why))
	return out
}

// costs are absent where they were not asked for.
func (a *reportAnswerer) costs(c *report.Costs) answer.Maybe[answer.Costs] {
	return answer.Maybe[answer.Costs]{Present: a.r.Costed, Value: costsAnswer(c)}
}

func costsAnswer(c *report.Costs) *answer.Costs {
	if c == nil {
		return nil
	}
	out := &answer.Costs{
		Measured: c.Measured, SumNS: c.Sum, UnlistedNS: c.Unlisted, OtherNS: c.Other,
		Ops: each(c.Ops, func(o *report.OpCost) answer.OpCosts {
			return answer.OpCosts{Operation: opAnswer(&o.Op), SummedQuantiles: summed(o.Sum, &o.Quantiles)}
		}),
	}
	if c.Lock.N > 0 {
		lock := summed(c.LockSum, &c.Lock)
		out.LockWait = &lock
	}
	return out
}

func pernetInitsAnswer(l *report.PernetInits) answer.PernetInits {
	out := answer.PernetInits{
		Trigger: answer.Text(l.Cause.Trigger), Origin: unitRefOrNull(&l.Cause.Origin),
		Command: commandAnswer(l.Cause), Unit: unitRefOrNull(&l.Cause.Creator),
		Count: l.Count, Failed: l.Failed, Namespaces: l.Namespaces, SumNS: l.Sum,
	}
	out.Subsystem, out.SubsystemBase64 = textOf(l.Subsystem)
	out.Why, out.WhyBase64, out.WhyCode = reasonAnswer(l.Cause.Why)
	return out
}

func suspectsAnswer(s *report.Suspects) answer.Suspects {
	out := answer.Suspects{
		Known: s.Known, WhyCode: answer.Text(s.Why.Code), Cleared: s.Known && s.Cleared, UnknownOrigins: s.Unknown,
		Units: each(s.Units, func(u *report.Suspect) answer.Suspect {
			return answer.Suspect{UnitRef: unitRef(&u.UnitRef), Processes: u.Processes}
		}),
		Others:     uint64(s.Others),
		DoubtCodes: each(s.Doubts, func(r *report.Reason) answer.Text { return answer.Text(r.Code) }),
	}
	out.Why, out.WhyBase64 = textOf(reportReasonText(s.Why))
	out.Doubts, out.DoubtsBase64 = textsOf(reportReasonTexts(s.Doubts))
	return out
}
