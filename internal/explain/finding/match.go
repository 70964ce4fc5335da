package finding

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
)

// anyUser stands for every user but root in a pattern for a container.
const anyUser = "user@*"

// ForPod reports whether the namespace was made for a pod that a pattern names: its
// name, or its namespace and its name as in "shop/web-*". Patterns are as of path.Match.
func (c *Attribution) ForPod(pattern string) bool { return c.For != nil && c.For.Pod.matches(pattern) }

// matches reports whether a pattern names the pod, which may be nil.
func (p *Pod) matches(pattern string) bool {
	if p == nil {
		return false
	}
	name := p.Name
	if strings.Contains(pattern, "/") {
		name = p.Namespace + "/" + name
	}
	return matches(pattern, name)
}

// ForWorkload reports whether the namespace was made for a pod of a workload that a
// pattern names: by its name, or by its kind and its name as in "cronjob/backup". The
// case of the kind does not matter.
func (c *Attribution) ForWorkload(pattern string) bool {
	return c.For != nil && c.For.Pod.isOf(pattern)
}

// isOf reports whether a pattern names the workload of the pod, which may be nil.
func (p *Pod) isOf(pattern string) bool {
	if p == nil || p.Workload == nil {
		return false
	}
	w := p.Workload
	kind, name, hasKind := strings.Cut(pattern, "/")
	if !hasKind {
		return matches(pattern, w.Name)
	}
	return matches(strings.ToLower(kind), strings.ToLower(w.Kind)) && matches(name, w.Name)
}

// ForContainer reports whether the namespace was made for a container that a pattern
// names, or in one: by the beginning of its id, or by its name. One that a user's own
// runtime makes has him in front, as in cgroup.Placement.InContainer. A name that was
// given within another container counts for nothing.
func (c *Attribution) ForContainer(pattern string) bool {
	if c.Placement.InContainer(pattern) {
		return true
	}
	return c.For != nil && c.owns(c.For.Container, pattern)
}

// The words for what is no unit in a pattern of CausedBy.
const (
	originPod       = "pod"
	originWorkload  = "workload"
	originContainer = "container"
)

// OriginKinds are the words that CausedBy knows.
var OriginKinds = []string{originPod, originWorkload, originContainer}

// CausedBy reports whether the creation has its origin in what a pattern names. That is
// a unit, by the names of cgroup.Placement.UnitNames, or with a word in front a pod,
// its workload or a container: "pod/", "workload/" and "container/" are followed by a
// pattern as of ForPod, ForWorkload and ForContainer.
func (c *Attribution) CausedBy(pattern string) bool {
	kind, rest, _ := strings.Cut(pattern, "/")
	switch kind {
	case originPod:
		return c.Origin.Pod.matches(rest)
	case originWorkload:
		return c.Origin.Pod.isOf(rest)
	case originContainer:
		return c.Origin.Placement.InContainer(rest) || c.owns(c.Origin.Container, rest)
	}
	return MatchUnit(pattern, &c.Origin.Placement)
}

// owns reports whether a pattern names a container, which may be nil, of those that are
// the creator's realm.
func (c *Attribution) owns(own *Container, pattern string) bool {
	if own == nil || c.Placement.Outer != nil {
		return false
	}
	user := ""
	if first, rest, ok := strings.Cut(pattern, "/"); ok && strings.HasPrefix(first, "user@") {
		user, pattern = first, rest
	}
	theirs := c.Process.UID != 0 || c.Placement.Container != nil && c.Placement.Container.Claimed
	owner := cgroup.Placement{Manager: event.ManagerUser, HasOwner: true, OwnerUID: c.Process.UID}
	switch {
	case user == "" && theirs, user != "" && !theirs, user != "" && user != anyUser && user != owner.ManagerName():
		return false
	}
	return pattern != "" && own.ID != "" && strings.HasPrefix(own.ID, pattern) || own.Name != "" && matches(pattern, own.Name)
}

// matches reports whether a name matches a pattern or equals it: a name may hold what
// a pattern would escape.
func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return pattern == name || err == nil && ok
}

// unitTypes are the suffixes of the names of units.
var unitTypes = []string{
	".service", ".socket", ".target", ".device", ".mount", ".automount", ".swap", ".timer", ".path", ".slice", ".scope",
}

// ErrUnitList says that several units were given as one.
var ErrUnitList = errors.New("no unit has a comma in its name: give the flag once for each unit")

// UnitPattern completes the name of a unit as systemctl does: "cron" is
// "cron.service", and "user@1000/app" is "user@1000/app.service". A pattern stays as
// it is.
func UnitPattern(name string) (string, error) {
	switch {
	case strings.ContainsAny(name, "*?[\\"):
		return name, nil
	case strings.Contains(name, ","):
		return "", ErrUnitList
	case name == "" || slices.Contains(unitTypes, path.Ext(name)):
		return name, nil
	}
	return name + ".service", nil
}

// MatchUnit reports whether a placement has a unit that a pattern names: one of
// cgroup.Placement.UnitNames.
func MatchUnit(pattern string, place *cgroup.Placement) bool {
	return slices.ContainsFunc(place.UnitNames(), func(unit string) bool { return matches(pattern, unit) })
}
