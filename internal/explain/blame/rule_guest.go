package blame

import (
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// A service manager in a container runs units of its own. They are known by the cgroups
// that it makes below the container's (src/core/cgroup.c, unit_default_cgroup_path), and
// nobody is asked about them. So where it began one, the chain ends at that unit.

// guestManagerUnit is the unit of a manager itself (man systemd.special).
const guestManagerUnit = "init.scope"

// outside carries the chain on from a process that is in no service of the machine's
// managers: it is the origin, unless a manager in its container has just begun it.
func (s *solver) outside(a actor, at uint64) verdict {
	pl := finding.Place(a.process)
	if !s.guestRan(a, &pl, at) {
		return s.command(a)
	}
	s.out.Links = append(s.out.Links, finding.Link{
		Kind: finding.KindBecause, Evidence: evidence.Claimed,
		Cause: finding.GuestUnit{Container: *pl.Container, Unit: pl.GuestUnit},
	})
	s.origin(finding.Origin{Trigger: finding.TriggerGuest, Placement: pl})
	return yes
}

// guestRan reports whether the manager in a container of the machine's began a process for
// one of its units, and the process did something right after that. What is named as a
// container by somebody else is no place for him to hide what he does.
func (s *solver) guestRan(a actor, pl *cgroup.Placement, at uint64) bool {
	p := a.process
	switch {
	case pl.Container == nil || pl.Container.Claimed || !slices.Contains(runningTypes, path.Ext(pl.GuestUnit)):
		return false
	case p.Preexisting, len(a.ancestry) == 0, at > p.ID.StartNS+minOwnNS:
		return false
	case p.Owner.PIDNamespace != 0 && p.Owner.PIDNamespace == s.machine.PIDNamespace:
		return false // a manager in a container has a pid namespace below the machine's
	}
	return isGuestManager(a.ancestry, p, pl)
}

// isGuestManager reports whether the nearest of these ancestors is the manager of a
// process's unit, by its cgroup or as the first process of their pid namespace.
func isGuestManager(ancestry []lineage.Process, p *lineage.Process, pl *cgroup.Placement) bool {
	parent := &ancestry[0]
	if p.Owner.PIDNamespace != parent.Owner.PIDNamespace {
		return false
	}
	of, unit := "", pl.GuestUnit
	if i := strings.LastIndexByte(unit, '/'); i >= 0 {
		of = unit[:i+1] // the manager of one of the guest's users
	}
	at := finding.Place(parent)
	if at.Container == nil || *at.Container != *pl.Container {
		return parent.CgroupUnknown && of == "" && isFirst(ancestry)
	}
	return at.GuestUnit == of+guestManagerUnit || of == "" && isFirst(ancestry)
}

// isFirst reports whether the first of these is known to be the first process of its pid
// namespace: the process that forked it is in another one.
func isFirst(ancestry []lineage.Process) bool {
	if len(ancestry) < 2 {
		return false
	}
	own, above := ancestry[0].Owner.PIDNamespace, ancestry[1].Owner.PIDNamespace
	return own != 0 && above != 0 && own != above
}
