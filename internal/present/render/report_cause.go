package render

import (
	"fmt"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/report"
)

// CauseID is the id of a cause as the JSON has it, see report.Cause.
func CauseID(id uint64) string { return fmt.Sprintf("%016x", id) }

func (a *reportAnswerer) cause(c *report.Cause) findings.Cause {
	out := findings.Cause{
		Number: uint64(c.Number), Grouped: groupedAnswer(&c.Grouped), Retried: c.Retried, Uncertain: c.Before,
		Trigger: findings.Text(c.Trigger), Origin: unitRefOrNull(&c.Origin), Command: commandAnswer(c),
		Unit: unitRefOrNull(&c.Creator), Settings: each(c.Settings, func(s *event.UnitSetting) findings.Setting {
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
	if a.r.Running {
		out.ID = CauseID(c.ID)
	}
	if len(c.For.Values) > 0 {
		to := tallyAnswer(&c.For)
		out.For = &to
	}
	if c.Pods.N > 0 {
		out.Pods = &findings.Names{Count: c.Pods.N, Estimated: c.Pods.Estimated}
		out.Pods.Pattern, out.Pods.PatternBase64 = textOf(c.Pods.String())
	}
	if c.Merged {
		out.Variants = &findings.Variants{Tally: tallyAnswer(&c.Variants), Count: c.Different.N, Estimated: c.Different.Estimated}
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
		out.OldestAlive = findings.Maybe[findings.Time]{Present: true, Value: a.clock.time(c.OldestAlive)}
		out.OldestAliveBootNS = &c.OldestAlive
	}
	return out
}

// groupedAnswer is nil for a root cause.
func groupedAnswer(g *report.Grouped) *findings.Grouped {
	if g.By == report.ByCause {
		return nil
	}
	out := &findings.Grouped{By: findings.Text(g.By), Unit: unitRefOrNull(&g.Unit)}
	out.Name, out.NameBase64 = textOf(g.Name)
	out.Namespace, out.NamespaceBase64 = textOf(g.Namespace)
	out.Kind, out.KindBase64 = textOf(g.Kind)
	if g.By == report.ByUser {
		out.UID = &g.UID
	}
	return out
}

func errorsAnswer(errs map[uint32]uint64) findings.Counts {
	out := make(findings.Counts, len(errs))
	for n, count := range errs {
		out[findings.Text(errnoName(n))] += count
	}
	return out
}

// commandAnswer is nil where no command began it.
func commandAnswer(c *report.Cause) *findings.Command {
	if len(c.Command) == 0 && c.Comm == "" {
		return nil
	}
	out := &findings.Command{ArgvTruncated: c.CommandTruncated, Pattern: c.Merged}
	out.Argv, out.ArgvBase64 = textsOf(c.Command)
	out.Comm, out.CommBase64 = textOf(c.Comm)
	if c.HasUID {
		out.UID = &c.UID
	}
	return out
}

func unitRef(p *report.UnitRef) findings.UnitRef {
	out := findings.UnitRef{Pattern: p.Pattern, Manager: findings.Text(p.Manager)}
	out.Name, out.NameBase64 = textOf(p.Unit)
	if p.Manager == event.ManagerUser && p.HasOwner {
		out.OwnerUID = &p.OwnerUID
	}
	return out
}

func unitRefOrNull(p *report.UnitRef) *findings.UnitRef {
	if p.Unit == "" {
		return nil
	}
	out := unitRef(p)
	return &out
}

func tallyAnswer(t *report.Tally) findings.Tally {
	return findings.Tally{
		Values: each(t.Values, func(v *report.Counted) findings.Counted {
			out := findings.Counted{Count: v.Count}
			out.Value, out.ValueBase64 = textsOf(v.Value)
			return out
		}),
		Others: t.Others,
	}
}

// occupantsAnswer is nil where nobody was seen to move in.
func occupantsAnswer(c *report.Cause) *findings.Occupants {
	if len(c.Occupants.Values) == 0 && c.Unreported == 0 && c.Visits == 0 {
		return nil
	}
	return &findings.Occupants{Tally: tallyAnswer(&c.Occupants), Unreported: c.Unreported, Visits: c.Visits}
}

func quantiles(s *report.Quantiles) findings.Quantiles {
	return findings.Quantiles{
		N: s.N, MedianNS: s.Median, Q1NS: s.Q1, Q3NS: s.Q3, MinNS: s.Min, MaxNS: s.Max,
	}
}

// quantilesOrNull is nil without a value.
func quantilesOrNull(s *report.Quantiles) *findings.Quantiles {
	if s.N == 0 {
		return nil
	}
	out := quantiles(s)
	return &out
}

func summed(sum uint64, s *report.Quantiles) findings.SummedQuantiles {
	return findings.SummedQuantiles{SumNS: sum, Quantiles: quantiles(s)}
}

func spentAnswer(s *report.Spent) findings.Spent {
	out := findings.Spent{SummedQuantiles: summed(s.Sum, &s.Quantiles)}
	out.What, out.WhatBase64 = textOf(s.What)
	return out
}

func remedyAnswer(m *report.Remedy) findings.Remedy {
	out := findings.Remedy{Kind: findings.Text(m.Kind), Commands: each(m.Commands, func(argv *[]string) findings.Argv {
		var out findings.Argv
		out.Argv, out.ArgvBase64 = textsOf(*argv)
		return out
	})}
	out.Do, out.DoBase64 = textOf(adviceText(&m.Do))
	out.Cost, out.CostBase64 = textOf(drawbackText(m.Cost))
	if m.File != nil {
		out.File = &findings.File{}
		out.File.Path, out.File.PathBase64 = textOf(m.File.Path)
		out.File.Contents, out.File.ContentsBase64 = textOf(m.File.Contents)
	}
	return out
}
