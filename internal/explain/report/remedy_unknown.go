package report

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// learnMore tells what would carry the chain on, of what is known to have been
// missing.
func learnMore(c *Cause, r *Report) Remedy {
	if slices.ContainsFunc(r.Gaps.Dead, func(p event.Coverage) bool { return p.Probe.HearsBuses() }) {
		return Remedy{Kind: LearnMore, Do: Advice{Code: AdviceHearBuses}, Commands: [][]string{{"nsblame", "doctor"}}}
	}
	out := Remedy{Kind: LearnMore, Do: Advice{Code: missing(c, r)}}
	if u := c.Creator; u.Unit != "" && !u.Pattern {
		out.Commands = [][]string{
			systemctl(&u, "show", "--property", "TriggeredBy,WantedBy,RequiredBy,NRestarts,Restart", u.Unit), journal(&u, u.Unit),
		}
	}
	return out
}

// missing is what to do, by what was missing although the buses were heard.
func missing(c *Cause, r *Report) AdviceCode {
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
	case other > 0:
		return AdviceRunQuieter
	case buffer > 0:
		return AdviceLargerBuffer
	case c.Why.Code == finding.ReasonStartedBefore:
		return AdviceAwaitStart
	}
	return AdviceSeeUnit
}
