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

	"github.com/nsblame/nsblame/internal/explain/cgroup"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Condition is one under which a run fails.
type Condition struct {
	// Name is one of Names.
	Name string
	// Pattern is that of the unit, for those that take one. It is held against the
	// names of cgroup.Placement.UnitNames.
	Pattern string
}

// The conditions. Those about creations are judged on those that pass the
// filters.
const (
	// Created: a namespace was created.
	Created = "created"
	// CreatedBy: one was created in a unit that matches the pattern.
	CreatedBy = "created-by"
	// CausedBy: one, or a try that failed, has its origin in such a unit.
	CausedBy = "caused-by"
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
var Names = []string{Created, CreatedBy + "=", CausedBy + "=", Failed, Leaked, Lost, Unknown}

var (
	errCondition = errors.New("not a condition")
	errPattern   = errors.New("needs the name of a unit, or a pattern of it")
	errNoPattern = errors.New("takes no value")
)

// Parse reads "created", "created-by=UNIT".
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
	case !slices.Contains(Names, name):
		return Condition{}, fmt.Errorf("%w: %s", errCondition, strings.Join(Names, ", "))
	case valued:
		return Condition{}, fmt.Errorf("%s %w", name, errNoPattern)
	}
	return Condition{Name: name, Pattern: pattern}, nil
}

// String returns the condition as Parse reads it.
func (c Condition) String() string {
	if c.Pattern == "" {
		return c.Name
	}
	return c.Name + "=" + c.Pattern
}

// matches reports whether the name of a unit matches the pattern or equals it: a
// name may hold what a pattern would escape.
func (c Condition) matches(place *cgroup.Placement) bool {
	return slices.ContainsFunc(place.UnitNames(), func(unit string) bool {
		ok, err := path.Match(c.Pattern, unit)
		return unit == c.Pattern || err == nil && ok
	})
}

// about reports whether a creation meets the condition by itself.
func (c Condition) about(k *finding.Attribution) bool {
	created := k.Netns.Errno == 0
	switch c.Name {
	case Created:
		return created
	case CreatedBy:
		return created && c.matches(&k.Placement)
	case CausedBy:
		return c.matches(&k.Origin.Placement)
	case Failed:
		return !created
	case Unknown:
		return k.Origin.Trigger == finding.TriggerUnknown
	}
	return false
}
