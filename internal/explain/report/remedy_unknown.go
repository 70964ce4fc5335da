package report

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// learnMore tells what would carry the chain on, of what is known to have been
// missing.
func learnMore(c *Cause, r *Report) Remedy {
	out := Remedy{Kind: LearnMore}
	heard := !slices.ContainsFunc(r.Gaps.Dead, func(p event.Coverage) bool { return p.Probe == event.ProbeBus })
	var buffer, other uint64
	for kind, n := range r.Gaps.Lost {
		switch {
		case kind.Buffered():
			buffer += n
		case !kind.Harmless():
			other += n
		}
	}
	switch {
	case !heard:
		out.Do.Code = AdviceHearBuses
		out.Commands = [][]string{{"nsblame", "doctor"}}
	case other > 0:
		out.Do.Code = AdviceRunQuieter
	case buffer > 0:
		out.Do.Code = AdviceLargerBuffer
	case c.Why.Code == finding.ReasonStartedBefore:
		out.Do.Code = AdviceAwaitStart
	default:
		out.Do.Code = AdviceSeeUnit
	}
	if u := c.Creator; u.Unit != "" && !u.Pattern && heard {
		out.Commands = append(out.Commands,
			systemctl(&u, "show", "--property", "TriggeredBy,WantedBy,RequiredBy,NRestarts,Restart", u.Unit), journal(&u, u.Unit))
	}
	return out
}
