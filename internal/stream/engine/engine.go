// Package engine runs a stream of events, live or recorded, through the
// explainers, and gives what they find to consumers.
package engine

import (
	"context"
	"errors"
	"io"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/blame"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/life"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Options say who consumes what is found, and when it is enough.
type Options struct {
	// Consumers get every finding, in this order. Joins and ends are left out
	// where the creation did not pass the filter; creations and the rest that
	// the filter judges carry its verdict.
	Consumers []finding.Consumer
	// Flush is called before a wait, for a consumer that writes to a buffer;
	// nil for none.
	Flush func() error
	// Filter selects creations. The zero Filter selects all.
	Filter Filter
	// Within leaves creations at other times out, as if they had not passed the filter.
	Within finding.Window
	// Count ends the run after so many selected creations; 0 for no end.
	// Creations that follow are left out.
	Count uint64
}

// run is the state of one run.
type run struct {
	opt     Options
	tree    *lineage.Tree
	blamer  *blame.Blamer
	tracker *life.Tracker
	summary finding.Summary
	// offset is the time of day minus that since boot, by the clock as it is by now.
	offset int64
	// forgone is what the budgets of the explainers have cost so far, forgoneOf the
	// part of it that is requests, by whose they were.
	forgone map[event.LossKind]uint64
	// judged is what they had cost when that was last looked at.
	judged    forgone
	forgoneOf map[event.Owner]uint64
	// observed is given to consumers again and again, for events are many.
	observed finding.Observed
	// busCut is how many cut messages were reported.
	busCut uint64
	// late are the creations whose causes are known and whose exec is still awaited.
	// The tree bounds how many they are.
	late map[*lineage.Creation]*finding.Attribution
	// enough ends a live source.
	enough context.CancelFunc
	// timed are the consumers for which time matters.
	timed []Timed
}

// Timed is a consumer that has something to do at a time, though nothing else happens.
type Timed interface {
	// Deadline is when, nanoseconds since boot; 0 for never. It gets an event then.
	Deadline() uint64
}

// Run reads the source to its end and gives the consumers what is found, the
// summary as the last. It returns the first error of the source or a consumer.
func Run(ctx context.Context, src Source, opt Options) (finding.Summary, error) {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	tree := lineage.NewTree()
	r := &run{
		opt: opt, tree: tree, blamer: blame.New(tree), tracker: life.New(tree), enough: enough,
		summary: finding.Summary{Within: opt.Within, Lost: make(map[event.LossKind]uint64)}, forgone: make(map[event.LossKind]uint64),
		forgoneOf: make(map[event.Owner]uint64),
		late:      make(map[*lineage.Creation]*finding.Attribution),
	}
	for _, c := range opt.Consumers {
		if t, ok := c.(Timed); ok {
			r.timed = append(r.timed, t)
		}
	}
	err := r.read(ctx, src)
	if err == nil {
		err = r.finish()
	}
	return r.summary, err
}

// read takes in the source to its end.
func (r *run) read(ctx context.Context, src Source) error {
	var deadline uint64
	for {
		if r.opt.Flush != nil && waits(src) {
			if err := r.opt.Flush(); err != nil {
				return err
			}
		}
		ev, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.observe(ev); err != nil {
			return err
		}
		for _, q := range r.blamer.Asks() {
			src.Ask(q)
		}
		for _, q := range r.blamer.ContainerAsks() {
			src.AskContainer(q)
		}
		if next := r.deadline(); next != deadline {
			deadline = next
			src.WakeAt(deadline)
		}
	}
}

// deadline is when something is to be done at the latest.
func (r *run) deadline() uint64 {
	next := earlier(earlier(r.tree.Deadline(), r.tracker.Deadline()), r.blamer.Deadline())
	for _, t := range r.timed {
		next = earlier(next, t.Deadline())
	}
	return next
}

// finish emits what still waited when the stream ended, and the summary.
func (r *run) finish() error {
	r.blamer.Submit(r.tree.Flush()...)
	if err := r.settle(); err != nil {
		return err
	}
	r.tracker.Flush()
	if err := r.conclude(r.blamer.Flush(), r.blamer.FlushPernetInits()); err != nil {
		return err
	}
	r.summary.BusCut = r.blamer.BusCut()
	r.summary.Life = r.tracker.Counts()
	for i, count := range r.budgets() {
		if err := r.forgo(budgeted[i], count-r.forgone[budgeted[i]]); err != nil {
			return err
		}
	}
	return r.emit(&r.summary)
}

// emit gives a finding to the consumers.
func (r *run) emit(f finding.Finding) error {
	for _, c := range r.opt.Consumers {
		if err := c.Consume(f); err != nil {
			return err
		}
	}
	return nil
}

// observe takes the next event and emits what follows from it.
func (r *run) observe(ev event.Event) error {
	r.observed.Event = ev
	switch b := ev.Body.(type) {
	case *event.Host:
		r.offset = b.ClockOffsetNS
	case *event.Clock:
		r.offset = b.OffsetNS
	}
	if err := r.emit(&r.observed); err != nil {
		return err
	}
	done := r.tree.Observe(ev)
	if err := r.settle(); err != nil {
		return err
	}
	end := r.tracker.Observe(ev)
	r.blamer.Observe(ev)
	if err := r.reportBusCut(ev.BootNS); err != nil {
		return err
	}
	r.blamer.Submit(done...)
	if err := r.conclude(r.blamer.Ready(), r.blamer.PernetInits()); err != nil {
		return err
	}
	if err := r.fors(); err != nil {
		return err
	}
	if end != nil {
		if err := r.ended(end); err != nil {
			return err
		}
	}
	if err := r.account(ev); err != nil {
		return err
	}
	return r.overBudget()
}

// reportBusCut emits how many more messages were cut.
func (r *run) reportBusCut(bootNS uint64) error {
	n := r.blamer.BusCut() - r.busCut
	if n == 0 {
		return nil
	}
	r.busCut += n
	return r.emit(&finding.BusCut{BootNS: bootNS, Count: n})
}

// account emits what an event says of the stream itself, and sums it up.
func (r *run) account(ev event.Event) error {
	s := &r.summary
	switch b := ev.Body.(type) {
	case *event.NetnsCreate:
		s.Seen++
	case *event.Loss:
		s.Lost[b.Kind] += b.Count
		return r.emit(&finding.Lost{BootNS: ev.BootNS, Loss: b})
	case *event.Coverage:
		return r.emit(&finding.Covered{BootNS: ev.BootNS, Coverage: b})
	case *event.Damage:
		s.Damages++
		s.DamagedBlocks += b.Blocks
		s.DamagedBytes += b.Bytes
		return r.emit(&finding.Damaged{BootNS: ev.BootNS, Damage: b})
	case *event.Host:
		s.Redacted = b.Redacted
	case *event.End:
		// the kernel's own count, which includes what was lost
		s.Seen = b.Seen
	}
	return nil
}

// conclude emits creations whose causes are known, then joins, then the
// loadings of modules.
func (r *run) conclude(creations []*finding.Attribution, loads []*finding.PernetInit) error {
	for _, c := range creations {
		if err := r.created(c); err != nil {
			return err
		}
	}
	if err := r.joins(); err != nil {
		return err
	}
	for _, l := range loads {
		if r.full() {
			return nil
		}
		l.Selected = r.selects(l.Attribution)
		if err := r.emit(l); err != nil {
			return err
		}
	}
	return nil
}

// fors emits for whom namespaces were made whose creation was emitted without that.
func (r *run) fors() error {
	for _, f := range r.blamer.Fors() {
		if r.full() || !r.selects(f.Created) {
			continue
		}
		if err := r.emit(f); err != nil {
			return err
		}
	}
	return nil
}

// settle emits the creations that waited for nothing but an exec.
func (r *run) settle() error {
	for _, c := range r.tree.Settled() {
		late, known := r.late[c]
		if !known {
			continue // its causes are still looked for
		}
		delete(r.late, c)
		if err := r.created(late); err != nil {
			return err
		}
	}
	return nil
}

// created emits a creation, and the joins and ends that waited for it. If an exec
// is still awaited, it waits for that. Others go first.
func (r *run) created(c *finding.Attribution) error {
	switch {
	case r.full():
		return nil
	case c.ExecPending:
		r.late[c.Creation] = c
		return nil
	}
	created := &finding.Created{Attribution: c, Selected: r.selects(c)}
	if err := r.emit(created); err != nil {
		return err
	}
	ends := r.tracker.Decide(created)
	if err := r.joins(); err != nil {
		return err
	}
	for i := range ends {
		if err := r.emit(&ends[i]); err != nil {
			return err
		}
	}
	if created.Selected {
		r.count(c)
	}
	return nil
}

// count counts a selected creation, and ends the run if that was the last.
func (r *run) count(c *finding.Attribution) {
	r.summary.Printed++
	if c.Cut() {
		r.summary.Cut++
	}
	if r.full() {
		r.enough()
	}
}

// ended emits the end of a namespace.
func (r *run) ended(e *finding.Ended) error {
	if r.hides(e.Created) {
		return nil
	}
	return r.emit(e)
}

// joins emits who moved into namespaces.
func (r *run) joins() error {
	for _, j := range r.tracker.Joins() {
		if r.hides(j.Created) {
			continue
		}
		if err := r.emit(j); err != nil {
			return err
		}
	}
	return nil
}

// hides reports whether a join or an end is left out: after the count, and if
// the creation is not known, where a filter might not have selected it.
func (r *run) hides(created *finding.Attribution) bool {
	return created == nil && !r.selectsAll() || r.full()
}

// selects reports whether a creation passes the filter and is in the window. Its time is
// by the clock as it is by now, as in a report.
func (r *run) selects(c *finding.Attribution) bool {
	return r.opt.Filter.Match(c) && (r.opt.Within.All() || r.opt.Within.Holds(int64(c.BootNS)+r.offset))
}

// selectsAll reports whether any creation whatever is selected.
func (r *run) selectsAll() bool { return r.opt.Filter.All() && r.opt.Within.All() }

// full reports whether as many were selected as asked for.
func (r *run) full() bool { return r.opt.Count > 0 && r.summary.Printed == r.opt.Count }

// earlier is the earlier of two times, of which 0 is none.
func earlier(a, b uint64) uint64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
