package engine

import (
	"path"
	"slices"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Filter selects creations. Each field that is set must match; of several
// values in a field one must. Units and comms are patterns as of path.Match.
type Filter struct {
	// Units match a name of the creator's unit (cgroup.Placement.UnitNames): a unit
	// of a user's manager has that in front, as in "user@1000/cron.service".
	Units []string
	// Comms match the comm of the creator, of the child born in the namespace,
	// or what either became by the exec that followed.
	Comms []string
	// Containers match the container's id, or the beginning of it. One that a user or
	// another container named has that in front (cgroup.Placement.InContainer).
	Containers []string
	// UIDs match the creator's real user id.
	UIDs []uint32
	// FailedOnly selects the creations that failed.
	FailedOnly bool
}

// Match reports whether the filter selects the creation.
func (f Filter) Match(c *finding.Attribution) bool {
	return (len(f.Units) == 0 || f.matchUnit(c)) &&
		(len(f.Comms) == 0 || f.matchComm(&c.Process) || f.matchComm(c.Child)) &&
		(len(f.Containers) == 0 || f.matchContainer(c)) &&
		(len(f.UIDs) == 0 || slices.Contains(f.UIDs, c.Process.UID)) &&
		(!f.FailedOnly || c.Netns.Errno != 0)
}

// All reports whether the filter selects every creation.
func (f Filter) All() bool {
	return len(f.Units) == 0 && len(f.Comms) == 0 && len(f.Containers) == 0 && len(f.UIDs) == 0 && !f.FailedOnly
}

func (f Filter) matchComm(p *lineage.Process) bool {
	return p != nil && (matchAny(f.Comms, p.Comm) || f.matchComm(p.Exec))
}

func (f Filter) matchUnit(c *finding.Attribution) bool {
	return slices.ContainsFunc(c.Placement.UnitNames(), func(name string) bool { return matchAny(f.Units, name) })
}

func (f Filter) matchContainer(c *finding.Attribution) bool {
	return slices.ContainsFunc(f.Containers, c.Placement.InContainer)
}

func matchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		// a unit's own name may hold what a pattern would escape (foo\x2dbar)
		if pattern == name {
			return true
		}
		// patterns are checked where they are parsed
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}
