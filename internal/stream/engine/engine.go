// Package engine runs a stream of events, live or recorded, through what is
// known of lineage and causes to a printer.
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
	"github.com/nsblame/nsblame/internal/present/render"
)

// Source is a stream of events.
type Source interface {
	// Next returns the next event, or io.EOF at the end. A live source ends,
	// in good order, when ctx is done.
	Next(ctx context.Context) (event.Event, error)
	// WakeAt asks a live source for a Clock event at that time since boot in
	// nanoseconds, unless something else comes first; 0 asks for none.
	// A recording has its Clock events already.
	WakeAt(bootNS uint64)
	// Ask has a live source answer a question with a Unit event, in any case
	// and in its own time. A recording has the answers already.
	Ask(q event.Question)
}

// Waiter is a Source that can tell whether it has more to say at once.
type Waiter interface {
	// Waits reports whether Next may have to wait for an event.
	Waits() bool
}

// waits reports whether Next may have to wait, which a source that can't tell
// always may.
func waits(src Source) bool {
	w, ok := src.(Waiter)
	return !ok || w.Waits()
}

// Observer is told what goes by, whatever is printed of it.
type Observer interface {
	// Observe takes every event of the stream. An error ends the run.
	Observe(ev event.Event) error
	// Case takes every creation with its causes; selected tells whether it passed
	// the filter. Those that come when enough were printed are left out.
	Case(c *finding.Attribution, selected bool)
	// Join takes who moved into a namespace whose creation passed the filter.
	Join(j *finding.Join)
	// Load takes every loading of a module that did something to the namespaces
	// that there were, likewise.
	Load(l *finding.PernetInit, selected bool)
}

// Options say what is printed, and when it is enough.
type Options struct {
	// Printer gets what passes the filter; nil for none.
	Printer render.Printer
	// Flush is called before a wait, for a printer whose writer gathers; nil for
	// none.
	Flush func() error
	// Observers are told before the printer is.
	Observers []Observer
	// Filter decides which creations are printed. The zero Filter passes all.
	Filter Filter
	// Count ends the run after that many printed creations; 0 stands for no
	// end.
	Count uint64
}

// run is the state of one run.
type run struct {
	opt     Options
	tree    *lineage.Tree
	blamer  *blame.Blamer
	book    *life.Book
	summary render.Summary
	enough  context.CancelFunc
}

// Run reads the source to its end and prints what it tells, with the summary
// as the last thing. It returns the first error of the source or the printer.
func Run(ctx context.Context, src Source, opt Options) (render.Summary, error) {
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	if opt.Printer == nil {
		opt.Printer = silent{}
	}
	tree := lineage.NewTree()
	r := &run{
		opt: opt, tree: tree, blamer: blame.New(tree), book: life.New(tree), enough: enough,
		summary: render.Summary{Lost: make(map[event.LossKind]uint64)},
	}
	var deadline uint64
	for {
		if opt.Flush != nil && waits(src) {
			if err := opt.Flush(); err != nil {
				return r.summary, err
			}
		}
		ev, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r.summary, err
		}
		if err := r.observe(ev); err != nil {
			return r.summary, err
		}
		for _, q := range r.blamer.Asks() {
			src.Ask(q)
		}
		if next := earlier(r.tree.Deadline(), r.book.Deadline()); next != deadline {
			deadline = next
			src.WakeAt(deadline)
		}
	}
	r.blamer.Submit(r.tree.Flush()...)
	r.book.Flush()
	if err := r.cases(r.blamer.Flush()); err != nil {
		return r.summary, err
	}
	if err := r.joins(); err != nil {
		return r.summary, err
	}
	if err := r.loads(r.blamer.FlushLoads()); err != nil {
		return r.summary, err
	}
	r.summary.BusCut = r.blamer.BusCut()
	r.summary.Life = r.book.Counts()
	if n := r.summary.Life.Forgotten; n > 0 {
		r.summary.Lost[event.LossLife] += n
	}
	if n := r.summary.Life.DroppedJoins; n > 0 {
		r.summary.Lost[event.LossJoin] += n
	}
	return r.summary, opt.Printer.Summary(r.summary)
}

func (r *run) observe(ev event.Event) error {
	for _, o := range r.opt.Observers {
		if err := o.Observe(ev); err != nil {
			return err
		}
	}
	r.opt.Printer.Observe(ev)
	done := r.tree.Observe(ev)
	end := r.book.Observe(ev)
	r.blamer.Observe(ev)
	r.blamer.Submit(done...)
	if err := r.cases(r.blamer.Ready()); err != nil {
		return err
	}
	if err := r.joins(); err != nil {
		return err
	}
	if err := r.loads(r.blamer.Loads()); err != nil {
		return err
	}
	if end != nil {
		if err := r.end(end); err != nil {
			return err
		}
	}
	switch b := ev.Body.(type) {
	case *event.NetnsCreate:
		r.summary.Seen++
	case *event.Loss:
		r.summary.Lost[b.Kind] += b.Count
		return r.opt.Printer.Loss(ev.BootNS, b)
	case *event.Coverage:
		return r.opt.Printer.Coverage(ev.BootNS, b)
	case *event.Damage:
		r.summary.Damages++
		r.summary.DamagedBlocks += b.Blocks
		r.summary.DamagedBytes += b.Bytes
		return r.opt.Printer.Damage(ev.BootNS, b)
	case *event.Host:
		r.summary.Redacted = b.Redacted
	case *event.End:
		// the kernel's own count, which includes what was lost
		r.summary.Seen = b.Seen
	}
	return nil
}

// end prints the end of a namespace that was shown, or whose creation is not
// known: whether a filter would have selected that cannot be told.
func (r *run) end(e *finding.End) error {
	if e.Created == nil && !r.opt.Filter.All() || r.full() {
		return nil
	}
	return r.opt.Printer.End(e)
}

// joins prints who moved into namespaces, as end does.
func (r *run) joins() error {
	for _, j := range r.book.Joins() {
		if j.Created == nil && !r.opt.Filter.All() || r.full() {
			continue
		}
		for _, o := range r.opt.Observers {
			o.Join(j)
		}
		if err := r.opt.Printer.Join(j); err != nil {
			return err
		}
	}
	return nil
}

// earlier is the earlier of two times, of which 0 is none.
func earlier(a, b uint64) uint64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// full reports whether as many were printed as asked for.
func (r *run) full() bool { return r.opt.Count > 0 && r.summary.Printed == r.opt.Count }

func (r *run) cases(list []*finding.Attribution) error {
	for _, c := range list {
		if r.full() {
			return nil
		}
		out := render.NewCreation(c)
		selected := r.opt.Filter.Match(out)
		for _, o := range r.opt.Observers {
			o.Case(c, selected)
		}
		if err := r.print(out, selected); err != nil {
			return err
		}
		if !selected {
			continue
		}
		r.summary.Printed++
		if out.Cut() {
			r.summary.Cut++
		}
		if r.summary.Printed == r.opt.Count {
			r.enough()
		}
	}
	return nil
}

// print prints a creation, if it is selected, and who moved in and the ends that
// waited for it.
func (r *run) print(c *render.Creation, selected bool) error {
	if selected {
		if err := r.opt.Printer.Creation(c); err != nil {
			return err
		}
	}
	ends := r.book.Decide(c.Attribution, selected)
	if err := r.joins(); err != nil {
		return err
	}
	for _, end := range ends {
		if err := r.opt.Printer.End(&end); err != nil {
			return err
		}
	}
	return nil
}

// loads prints what the loading of modules did to namespaces. Those that failed
// did so as creations do.
func (r *run) loads(list []*finding.PernetInit) error {
	for _, l := range list {
		if r.full() {
			return nil
		}
		selected := r.opt.Filter.Match(render.NewCreation(l.Attribution))
		for _, o := range r.opt.Observers {
			o.Load(l, selected)
		}
		if !selected {
			continue
		}
		if err := r.opt.Printer.Load(l); err != nil {
			return err
		}
	}
	return nil
}

// silent is a printer that prints nothing.
type silent struct{}

func (silent) Observe(event.Event)                    {}
func (silent) Creation(*render.Creation) error        { return nil }
func (silent) Join(*finding.Join) error               { return nil }
func (silent) End(*finding.End) error                 { return nil }
func (silent) Load(*finding.PernetInit) error         { return nil }
func (silent) Loss(uint64, *event.Loss) error         { return nil }
func (silent) Coverage(uint64, *event.Coverage) error { return nil }
func (silent) Damage(uint64, *event.Damage) error     { return nil }
func (silent) Summary(render.Summary) error           { return nil }
