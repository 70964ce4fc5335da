package blame

import (
	"path"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/unit"
)

// A timer, socket, path or automount unit starts another unit, and notes when it
// did (src/core/timer.c, timer_enter_running; src/core/socket.c,
// socket_enter_running; src/core/path.c, path_enter_running). Of what it notes
// unit.StartedBy tells whether it began a run. A socket unit with Accept=yes names
// the instance that it starts after the connection.

// triggersByType are the kinds of triggers by the suffix of the unit.
var triggersByType = map[string]finding.Trigger{
	".timer": finding.TriggerTimer, ".socket": finding.TriggerSocket, ".path": finding.TriggerPath,
	".automount": finding.TriggerPath, ".device": finding.TriggerDevice,
}

// triggered looks for a unit of those that says when it triggered.
func triggered(s *solver, f *facts) verdict {
	if !f.known {
		return no
	}
	name, ev, v := s.trigger(f)
	if v != yes {
		return v
	}
	return s.triggeredBy(f, name, ev)
}

// trigger returns the timer, socket or path unit that began the run.
func (s *solver) trigger(f *facts) (name string, ev evidence.Evidence, v verdict) {
	v = no
	for _, t := range f.triggers() {
		a, found := s.state(f.ask(t))
		if found == blocked {
			v = blocked
		}
		if found != yes {
			continue
		}
		if _, ok := unit.AcceptedFrom(f.unit); ok && f.state.InactiveExitUS == 0 && path.Ext(t) == ".socket" {
			name, ev = t, evidence.Inferred // the run is over and forgotten; its name tells
		} else {
			name, ev = t, unit.StartedBy(f.state, &a.Unit.Unit)
		}
		if ev != "" {
			break
		}
	}
	if v == blocked || ev == "" {
		return "", "", v
	}
	return name, ev, yes
}

// triggers are the units that can have triggered the run. An instance for an
// accepted connection that is gone has no relations any more, but its name.
func (f *facts) triggers() []string {
	if _, ok := unit.AcceptedFrom(f.unit); ok && len(f.state.TriggeredBy) == 0 {
		template, _, _ := strings.Cut(f.unit, "@")
		return []string{template + ".socket"}
	}
	return f.state.TriggeredBy
}

// onlyTrigger blames a socket or path unit that has triggered, where nothing else
// can have begun the run: nobody asked, nothing that was asked for pulls the unit
// in, and it was not the boot. When such a unit triggered is not kept: systemd
// notes the time anew when the service runs (src/core/unit.c, unit_notify).
func onlyTrigger(s *solver, f *facts) verdict {
	begun := f.answer.begun()
	if !s.heard() || begun == 0 || begun < s.since || f.state.NRestarts > 0 || s.askedBy(f, f.at) {
		return no
	}
	var only string
	v := no
	for _, t := range f.state.TriggeredBy {
		if kind := path.Ext(t); kind != ".socket" && kind != ".path" {
			continue
		}
		trigger, found := s.state(f.ask(t))
		switch {
		case found == blocked:
			v = blocked
		case found == no, trigger.Unit.Unit.SubState != "running":
		case only != "":
			return v // which of them did is not known
		default:
			only = t
		}
	}
	if only == "" || v == blocked {
		return v
	}
	return s.triggeredBy(f, only, evidence.Manager)
}

// triggeredBy ends the chain with a unit that started another one.
func (s *solver) triggeredBy(f *facts, name string, ev evidence.Evidence) verdict {
	kind := triggersByType[path.Ext(name)]
	cause := finding.Triggered{Trigger: kind, Unit: name}
	if from, ok := unit.AcceptedFrom(f.unit); ok && kind == finding.TriggerSocket {
		cause.Connection = &from
	}
	s.because(ev, cause, name)
	o := finding.Origin{Trigger: kind, Unit: name, Placement: placement(f.owner, name)}
	if kind == finding.TriggerSocket && !f.answer.Peer.IsZero() {
		p, ancestry, why := s.tree.Lineage(f.answer.Peer)
		o.Process, o.Ancestry, o.AncestryWhy = &p, ancestry, why
	}
	s.origin(o)
	return yes
}
