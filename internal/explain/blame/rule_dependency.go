package blame

import (
	"path"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// A job for one unit brings in jobs for the units that it requires or wants
// (src/core/transaction.c, transaction_add_job_and_dependencies). Nobody asks for
// those by name.

// dependencyOfRequest looks for a request for another unit that brings this one up.
func dependencyOfRequest(s *solver, f *facts) verdict {
	if !f.known {
		return no
	}
	how := make(map[string]string)
	for _, d := range f.state.Dependents {
		how[d.Name] = d.Dependency
	}
	list := s.requestsNaming(f, func(q *request.Request) bool { return how[q.Unit] != "" })
	if len(list) == 0 {
		return no
	}
	q := list[len(list)-1]
	s.because(evidence.Manager, finding.Dependency{Of: q.Unit, Property: how[q.Unit]}, q.Unit)
	return s.asked(f, q)
}

// dependencyOfTimer looks for a timer that started another unit which brings this
// one up.
func dependencyOfTimer(s *solver, f *facts) verdict {
	if !f.known || !f.window.exact {
		return no
	}
	v := no
	for _, d := range f.dependents(".service") {
		other, found := s.state(f.ask(d.Name))
		if found == blocked {
			v = blocked
		}
		if found != yes {
			continue
		}
		timer, found := s.elapsedTimer(f, &other.Unit.Unit)
		if found == blocked {
			v = blocked
		}
		switch {
		case timer == "":
			continue
		case v == blocked:
			return blocked
		}
		s.because(evidence.Manager, finding.Dependency{Of: d.Name, Property: d.Dependency}, d.Name)
		return s.triggeredBy(f, timer, evidence.Manager)
	}
	return v
}

// elapsedTimer is the timer that started another unit when the run was set going,
// empty if there is none. It is blocked if one before that may have, too.
func (s *solver) elapsedTimer(f *facts, other *event.UnitState) (name string, v verdict) {
	v = no
	for _, t := range other.TriggeredBy {
		if path.Ext(t) != ".timer" {
			continue
		}
		timer, found := s.state(f.ask(t))
		switch {
		case found == blocked:
			v = blocked
		case found == yes && f.window.holds(timer.sinceBoot(timer.Unit.Unit.LastTriggerUS)):
			return t, v
		}
	}
	return "", v
}

// maxDependents bounds the units that are asked about because of one.
const maxDependents = 16

// dependents are the units of one type that can bring this one up.
func (f *facts) dependents(kind string) []event.UnitDependent {
	var list []event.UnitDependent
	for _, d := range f.state.Dependents {
		if path.Ext(d.Name) == kind && len(list) < maxDependents {
			list = append(list, d)
		}
	}
	return list
}
