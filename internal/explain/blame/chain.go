package blame

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/machinery"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// maxSteps bounds how often a chain goes on from one unit to another.
const maxSteps = 8

// solver builds the chain of one creation with what is known by now. If a manager
// has yet to answer, the chain is thrown away and built anew later.
type solver struct {
	*Blamer
	out   *finding.Attribution
	steps int
	// owner is the manager of the unit whose run is looked at.
	owner request.Owner
	// taken is the request for a pod that the creation is taken for the answer to, nil if
	// it is none.
	taken *request.EngineAsk
	// atOnce is set if nothing is waited for.
	atOnce bool
}

// actor is a process that made or asked for something.
type actor struct {
	process  *lineage.Process
	ancestry []lineage.Process
	// cut says why ancestry does not reach the root, empty if it does.
	cut lineage.Cut
}

// solve builds a chain, and returns false if answers are missing.
func (b *Blamer) solve(c *lineage.Creation, build func(*solver) verdict) (*solver, bool) {
	s := &solver{Blamer: b, out: finding.NewAttribution(c)}
	return s, build(s) != blocked
}

// creator is the process that made the namespace.
func (s *solver) creator() actor {
	c := s.out.Creation
	return actor{process: &c.Process, ancestry: c.Ancestry, cut: c.AncestryWhy}
}

// creation builds the chain of a creation.
func (s *solver) creation() verdict {
	c := s.out.Creation
	if m := s.use(serial(c.Netns.Serial)); m != nil {
		return s.machinery(m)
	}
	byManager := c.ByManager()
	if c.Process.CgroupUnknown {
		return s.unknown(finding.Reason{Code: finding.ReasonCreatorUnplaced})
	}
	r, inService := runOf(&c.Process, c.Ancestry, c.BootNS)
	switch {
	case inService:
	case byManager:
		return s.unknown(finding.Reason{Code: finding.ReasonOtherManager})
	case slices.ContainsFunc(c.Ancestry, request.IsUnitlessBus):
		return s.unknown(finding.Reason{Code: finding.ReasonStartedByBus})
	default:
		return s.outside(s.creator(), c.BootNS)
	}
	f, ok := s.facts(r)
	if !ok {
		return blocked
	}
	s.settings(f, byManager)
	switch {
	case byManager:
		return s.cause(f)
	case slices.ContainsFunc(c.Ancestry, isBusDaemon):
		return s.unknown(finding.Reason{Code: finding.ReasonStartedByBus})
	}
	return s.inService(f, s.creator())
}

func isBusDaemon(p lineage.Process) bool { return request.IsBusDaemon(&p) }

// process carries the chain on from a process that did something at a time.
func (s *solver) process(a actor, at uint64) verdict {
	r, inService := runOf(a.process, a.ancestry, at)
	if !inService {
		return s.outside(a, at)
	}
	f, ok := s.facts(r)
	if !ok {
		return blocked
	}
	return s.inService(f, a)
}

// inService carries the chain on from a process in a service: the process is the
// origin, unless the unit ran only to do what the process did.
func (s *solver) inService(f *facts, a actor) verdict {
	v := s.ranForIt(f, a.process.ID)
	switch {
	case v == blocked:
		return blocked
	case v == yes && s.steps < maxSteps:
		return s.cause(f)
	case !f.known && a.process.ID == f.first:
		if v := transientTrigger(s, f); v != no {
			return v
		}
		// the manager forked it, so it did not begin by itself
		return s.unknown(s.whyUnknown(f))
	}
	return s.command(a)
}

// cause finds out what began a run of a unit.
func (s *solver) cause(f *facts) verdict {
	s.steps++
	s.owner = f.owner
	for _, r := range rules() {
		if v := r.judge(s, f); v != no {
			return v
		}
	}
	return no
}

// state returns what a manager says of the state of a unit: no if it does not know
// the unit.
func (s *solver) state(q event.Question) (answer, verdict) {
	a, ok := s.answer(q)
	if !ok {
		return answer{}, blocked
	}
	return a, yesIf(a.known())
}

// --- links ---

func placement(own request.Owner, name string) cgroup.Placement {
	return cgroup.Placement{Unit: name, Manager: own.Manager, OwnerUID: own.UID, HasOwner: own.Manager == event.ManagerUser}
}

// word is what a statement of a manager about its own units is worth. A user's
// manager runs as the user, who can have it say anything. Root's own is believed.
func word(own request.Owner, ev evidence.Evidence) evidence.Evidence {
	if own.Manager == event.ManagerUser && own.UID != 0 {
		return evidence.Weaker(ev, evidence.Claimed)
	}
	return ev
}

func (s *solver) setting(own request.Owner, ev evidence.Evidence, cause finding.Cause) {
	s.out.Links = append(s.out.Links, finding.Link{Kind: finding.KindSetting, Evidence: word(own, ev), Cause: cause})
}

// because adds what began a run, as its manager says.
func (s *solver) because(ev evidence.Evidence, cause finding.Cause, unitName string) {
	s.link(word(s.owner, ev), cause, unitName)
}

// link adds what began a run.
func (s *solver) link(ev evidence.Evidence, cause finding.Cause, unitName string) {
	s.out.Links = append(s.out.Links, finding.Link{
		Kind: finding.KindBecause, Evidence: ev, Cause: cause, Unit: unitName, Manager: s.owner.Manager, OwnerUID: s.owner.UID,
	})
}

// command ends the chain with a process that asked, or acted by itself.
func (s *solver) command(a actor) verdict {
	if machinery.MayBeEngine(a.process) {
		return s.unknown(finding.Reason{Code: finding.ReasonEngineUnread, PID: a.process.ID.PID})
	}
	pl := finding.PlaceBelow(a.process, a.ancestry)
	s.origin(finding.Origin{
		Trigger: finding.TriggerCommand, Process: a.process, Ancestry: a.ancestry, AncestryWhy: a.cut, Unit: pl.Unit, Placement: pl,
	})
	return yes
}

// unknown ends the chain where the evidence ends.
func (s *solver) unknown(why finding.Reason) verdict {
	s.origin(finding.Origin{Trigger: finding.TriggerUnknown, Why: why})
	return yes
}

// origin ends the chain. Its evidence is that of the weakest link.
func (s *solver) origin(o finding.Origin) {
	o.Evidence = evidence.Kernel
	if o.Trigger == finding.TriggerUnknown {
		o.Evidence = evidence.Unknown
	}
	for _, l := range s.out.Links {
		if l.Kind == finding.KindBecause || l.Kind == finding.KindAskedBy {
			o.Evidence = evidence.Weaker(o.Evidence, l.Evidence)
		}
		if o.Trigger != finding.TriggerUnknown && o.Why.IsZero() {
			o.Why = l.Why
		}
	}
	s.out.Origin = o
}
