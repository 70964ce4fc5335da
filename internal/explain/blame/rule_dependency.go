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

// bringsUp tells by which properties a unit that is started, or restarted, brings up the
// unit that has it in a list. Others end a unit, or only hinder its start
// (src/core/unit-dependency-atom.c).
var bringsUp = map[string]bool{"RequiredBy": true, "WantedBy": true, "BoundBy": true, "UpheldBy": true, partOf: true}

// partOf is the property of a unit that is stopped and restarted with another one.
const partOf = "PartOf"

// dependencyOfRequest looks for a request for another unit that brings this one up.
func dependencyOfRequest(s *solver, f *facts) verdict {
	e := s.requestThrough(f)
	if e == nil {
		return no
	}
	timer, v := s.timerOr(f, e)
	switch {
	case v == blocked:
		return blocked
	case timer != "":
		return s.unknown(triggerOr(f, timer, e))
	}
	if e.Doubt.IsZero() {
		switch timer, v = s.unclearTrigger(f, e); {
		case v == blocked:
			return blocked
		case timer != "":
			e.Doubt = triggerOr(f, timer, e)
		}
	}
	if other := s.mayBe(f); other != nil && e.Doubt.IsZero() {
		e.Doubt = finding.Reason{Code: finding.ReasonOtherAsked, Unit: f.unit, PID: other.PID()}
	}
	s.because(evidence.Manager, finding.Dependency{Of: e.Unit, Property: f.dependency(e.Unit)}, e.Unit)
	return s.asked(f, e)
}

// timerOr is the timer that may have started another unit before a request for it did,
// empty if there is none.
func (s *solver) timerOr(f *facts, e *request.Effect) (name string, v verdict) {
	other, found := s.state(f.ask(e.Unit))
	if found != yes {
		return "", found
	}
	return s.elapsedTimer(f, &other.Unit.Unit, sinceOf(e))
}

// requestThrough is the latest request for another unit that can have brought this one
// up, one with a sign before one without. It is nil if there is none.
func (s *solver) requestThrough(f *facts) *request.Effect {
	if !f.known {
		return nil
	}
	var latest *request.Effect
	var others []request.Effect
	for _, d := range f.bringing() {
		named, _, _ := s.requestsNaming(f, []string{d.Name})
		list := s.requests.EffectsThrough(f.owner, d.Name, f.unit, named, f.beginning())
		for i := range list {
			e := &list[i]
			if d.Dependency == partOf && !e.Restarts() || e.Sign == request.Joined {
				continue
			}
			if latest == nil || comesBefore(e, latest) {
				latest, others = e, list
			}
		}
	}
	if latest != nil {
		s.requests.Doubt(latest, others)
		if latest.OnlyRestarts() && latest.Doubt.IsZero() { // if that did not run, nothing came of it
			latest.Doubt = finding.Reason{Code: finding.ReasonNoEffectSeen, Unit: latest.Unit}
		}
	}
	return latest
}

// comesBefore reports whether a request explains more than another one: with a sign, and
// later. Of those with one job only the first has made it.
func comesBefore(e, other *request.Effect) bool {
	if e.Sign.Shows() != other.Sign.Shows() {
		return e.Sign.Shows()
	}
	return e.At >= other.At && (e.Job == nil || e.Job != other.Job)
}

// maxAskedDependents bounds the units whose requests are looked for because of one.
const maxAskedDependents = 256

// bringing are the units that bring this one up.
func (f *facts) bringing() []event.UnitDependent {
	var list []event.UnitDependent
	for _, d := range f.state.Dependents[:min(len(f.state.Dependents), maxAskedDependents)] {
		if bringsUp[d.Dependency] {
			list = append(list, d)
		}
	}
	return list
}

// dependency is how another unit brings this one up.
func (f *facts) dependency(of string) string {
	how := ""
	for _, d := range f.state.Dependents {
		if d.Name == of && bringsUp[d.Dependency] {
			how = d.Dependency
		}
	}
	return how
}

// dependencyOfTimer looks for a timer that started another unit which brings this
// one up.
func dependencyOfTimer(s *solver, f *facts) verdict {
	if !f.known || !f.window.exact {
		return no
	}
	timer, d, v := s.timerThrough(f, 0)
	if v == blocked || timer == "" {
		return v
	}
	a, _ := s.state(f.ask(timer)) // which is there, for it has elapsed
	at := a.sinceBoot(a.Unit.Unit.LastTriggerUS)
	if since := s.requests.JobSince(f.owner, d.Name, f.began(), 0); since != 0 && since < at {
		return no // it only found the job of the other unit
	}
	why, v := s.triggerOfJob(f, timer, at)
	if v != yes {
		return v
	}
	if e := s.mayBe(f); e != nil && e.Since() == 0 {
		if why = triggerOr(f, timer, e); e.Trusted() {
			return s.unknown(why)
		}
	}
	s.because(evidence.Manager, finding.Dependency{Of: d.Name, Property: d.Dependency}, d.Name)
	return s.triggeredBy(f, timer, evidence.Manager, why)
}

// timerThrough is the timer that started another unit which brings this one up when the
// run was set going, with that unit, and before a time if that is not 0. It is empty if
// there is none.
func (s *solver) timerThrough(f *facts, before uint64) (name string, of event.UnitDependent, v verdict) {
	v = no
	for _, d := range f.dependents(".service") {
		if !bringsUp[d.Dependency] || d.Dependency == partOf {
			continue
		}
		other, found := s.state(f.ask(d.Name))
		if found == blocked {
			v = blocked
		}
		if found != yes {
			continue
		}
		timer, found := s.elapsedTimer(f, &other.Unit.Unit, before)
		if found == blocked {
			v = blocked
		}
		if timer != "" {
			return timer, d, v
		}
	}
	return "", event.UnitDependent{}, v
}

// elapsedTimer is the timer that started another unit when the run was set going, and
// before a time if that is not 0. It is empty if there is none, and blocked if one before
// that may have, too.
func (s *solver) elapsedTimer(f *facts, other *event.UnitState, before uint64) (name string, v verdict) {
	v = no
	for _, t := range other.TriggeredBy {
		if path.Ext(t) != ".timer" {
			continue
		}
		timer, found := s.state(f.ask(t))
		if found == blocked {
			v = blocked
		}
		if found != yes {
			continue
		}
		at := timer.sinceBoot(timer.Unit.Unit.LastTriggerUS)
		if f.window.holds(at) && (before == 0 || at <= before) {
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
