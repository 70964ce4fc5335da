package render

import (
	"slices"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Printer shows findings as they come. Each method writes whole lines with one
// call of Write, and returns the error of that. A Printer is for one goroutine.
type Printer interface {
	// Observe takes an event of the stream and remembers what is needed to
	// print later ones: the Host's zone and clock, and the Clock's steps.
	// Events of other types are ignored. It prints nothing.
	Observe(ev event.Event)
	// Creation prints one creation of a network namespace.
	Creation(c *Creation) error
	// Join prints who moved into a namespace.
	Join(j *finding.Join) error
	// End prints a step in the end of a namespace.
	End(e *finding.End) error
	// Load prints what the loading of a module did to the namespaces that there
	// were.
	Load(l *finding.PernetInit) error
	// Loss prints that something was lost, at a time since boot.
	Loss(bootNS uint64, l *event.Loss) error
	// Coverage prints which probe is live from a time since boot on, or that
	// it isn't. Text shows only those that are not, and those that come and go.
	Coverage(bootNS uint64, c *event.Coverage) error
	// Damage prints that a part of a recording could not be read.
	Damage(bootNS uint64, d *event.Damage) error
	// Summary prints the closing figures.
	Summary(s Summary) error
}

// Creation is what is printed of one creation.
type Creation struct{ *finding.Attribution }

// NewCreation returns what is printed of a case.
func NewCreation(c *finding.Attribution) *Creation { return &Creation{Attribution: c} }

// Summary holds the closing figures of a trace or a replay.
type Summary struct {
	// Seen counts the creations, failed ones included.
	Seen uint64
	// Printed counts those that passed the filters.
	Printed uint64
	// Life tells what became of the printed ones.
	Life finding.Counts
	// Cut counts the printed ones with a truncated string or ancestry.
	Cut uint64
	// BusCut counts the bus messages of which too little was captured to tell
	// what they ask for.
	BusCut uint64
	// Damages counts the parts of a recording that could not be read,
	// DamagedBlocks and DamagedBytes what they held.
	Damages, DamagedBlocks, DamagedBytes uint64
	// Redacted says which arguments were replaced, empty for none.
	Redacted string
	// Lost counts what was lost, by kind. Kinds without losses may be absent.
	Lost map[event.LossKind]uint64
}

// LostTotal returns the number of records lost, of all kinds.
func (s Summary) LostTotal() uint64 {
	var n uint64
	for _, count := range s.Lost {
		n += count
	}
	return n
}

// Cut reports whether something of c is not shown whole because it was not
// recorded whole: a command line, a path, or the ancestry.
func (c *Creation) Cut() bool {
	if c.AncestryTruncated || processCut(&c.Process) || c.Child != nil && processCut(c.Child) {
		return true
	}
	for i := range c.Ancestry {
		if processCut(&c.Ancestry[i]) {
			return true
		}
	}
	return false
}

func processCut(p *lineage.Process) bool {
	return p.ArgvTruncated || p.ArgvUnread || p.ExeTruncated || p.CgroupTruncated || p.Unresolved ||
		p.Exec != nil && processCut(p.Exec)
}

// clock turns times since boot into times of day.
type clock struct {
	// steps are what the clock was set to, in the order of the stream, and empty
	// before a Host event.
	steps []clockStep
	zone  *time.Location
}

// clockStep says that the clock was set.
type clockStep struct {
	since  uint64 // boot
	offset int64
}

// maxSteps is how many settings of the clock are kept: a creation may be told
// after a later one.
const maxSteps = 64

// minStep is less than what counts as a step.
const minStep = int64(time.Millisecond)

func (c *clock) set(since uint64, offset int64) {
	if n := len(c.steps); n > 0 {
		if d := offset - c.steps[n-1].offset; -minStep < d && d < minStep {
			return
		}
	}
	if len(c.steps) == maxSteps {
		c.steps = slices.Delete(c.steps, 0, 1)
	}
	c.steps = append(c.steps, clockStep{since, offset})
}

// observe follows the events that set the clock.
func (c *clock) observe(ev event.Event) {
	switch body := ev.Body.(type) {
	case *event.Host:
		// RFC 3339 knows zones to the minute only.
		minutes := body.UTCOffsetSeconds / 60
		c.zone = time.FixedZone("", minutes%(24*60)*60)
		c.set(ev.BootNS, body.ClockOffsetNS)
	case *event.Clock:
		if len(c.steps) > 0 {
			c.set(ev.BootNS, body.OffsetNS)
		}
	}
}

// wall returns the time of day at bootNS. It is unknown before a Host event.
func (c *clock) wall(bootNS uint64) (time.Time, bool) {
	if len(c.steps) == 0 {
		return time.Time{}, false
	}
	// what was before all of them is told by the first
	step := c.steps[0]
	for _, later := range c.steps[1:] {
		if later.since <= bootNS {
			step = later
		}
	}
	return time.Unix(0, int64(bootNS)+step.offset).In(c.zone), true
}
