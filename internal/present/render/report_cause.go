package render

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/answer"
)

func (a *reportAnswerer) cause(c *report.Cause) answer.Cause {
	out := answer.Cause{
		Number: uint64(c.Number), Grouped: groupedAnswer(&c.Grouped), Retried: c.Retried, Uncertain: c.Before,
		Trigger: answer.Text(c.Trigger), Origin: unitRefOrNull(&c.Origin), Command: commandAnswer(c),
		Unit: unitRefOrNull(&c.Creator), Settings: each(c.Settings, func(s *event.UnitSetting) answer.Setting {
			return settingAnswer(s, c.Example.Placement.UnitClaimed())
		}),
		RunBy: tallyAnswer(&c.RunBy), Containers: tallyAnswer(&c.Containers), Occupants: occupantsAnswer(c),
		Similar: uint64(c.Similar), Count: c.Count, Failed: c.Failed, Errors: errorsAnswer(c.Errors),
		First: a.clock.time(c.First), FirstBootNS: c.First,
		Last: a.clock.time(c.Last), LastBootNS: c.Last,
		Periodic: c.Recurrence.Periodic, Bursts: c.Recurrence.Bursts, Interval: quantilesOrNull(&c.Recurrence.Interval),
		Lifetime: quantilesOrNull(&c.Life), Teardown: quantilesOrNull(&c.Teardown),
		Spent: each(c.Spent, spentAnswer), Cost: a.costs(c.Costs), Evidence: counts(c.Evidence),
		Example: a.clock.creationAnswer(c.Example), Remedies: each(c.Remedies, remedyAnswer),
	}
	out.Why, out.WhyBase64, out.WhyCode = reasonAnswer(c.Why)
	if len(c.For.Values) > 0 {
		to := tallyAnswer(&c.For)
		out.For = &to
	}
	if c.Pods.N > 0 {
		out.Pods = &answer.Names{Count: c.Pods.N, Estimated: c.Pods.Estimated}
		out.Pods.Pattern, out.Pods.PatternBase64 = textOf(c.Pods.String())
	}
	if c.Merged {
		out.Variants = &answer.Variants{Tally: tallyAnswer(&c.Variants), Count: c.Different.N, Estimated: c.Different.Estimated}
	}
	if len(c.Hosts.Values) > 0 {
		hosts := tallyAnswer(&c.Hosts)
		out.Hosts = &hosts
	}
	out.Attempt = c.Attempt
	out.GuestUnit, out.GuestUnitBase64 = textOf(c.Guest)
	out.Activated, out.ActivatedBase64 = textOrNull(c.Activated)
	if a.r.Endings.Seen {
		out.Alive = &c.Alive
	}
	if c.Alive > 0 {
		out.OldestAlive = answer.Maybe[answer.Time]{Present: true, Value: a.clock.time(c.OldestAlive)}
		out.OldestAliveBootNS = &c.OldestAlive
	}
	return out
}

// groupedAnswer is nil for a root cause.
func groupedAnswer(g *report.Grouped) *answer.Grouped {
	if g.By == report.ByCause {
		return nil
	}
	out := &answer.Grouped{By: answer.Text(g.By), Unit: unitRefOrNull(&g.Unit)}
	out.Name, out.NameBase64 = textOf(g.Name)
	out.Namespace, out.NamespaceBase64 = textOf(g.Namespace)
	out.Kind, out.KindBase64 = textOf(g.Kind)
	if g.By == report.ByUser {
		out.UID = &g.UID
	}
	return out
}

func errorsAnswer(errs map[uint32]uint64) answer.Counts {
	out := make(answer.Counts, len(errs))
	for n, count := range errs {
		out[answer.Text(errnoName(n))] += count
	}
	return out
}

// commandAnswer is nil where no command began it.
func commandAnswer(c *report.Cause) *answer.Command {
	if len(c.Command) == 0 && c.Comm == "" {
		return nil
	}
	out := &answer.Command{ArgvTruncated: c.CommandTruncated, Pattern: c.Merged}
	out.Argv, out.ArgvBase64 = textsOf(c.Command)
	out.Comm, out.CommBase64 = textOf(c.Comm)
	if c.HasUID {
		out.UID = &c.UID
	}
	return out
}

func unitRef(p *report.UnitRef) answer.UnitRef {
	out := answer.UnitRef{Pattern: p.Pattern, Manager: answer.Text(p.Manager)}
	out.Name, out.NameBase64 = textOf(p.Unit)
	if p.Manager == event.ManagerUser && p.HasOwner {
		out.OwnerUID = &p.OwnerUID
	}
	return out
}

func unitRefOrNull(p *report.UnitRef) *answer.UnitRef {
	if p.Unit == "" {
		return nil
	}
	out := unitRef(p)
	return &out
}

func tallyAnswer(t *report.Tally) answer.Tally {
	return answer.Tally{
		Values: each(t.Values, func(v *report.Counted) answer.Counted {
			out := answer.Counted{Count: v.Count}
			out.Value, out.ValueBase64 = textsOf(v.Value)
			return out
		}),
		Others: t.Others,
	}
}

// occupantsAnswer is nil where nobody was seen to move in.
func occupantsAnswer(c *report.Cause) *answer.Occupants {
	if len(c.Occupants.Values) == 0 && c.Unreported == 0 && c.Visits == 0 {
		return nil
	}
	return &answer.Occupants{Tally: tallyAnswer(&c.Occupants), Unreported: c.Unreported, Visits: c.Visits}
}

func quantiles(s *report.Quantiles) answer.Quantiles {
	return answer.Quantiles{
		N: s.N, MedianNS: s.Median, Q1NS: s.Q1, Q3NS: s.Q3, MinNS: s.Min, MaxNS: s.Max,
	}
}

// quantilesOrNull is nil without a value.
func quantilesOrNull(s *report.Quantiles) *answer.Quantiles {
	if s.N == 0 {
		return nil
	}
	out := quantiles(s)
	return &out
}

func summed(sum uint64, s *report.Quantiles) answer.SummedQuantiles {
	return answer.SummedQuantiles{SumNS: sum, Quantiles: quantiles(s)}
}

func spentAnswer(s *report.Spent) answer.Spent {
	out := answer.Spent{SummedQuantiles: summed(s.Sum, &s.Quantiles)}
	out.What, out.WhatBase64 = textOf(s.What)
	return out
}

func remedyAnswer(m *report.Remedy) answer.Remedy {
	out := answer.Remedy{Kind: answer.Text(m.Kind), Commands: each(m.Commands, func(argv *[]string) answer.Argv {
		var out answer.Argv
		out.Argv, out.ArgvBase64 = textsOf(*argv)
		return out
	})}
	out.Do, out.DoBase64 = textOf(adviceText(&m.Do))
	out.Cost, out.CostBase64 = textOf(drawbackText(m.Cost))
	if m.File != nil {
		out.File = &answer.File{}
		out.File.Path, out.File.PathBase64 = textOf(m.File.Path)
		out.File.Contents, out.File.ContentsBase64 = textOf(m.File.Contents)
	}
	return out
}
