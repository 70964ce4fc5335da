package condition

import (
	"cmp"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// The budgets of a Judge, in bytes.
const (
	aliveBudget     = 768 << 10
	undecidedBudget = 512 << 10
)

// Budgets returns the bounds of a Judge.
func Budgets() []bounded.Budget {
	return []bounded.Budget{
		{Name: "condition: namespaces that exist", Bytes: aliveBudget},
		{Name: "condition: namespaces whose creation is not decided about", Bytes: undecidedBudget},
	}
}

// Judge judges a run by conditions. It consumes every finding of the run.
type Judge struct {
	conditions []Condition
	counts     []uint64
	lost       map[event.LossKind]uint64
	damages    uint64
	// alive are the selected namespaces that have not ended.
	alive *bounded.Store[uint64, bool]
	// undecided are the namespaces whose creation has not come yet, true for those
	// that have ended.
	undecided *bounded.Store[uint64, bool]
	// watched is set if the ends of namespaces are seen, otherwise why says why
	// not.
	watched bool
	why     string
	// seen counts the creations in the stream, counted those that the kernel
	// counted.
	seen, counted uint64
	// whole is set if the stream has its end.
	whole bool
	// unplaced counts the creations whose unit is not known, unknown those whose
	// origin is not, and forWhom those of which it is not known for whom they are.
	unplaced, unknown, forWhom uint64
}

// NewJudge returns a Judge of these conditions.
func NewJudge(conditions []Condition) *Judge {
	return &Judge{
		conditions: conditions, counts: make([]uint64, len(conditions)),
		lost:  make(map[event.LossKind]uint64),
		alive: bounded.NewStore[uint64, bool](aliveBudget), undecided: bounded.NewStore[uint64, bool](undecidedBudget),
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
	case *finding.NetnsFor:
		j.becameKnown(f)
	}
	return nil
}

func (j *Judge) observe(ev event.Event) error {
	switch b := ev.Body.(type) {
	case *event.NetnsCreate:
		j.seen++
		if b.Errno == 0 {
			j.undecided.Put(b.Serial, false, bounded.ShareOfUser(b.UID), 0)
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

// gone notes the end of a namespace, whose creation may still have to come.
func (j *Judge) gone(serial uint64) {
	j.alive.Delete(serial)
	if _, undecided := j.undecided.Get(serial); undecided {
		j.undecided.Put(serial, true, event.Owner{}, 0)
	}
}

// unjudged returns the error for a condition on the end of namespaces that are not
// watched.
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
	ended, _ := j.undecided.Get(serial)
	j.undecided.Delete(serial)
	if !c.Selected {
		return
	}
	if created && !ended {
		j.alive.Put(serial, true, bounded.ShareOfUser(c.Netns.UID), 0)
	}
	if created && (c.Process.CgroupUnknown || c.Process.CgroupTruncated) {
		j.unplaced++
	}
	if c.Origin.Trigger == finding.TriggerUnknown {
		j.unknown++
	}
	if isUnknown(c.For) {
		j.forWhom++
	}
	for i, cond := range j.conditions {
		if cond.about(c.Attribution) {
			j.counts[i]++
		}
	}
}

// isUnknown reports whether a namespace was made for somebody, and for whom is not known.
func isUnknown(f *finding.For) bool { return f != nil && f.Pod == nil && f.Container == nil }

// becameKnown takes in for whom a namespace was made that was selected before.
func (j *Judge) becameKnown(f *finding.NetnsFor) {
	now := *f.Created
	now.For = f.For
	if isUnknown(f.Created.For) && !isUnknown(f.For) && j.forWhom > 0 {
		j.forWhom--
	}
	for i, cond := range j.conditions {
		switch cond.Name {
		case ForPod, ForWorkload, ForContainer:
			if cond.about(&now) && !cond.about(f.Created) {
				j.counts[i]++
			}
		}
	}
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
		m := j.judge(c, j.counts[i])
		if m.Count > 0 || m.Doubt.Kind != NoDoubt {
			list = append(list, m)
		}
	}
	return list, nil
}

// judge judges a condition that so many creations met.
func (j *Judge) judge(c Condition, count uint64) Met {
	m := Met{Condition: c, Count: count, Doubt: j.doubt()}
	switch c.Name {
	case Lost:
		m.Count, m.Doubt = j.allLost(), Doubt{}
		if !j.whole && j.damages == 0 {
			m.Doubt.Kind = StreamCutOff
		}
	case Leaked:
		m.Count = uint64(j.alive.Len()) + j.alive.Dropped()
		if n := j.lostEnds(); n > 0 && m.Count > 0 {
			m.Doubt = Doubt{EndsLost, n}
		}
	case CreatedBy:
		m.Doubt = m.Doubt.or(UnitsUnknown, j.unplaced)
	case CausedBy:
		m.Doubt = m.Doubt.or(OriginsUnknown, j.unknown)
	case ForPod, ForWorkload, ForContainer:
		m.Doubt = m.Doubt.or(ForUnknown, j.forWhom)
	}
	return m
}

// allLost counts what was lost, with the parts of a recording that can't be read.
func (j *Judge) allLost() uint64 {
	total := j.damages
	for _, n := range j.lost {
		total += n
	}
	return total
}

// lostEnds counts the losses that can hide an end but no creation, and the namespaces
// for which there was no room. Those that can hide a creation are in doubt.
func (j *Judge) lostEnds() uint64 {
	n := j.alive.Dropped() + j.undecided.Dropped()
	for kind, count := range j.lost {
		if kind.Hides(event.HiddenEnds) && !kind.Hides(event.HiddenCreations) {
			n += count
		}
	}
	return n
}

// doubt says why there may be creations that the stream lacks.
func (j *Judge) doubt() Doubt {
	var lost uint64
	for kind, count := range j.lost {
		if kind.Hides(event.HiddenCreations) {
			lost += count
		}
	}
	switch {
	case j.damages > 0:
		return Doubt{Kind: RecordingDamaged}
	case lost > 0:
		return Doubt{CreationsLost, lost}
	case !j.whole:
		return Doubt{Kind: StreamCutOff}
	case j.counted > j.seen:
		return Doubt{CreationsUnseen, j.counted - j.seen}
	}
	return Doubt{}
}
