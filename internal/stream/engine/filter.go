package engine

import (
	"path"
	"slices"
	"strconv"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Filter selects creations. Each field that is set must match; of several
// values in a field one must. All but uids are patterns as of path.Match.
type Filter struct {
	// Units match a name of the creator's unit (cgroup.Placement.UnitNames): a unit
	// of a user's manager has that in front, as in "user@1000/cron.service".
	Units []string
	// Comms match the comm of the creator, of the child born in the namespace,
	// or what either became by the exec that followed.
	Comms []string
	// Containers match the name of the container, or the beginning of its id. One that
	// a user or another container named has that in front
	// (finding.Attribution.ForContainer).
	Containers []string
	// Pods match the pod that the namespace is for, by its name or as
	// "NAMESPACE/NAME", and Workloads what that belongs to, by its name or as
	// "KIND/NAME".
	Pods, Workloads []string
	// UIDs match the creator's real user id.
	UIDs []uint32
	// FailedOnly selects the creations that failed.
	FailedOnly bool
}

// Item is one value of a Filter.
type Item struct {
	// Flag is the name of the flag that has it, Value what was given.
	Flag, Value string
	match       func(*finding.Attribution) bool
}

// Match reports whether the value by itself takes a creation.
func (i *Item) Match(c *finding.Attribution) bool { return i.match(c) }

// Items returns the values of the filter, field by field.
func (f Filter) Items() []Item {
	var list []Item
	add := func(flag string, values []string, match func(*finding.Attribution, string) bool) {
		for _, v := range values {
			list = append(list, Item{Flag: flag, Value: v, match: func(c *finding.Attribution) bool { return match(c, v) }})
		}
	}
	add("unit", f.Units, inUnit)
	add("comm", f.Comms, byComm)
	add("container", f.Containers, (*finding.Attribution).ForContainer)
	add("pod", f.Pods, (*finding.Attribution).ForPod)
	add("workload", f.Workloads, (*finding.Attribution).ForWorkload)
	for _, uid := range f.UIDs {
		list = append(list, Item{
			Flag: "uid", Value: strconv.FormatUint(uint64(uid), 10),
			match: func(c *finding.Attribution) bool { return c.Process.UID == uid },
		})
	}
	return list
}

// Match reports whether the filter selects the creation.
func (f Filter) Match(c *finding.Attribution) bool {
	one := func(values []string, match func(*finding.Attribution, string) bool) bool {
		return len(values) == 0 || slices.ContainsFunc(values, func(v string) bool { return match(c, v) })
	}
	return one(f.Units, inUnit) && one(f.Comms, byComm) &&
		one(f.Containers, (*finding.Attribution).ForContainer) &&
		one(f.Pods, (*finding.Attribution).ForPod) && one(f.Workloads, (*finding.Attribution).ForWorkload) &&
		(len(f.UIDs) == 0 || slices.Contains(f.UIDs, c.Process.UID)) &&
		(!f.FailedOnly || c.Netns.Errno != 0)
}

// All reports whether the filter selects every creation.
func (f Filter) All() bool { return len(f.Items()) == 0 && !f.FailedOnly }

// inUnit reports whether the creator is in a unit that a pattern names.
func inUnit(c *finding.Attribution, pattern string) bool {
	return finding.MatchUnit(pattern, &c.Placement)
}

// byComm reports whether a pattern names the creator or its child.
func byComm(c *finding.Attribution, pattern string) bool {
	return hasComm(&c.Process, pattern) || hasComm(c.Child, pattern)
}

func hasComm(p *lineage.Process, pattern string) bool {
	if p == nil {
		return false
	}
	// patterns are checked where they are parsed
	ok, err := path.Match(pattern, p.Comm)
	return pattern == p.Comm || err == nil && ok || hasComm(p.Exec, pattern)
}
