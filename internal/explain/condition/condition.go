// Package condition judges a run by conditions under which it has to fail.
//
// It is a pure function of the findings of the run. If events were lost, a
// condition that might have been met counts as met.
package condition

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Condition is one under which a run fails.
type Condition struct {
	// Name is one of Names.
	Name string
	// Pattern is that of the unit, for those that take one.
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

// matches reports whether a unit's name matches the pattern, or is it: a name
// may hold what a pattern would escape.
func (c Condition) matches(unit string) bool {
	ok, err := path.Match(c.Pattern, unit)
	return unit != "" && (unit == c.Pattern || err == nil && ok)
}

// Met is a condition that was met, or that cannot be ruled out.
type Met struct {
	Condition Condition
	// Count is how often it was met.
	Count uint64
	// Doubt says why it can't be ruled out that it was met (once more), empty if
	// it can.
	Doubt string
}

// String says it in words.
func (m Met) String() string {
	text := fmt.Sprintf("%s: %d", m.Condition, m.Count)
	if m.Count == 0 {
		return fmt.Sprintf("%s: cannot be ruled out, %s", m.Condition, m.Doubt)
	}
	if m.Doubt != "" {
		text += " or more, " + m.Doubt
	}
	return text
}

// NotJudgedError says that a condition can't be judged at all.
type NotJudgedError struct {
	Condition Condition
	// Why says what is missing.
	Why string
}

func (e *NotJudgedError) Error() string {
	return fmt.Sprintf("the condition %s cannot be judged: %s", e.Condition, e.Why)
}

// Judge judges a run by conditions. It consumes every finding of the run.
type Judge struct {
	conditions []Condition
	counts     []uint64
	lost       map[event.LossKind]uint64
	damages    uint64
	alive      map[uint64]bool // selected namespaces that were not given up
	over       map[uint64]bool // those that were before their case was known
	watched    bool            // the end of namespaces is
	why        string          // if not, why
	seen       uint64          // creations in the stream
	counted    uint64          // creations that the kernel counted
	whole      bool
	unplaced   uint64 // creations whose unit is not known
	unknown    uint64 // creations whose origin is not known
}

// NewJudge returns a Judge of these conditions.
func NewJudge(conditions []Condition) *Judge {
	return &Judge{
		conditions: conditions, counts: make([]uint64, len(conditions)),
		lost: make(map[event.LossKind]uint64), alive: make(map[uint64]bool), over: make(map[uint64]bool),
	}
}

// Consume takes the next finding. It returns a *NotJudgedError as soon as it is
// clear that a condition cannot be judged.
func (j *Judge) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		return j.observe(f.Event)
	case *finding.Created:
		j.created(f)
	}
	return nil
}

func (j *Judge) observe(ev event.Event) error {
	switch b := ev.Body.(type) {
	case *event.NetnsCreate:
		j.seen++
		if b.Errno == 0 {
			j.over[b.Serial] = false
		}
	case *event.NetnsRelease:
		j.gone(b.Serial)
	case *event.NetnsFree:
		j.gone(b.Serial)
	case *event.Loss:
		j.lost[b.Kind] += b.Count
	case *event.Damage:
		j.damages++
	case *event.Coverage:
		if b.Probe == event.ProbeRelease {
			j.watched, j.why = b.Live, cmp.Or(b.Why, "the probe on it is not there")
			return j.unjudged()
		}
	case *event.End:
		j.whole, j.counted = true, b.Seen
	}
	return nil
}

// gone notes the end of a namespace. Its case may still wait for an answer.
func (j *Judge) gone(serial uint64) {
	delete(j.alive, serial)
	if _, waits := j.over[serial]; waits {
		j.over[serial] = true
	}
}

// unjudged is the error for a condition about the end of namespaces, where that
// is not watched.
func (j *Judge) unjudged() error {
	i := slices.IndexFunc(j.conditions, func(c Condition) bool { return c.Name == Leaked })
	if i < 0 || j.watched {
		return nil
	}
	why := cmp.Or(j.why, "nothing in the stream says that it was watched")
	return &NotJudgedError{Condition: j.conditions[i], Why: "the end of namespaces is not seen: " + why}
}

// created takes a creation with its causes.
func (j *Judge) created(c *finding.Created) {
	serial, created := c.Netns.Serial, c.Netns.Errno == 0
	over := j.over[serial]
	delete(j.over, serial)
	if !c.Selected {
		return
	}
	if created && !over {
		j.alive[serial] = true
	}
	if created && (c.Process.CgroupUnknown || c.Process.CgroupTruncated) {
		j.unplaced++
	}
	if c.Origin.Trigger == finding.TriggerUnknown {
		j.unknown++
	}
	for i, cond := range j.conditions {
		if cond.about(c.Attribution) {
			j.counts[i]++
		}
	}
}

// about reports whether a creation meets the condition by itself.
func (c Condition) about(k *finding.Attribution) bool {
	created := k.Netns.Errno == 0
	switch c.Name {
	case Created:
		return created
	case CreatedBy:
		return created && c.matches(k.Placement.Unit)
	case CausedBy:
		return c.matches(k.Origin.Unit)
	case Failed:
		return !created
	case Unknown:
		return k.Origin.Trigger == finding.TriggerUnknown
	}
	return false
}

// Verdict returns the conditions that were met or can't be ruled out, in the
// order in which they were given, and a *NotJudgedError for one that can't be
// judged.
func (j *Judge) Verdict() ([]Met, error) {
	if err := j.unjudged(); err != nil {
		return nil, err
	}
	var list []Met
	for i, c := range j.conditions {
		m := Met{Condition: c, Count: j.counts[i]}
		switch c.Name {
		case Lost:
			m.Count = j.damages
			for _, n := range j.lost {
				m.Count += n
			}
			if !j.whole && j.damages == 0 {
				m.Doubt = "for the stream breaks off"
			}
		case Leaked:
			m.Count, m.Doubt = uint64(len(j.alive)), j.doubt()
			if n := j.lostEnds(); n > 0 && m.Count > 0 {
				m.Doubt = fmt.Sprintf("of which up to %d may have ended unseen", n)
			}
		case CreatedBy:
			if m.Doubt = j.doubt(); m.Doubt == "" && j.unplaced > 0 {
				m.Doubt = fmt.Sprintf("for the unit of %d creations is not known", j.unplaced)
			}
		case CausedBy:
			if m.Doubt = j.doubt(); m.Doubt == "" && j.unknown > 0 {
				m.Doubt = fmt.Sprintf("for the origin of %d creations is not known", j.unknown)
			}
		default:
			m.Doubt = j.doubt()
		}
		if m.Count > 0 || m.Doubt != "" {
			list = append(list, m)
		}
	}
	return list, nil
}

// lostEnds counts the ends that may have been missed, where no creation can
// have been: that is doubt's.
func (j *Judge) lostEnds() uint64 {
	var n uint64
	for kind, count := range j.lost {
		if kind.Hides(event.HiddenEnds) && !kind.Hides(event.HiddenCreations) {
			n += count
		}
	}
	return n
}

// doubt says why there may have been creations that the stream doesn't have,
// empty if there were none.
func (j *Judge) doubt() string {
	var n uint64
	for kind, count := range j.lost {
		if kind.Hides(event.HiddenCreations) {
			n += count
		}
	}
	switch {
	case j.damages > 0:
		return "for a part of the recording cannot be read"
	case n > 0:
		return fmt.Sprintf("for up to %d creations were lost", n)
	case !j.whole:
		return "for the stream breaks off"
	case j.counted > j.seen:
		return fmt.Sprintf("for %d creations that the kernel counted were not seen", j.counted-j.seen)
	}
	return ""
}
