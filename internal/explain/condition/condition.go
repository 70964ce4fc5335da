// Package condition judges a run by conditions under which it has to fail.
//
// It is a pure function of the findings of the run. If events were lost, a
// condition that might have been met counts as met.
package condition

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Condition is one under which a run fails.
type Condition struct {
	// Name is one of Names.
	Name string
	// Pattern is that of the unit, for those that take one. It is held against the
	// names of cgroup.Placement.UnitNames. For those on what a namespace is for it is
	// that of the pod, the workload or the container.
	Pattern string
}

// The conditions. Those about creations are judged on those that pass the
// filters.
const (
	// Created: a namespace was created.
	Created = "created"
	// CreatedBy: one was created in a unit that matches the pattern.
	CreatedBy = "created-by"
	// CausedBy: one, or a try that failed, has its origin in such a unit, pod, workload
	// or container (see finding.Attribution).
	CausedBy = "caused-by"
	// ForPod, ForWorkload and ForContainer: one, or a try that failed, was for such a
	// pod, for a pod of such a workload, or for such a container (see
	// finding.Attribution).
	ForPod       = "for-pod"
	ForWorkload  = "for-workload"
	ForContainer = "for-container"
	// Failed: a creation failed.
	Failed = "failed"
	// Leaked: a namespace was still alive at the end.
	Leaked = "leaked"
	// Lost: something was lost, or a part of a recording can't be read.
	Lost = "lost"
	// Unknown: the origin of a creation is not known.
	Unknown = "unknown"
)

// Names are the names of the conditions, with "=" if they take a pattern.
var Names = []string{Created, CreatedBy + "=", CausedBy + "=", ForPod + "=", ForWorkload + "=", ForContainer + "=", Failed, Leaked, Lost, Unknown}

var (
	errCondition = errors.New("not a condition")
	errPattern   = errors.New("needs a name, or a pattern of it")
	errNoPattern = errors.New("takes no value")
	errOrigin    = errors.New("is no unit: put pod/, workload/ or container/ in front of another name")
)

// Parse reads "created", "created-by=UNIT". A unit's name is completed as by
// finding.UnitPattern.
func Parse(text string) (Condition, error) {
	name, pattern, valued := strings.Cut(text, "=")
	switch {
	case slices.Contains(Names, name+"="):
		if pattern == "" {
			return Condition{}, fmt.Errorf("%s %w", name, errPattern)
		}
		if _, err := path.Match(pattern, ""); err != nil {
			return Condition{}, err
		}
		if name == CausedBy && !isOrigin(pattern) {
			return Condition{}, fmt.Errorf("%s=%s %w", name, pattern, errOrigin)
		}
		if c := (Condition{name, pattern}); c.OfUnit() {
			unit, err := finding.UnitPattern(pattern)
			if err != nil {
				return Condition{}, err
			}
			pattern = unit
		}
	case !slices.Contains(Names, name):
		return Condition{}, fmt.Errorf("%w: %s", errCondition, strings.Join(Names, ", "))
	case valued:
		return Condition{}, fmt.Errorf("%s %w", name, errNoPattern)
	}
	return Condition{Name: name, Pattern: pattern}, nil
}

// OfUnit reports whether the condition is on a unit.
func (c Condition) OfUnit() bool {
	kind, _, isPath := strings.Cut(c.Pattern, "/")
	return c.Name == CreatedBy || c.Name == CausedBy && !(isPath && slices.Contains(finding.OriginKinds, kind))
}

// isOrigin reports whether a pattern can match an origin: what has a slash is of a
// user's manager, or has one of the words in front. Anything else would never be met.
func isOrigin(pattern string) bool {
	kind, _, isPath := strings.Cut(pattern, "/")
	return !isPath || strings.HasPrefix(kind, "user@") || strings.ContainsAny(kind, `*?[\\`) || slices.Contains(finding.OriginKinds, kind)
}

// String returns the condition as Parse reads it.
func (c Condition) String() string {
	if c.Pattern == "" {
		return c.Name
	}
	return c.Name + "=" + c.Pattern
}

// about reports whether a creation meets the condition by itself.
func (c Condition) about(k *finding.Attribution) bool {
	created := k.Netns.Errno == 0
	switch c.Name {
	case Created:
		return created
	case CreatedBy:
		return created && finding.MatchUnit(c.Pattern, &k.Placement)
	case CausedBy:
		return k.CausedBy(c.Pattern)
	case ForPod:
		return k.ForPod(c.Pattern)
	case ForWorkload:
		return k.ForWorkload(c.Pattern)
	case ForContainer:
		return k.ForContainer(c.Pattern)
	case Failed:
		return !created
	case Unknown:
		return k.Origin.Trigger == finding.TriggerUnknown
	}
	return false
}
