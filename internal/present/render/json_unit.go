package render

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// unitFacts is what a manager says of a unit beyond its name.
type unitFacts struct {
	settings []event.UnitSetting
	gaps     finding.UnitGaps
}

func unitField(e *encoder, u *cgroup.Placement, path string, facts unitFacts) {
	if u.Unit == "" {
		e.null("unit")
		return
	}
	e.key("unit")
	e.open('{')
	e.str("name", u.Unit)
	e.str("slice", u.Slice)
	e.str("manager", string(u.Manager))
	e.str("cgroup", path)
	if u.SystemUnit != u.Unit {
		e.str("system_unit", u.SystemUnit)
	}
	if u.Session != "" {
		e.str("session", u.Session)
	}
	if u.HasOwner {
		e.uint("owner_uid", uint64(u.OwnerUID))
	}
	if u.UnitClaimed() {
		e.str("evidence", string(evidence.Claimed))
	}
	e.key("settings")
	e.open('[')
	for i := range facts.settings {
		settingObject(e, &facts.settings[i], u)
	}
	e.close(']')
	if len(facts.gaps.Problems) > 0 {
		e.strings("problems", facts.gaps.Problems)
	}
	e.flag("cut", facts.gaps.Cut)
	e.close('}')
}

func settingObject(e *encoder, s *event.UnitSetting, of *cgroup.Placement) {
	e.open('{')
	e.str("name", s.Name)
	e.str("value", s.Value)
	if s.File == "" {
		e.null("file")
		e.null("line")
	} else {
		e.str("file", s.File)
		e.uint("line", uint64(s.Line))
	}
	e.str("evidence", settingEvidence(s, of.UnitClaimed()))
	e.close('}')
}

// settingEvidence is what shows a setting: a user's manager only claims it, in
// whichever file.
func settingEvidence(s *event.UnitSetting, claimed bool) string {
	if claimed {
		return string(evidence.Claimed)
	}
	return string(s.Source)
}

// placedField writes the container of a placement, with the guest's unit in it.
func placedField(e *encoder, p *cgroup.Placement) {
	containerFields(e, "container", p.Container, p.GuestUnit)
}

func containerField(e *encoder, name string, c *cgroup.Container) { containerFields(e, name, c, "") }

func containerFields(e *encoder, name string, c *cgroup.Container, guestUnit string) {
	if c == nil {
		e.null(name)
		return
	}
	e.key(name)
	e.open('{')
	e.str("id", c.ID)
	e.str("runtime", c.Runtime)
	if c.Pod != "" {
		e.str("pod", c.Pod)
	}
	if c.Claimed {
		e.str("evidence", string(evidence.Claimed))
	}
	if c.HasUID {
		e.uint("owner_uid", uint64(c.UID))
	}
	if c.Within != "" {
		e.str("named_within", c.Within)
	}
	if guestUnit != "" {
		e.str("guest_unit", guestUnit)
	}
	e.close('}')
}
