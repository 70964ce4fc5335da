package report

import (
	"slices"

	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Groupings are all that creations can be grouped by: their cause, for whom, by whom.
var Groupings = []By{ByCause, ByWorkload, ByPod, ByContainer, ByUnit, ByOrigin, ByUser, ByCommand}

// Views collects for who switches between groupings while the stream goes on. What all
// creations of a cause have in common is had from their causes; by what differs between
// them they are grouped from the start.
type Views struct {
	causes  *Collector
	further map[By]*Collector
}

// The causes take half of what the budgets allow, and each further grouping a part of
// the rest.
const causesShare, furtherShare = 2, 6

// NewViews returns Views. prepare gets each of their collectors before it sees anything.
func NewViews(prepare func(*Collector)) *Views {
	v := &Views{causes: newShare(causesShare), further: map[By]*Collector{}}
	prepare(v.causes)
	for _, by := range Bys {
		if !slices.Contains(Regroups, by) {
			c := newShare(furtherShare)
			prepare(c)
			c.GroupBy(by)
			v.further[by] = c
		}
	}
	return v
}

// Consume takes the next finding of a run.
func (v *Views) Consume(f finding.Finding) error {
	for _, c := range v.further {
		if err := c.Consume(f); err != nil {
			return err
		}
	}
	return v.causes.Consume(f)
}

// Snapshot is that of a collector which groups so, see Collector.Snapshot.
func (v *Views) Snapshot(by By, limit int) *Report {
	if c := v.further[by]; c != nil {
		return c.Snapshot(by, limit)
	}
	return v.causes.Snapshot(by, limit)
}
