package blame

import (
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// notKnown is the last rule: it says why no other one applies.
func notKnown(s *solver, f *facts) verdict { return s.unknown(s.whyUnknown(f)) }

// joined is the first request that found a job for the unit, nil if there is none.
func joined(f *facts) *request.Effect {
	for i := range f.requests {
		if f.requests[i].Sign == request.Joined {
			return &f.requests[i]
		}
	}
	return nil
}

func (s *solver) whyUnknown(f *facts) finding.Reason {
	begun := f.answer.begun()
	why := finding.Reason{Code: finding.ReasonNobodyAsked, Unit: f.unit}
	switch {
	case !s.busSpokenOf:
		why.Code = finding.ReasonNoBusProbe
	case s.busWhy != "":
		why.Code, why.Text = finding.ReasonBusNotHeard, s.busWhy
	case f.answer.missing:
		why.Code = finding.ReasonNobodyAskedNoAnswer
	case !f.known:
		why.Code, why.Text = finding.ReasonNobodyAskedUnitUnknown, f.answer.Why
	case begun != 0 && begun < s.since:
		why.Code = finding.ReasonStartedBefore
	case joined(f) != nil:
		why.Code, why.PID = finding.ReasonJobWasThere, joined(f).PID()
	case s.askedBy(f, f.window.ended):
		why.Code = finding.ReasonAskedWhileRunning
	case len(f.dismissed) > 0:
		why.Code, why.PID = finding.ReasonJobWasThere, f.dismissed[0].PID()
	}
	return why
}
