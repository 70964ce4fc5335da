package journal

import (
	"fmt"
	"maps"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/report"
	"github.com/nsblame/nsblame/internal/present/render"
)

// What keeps a storm from flooding the journal. Time is that of the stream.
const (
	// IntervalNS is how long a cause has one entry at most. What it does meanwhile is
	// counted, and told at the end of it.
	IntervalNS = 60e9
	// MaxCauses bounds the causes that have an entry, and are counted, at a time;
	// MaxOfOwner bounds those of one owner. Creations of others are only counted
	// together.
	MaxCauses  = 256
	MaxOfOwner = 64
)

// Consumer writes findings as entries.
type Consumer struct {
	put func(datagram []byte)
	now uint64
	// open are the causes that had an entry, order the same by age.
	open    map[string]*window
	order   []*window
	ofOwner map[event.Owner]int
	// counting is how many of them have counted something.
	counting int
	// beyond counts creations of causes beyond the bounds, since beyondNS.
	beyond, beyondNS uint64
	// endings is set while the end of namespaces is seen; left are those that have none
	// yet, and leaving the causes of them.
	endings bool
	left    *bounded.Store[uint64, *remaining]
	leaving map[string]*remaining
}

// remaining is a cause with namespaces that still exist.
type remaining struct {
	key string
	// first is its first creation, id what identifies it.
	first *finding.Attribution
	id    report.Identity
	n     uint64
}

// leftBudget bounds what is kept of namespaces that exist, in bytes.
const (
	leftBudget = 256 << 10
	leftSize   = 16
)

// Budgets returns the bounds of a Consumer.
func Budgets() []bounded.Budget {
	return []bounded.Budget{{Name: "journal: namespaces that exist", Bytes: leftBudget}}
}

// window is a cause that had an entry.
type window struct {
	key   string
	since uint64
	owner event.Owner
	// more counts what came since, failed the part of it that failed.
	more, failed uint64
	// repeat makes the entry that says so.
	repeat func(w *window) *entry
}

// New returns a consumer that gives each entry to put, as a datagram for the journal's
// socket. It is for one goroutine.
func New(put func(datagram []byte)) *Consumer {
	c := &Consumer{
		put: put, open: make(map[string]*window), ofOwner: make(map[event.Owner]int),
		left: bounded.NewStore[uint64, *remaining](leftBudget), leaving: make(map[string]*remaining),
	}
	c.left.Drop = func(_ uint64, r *remaining) { c.gone(r) }
	return c
}

// Deadline is when the next count may be due, nanoseconds since boot; 0 for none. So that
// is written though nothing else happens.
func (c *Consumer) Deadline() uint64 {
	var next uint64
	if c.counting > 0 {
		next = c.order[0].since + IntervalNS
	}
	if c.beyond > 0 && (next == 0 || c.beyondNS+IntervalNS < next) {
		next = c.beyondNS + IntervalNS
	}
	return next
}

// Consume takes the next finding. It never fails.
func (c *Consumer) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		c.advance(f.BootNS)
	case *finding.Created:
		if f.Selected {
			id := report.Identify(f.Attribution)
			c.created(f.Attribution, &id)
			c.exists(f.Attribution, &id)
		}
	case *finding.Ended:
		c.ended(f)
	case *finding.Covered:
		if f.Probe == event.ProbeRelease {
			c.endings = f.Live
		}
	case *finding.NetnsFor:
		c.becameKnown(f)
	case *finding.Lost:
		c.lost(f)
	case *finding.Summary:
		c.flush()
		c.tellLeft()
		e := newEntry(MessageEnd, info, render.SummaryPhrase(f))
		c.write(e)
	}
	return nil
}

func (c *Consumer) write(e *entry) { c.put(e.b) }

// advance closes the windows whose time is over. A cause that went on gets another.
func (c *Consumer) advance(now uint64) {
	c.now = max(c.now, now)
	for len(c.order) > 0 && c.now-c.order[0].since >= IntervalNS {
		w := c.order[0]
		c.order = c.order[1:]
		if w.more == 0 {
			c.forget(w)
			continue
		}
		c.write(w.repeat(w))
		w.more, w.failed, w.since = 0, 0, c.now
		c.counting--
		c.order = append(c.order, w)
	}
	if c.beyond > 0 && c.now-c.beyondNS >= IntervalNS {
		c.tellBeyond()
	}
}

func (c *Consumer) forget(w *window) {
	delete(c.open, w.key)
	if c.ofOwner[w.owner]--; c.ofOwner[w.owner] <= 0 {
		delete(c.ofOwner, w.owner)
	}
}

// first reports whether something is to have an entry of its own. If not, it is counted.
func (c *Consumer) first(key string, owner event.Owner, failed uint64, repeat func(*window) *entry) bool {
	if w := c.open[key]; w != nil {
		c.add(w, 1)
		w.failed += failed
		return false
	}
	if len(c.open) >= MaxCauses || c.ofOwner[owner] >= MaxOfOwner {
		if c.beyond == 0 {
			c.beyondNS = c.now
		}
		c.beyond++
		return false
	}
	c.begin(&window{key: key, owner: owner, repeat: repeat})
	return true
}

// add counts what has no entry of its own.
func (c *Consumer) add(w *window, n uint64) {
	if w.more == 0 && n > 0 {
		c.counting++
	}
	w.more += n
}

func (c *Consumer) begin(w *window) {
	w.since = c.now
	c.open[w.key] = w
	c.order = append(c.order, w)
	c.ofOwner[w.owner]++
}

// like is the same for causes that differ in the arguments of a command alone: what varies
// those is one.
func like(id *report.Identity) string {
	if id.FamilyID != 0 {
		return render.CauseID(id.FamilyID)
	}
	return render.CauseID(id.ID)
}

func (c *Consumer) created(k *finding.Attribution, id *report.Identity) {
	owner, failed := k.Process.Owner, uint64(0)
	if k.Origin.Process != nil {
		owner = k.Origin.Process.Owner
	}
	priority := info
	if k.Netns.Errno != 0 {
		failed, priority = 1, warning
	}
	repeat := func(w *window) *entry {
		text := fmt.Sprintf("%d more in %.0f s by the same cause", w.more, float64(c.now-w.since)/1e9)
		if w.failed > 0 {
			text += fmt.Sprintf(", %d of which failed", w.failed)
		}
		e := newEntry(MessageRepeated, info, text+", which began with: "+render.CreationPhrase(k))
		e.creation(k, id)
		e.count(w.more)
		return e
	}
	if !c.first("created "+like(id), owner, failed, repeat) {
		return
	}
	e := newEntry(MessageCreated, priority, render.CreationPhrase(k))
	e.creation(k, id)
	e.netns(k)
	c.write(e)
}

// exists takes in that a namespace was created.
func (c *Consumer) exists(k *finding.Attribution, id *report.Identity) {
	if !c.endings || k.Netns.Errno != 0 {
		return
	}
	key := like(id)
	r := c.leaving[key]
	if r == nil {
		if len(c.leaving) >= MaxCauses {
			key = ""
		}
		if r = c.leaving[key]; r == nil {
			r = &remaining{key: key, first: k, id: *id}
			c.leaving[key] = r
		}
	}
	r.n++
	c.left.Put(k.Netns.Serial, r, bounded.ShareOfUser(k.Netns.UID), leftSize)
}

func (c *Consumer) ended(e *finding.Ended) {
	serial := e.Serial()
	if r, known := c.left.Get(serial); known {
		c.left.Delete(serial)
		c.gone(r)
	}
}

// gone counts that a namespace exists no more, or is no longer followed.
func (c *Consumer) gone(r *remaining) {
	if r.n--; r.n == 0 {
		delete(c.leaving, r.key)
	}
}

// tellLeft says by the end which causes have left namespaces behind.
func (c *Consumer) tellLeft() {
	for _, key := range slices.Sorted(maps.Keys(c.leaving)) {
		r := c.leaving[key]
		text := "1 namespace was still there at the end"
		if r.n > 1 {
			text = fmt.Sprintf("%d namespaces were still there at the end", r.n)
		}
		if key == "" {
			e := newEntry(MessageLeft, warning, text+", of other causes")
			e.count(r.n)
			c.write(e)
			continue
		}
		e := newEntry(MessageLeft, warning, text+", by the cause of: "+render.CreationPhrase(r.first))
		e.creation(r.first, &r.id)
		e.count(r.n)
		c.write(e)
	}
}

// becameKnown says for whom a namespace was made, if its creation had an entry of late.
func (c *Consumer) becameKnown(n *finding.NetnsFor) {
	if n.Created == nil || n.For == nil || n.For.Pod == nil && n.For.Container == nil {
		return
	}
	id := report.Identify(n.Created)
	known := *n.Created
	known.For = n.For
	repeat := func(w *window) *entry {
		e := newEntry(MessageFor, info, fmt.Sprintf("Of %d more by the same cause it became known for whom they were made", w.more))
		e.creation(n.Created, &id)
		e.count(w.more)
		return e
	}
	if !c.first("for "+like(&id), n.Created.Process.Owner, 0, repeat) {
		return
	}
	e := newEntry(MessageFor, info, render.ForPhrase(n))
	e.creation(&known, &id)
	e.netns(&known)
	c.write(e)
}

// lost has no bound but the interval: kinds of losses are few, and matter most.
func (c *Consumer) lost(l *finding.Lost) {
	key := "lost " + string(l.Kind)
	if w := c.open[key]; w != nil {
		c.add(w, l.Count)
		return
	}
	tell := func(count uint64) *entry {
		e := newEntry(MessageLost, warning, render.LostPhrase(l, count))
		e.add("NSBLAME_LOST", string(l.Kind))
		e.count(count)
		return e
	}
	c.begin(&window{key: key, repeat: func(w *window) *entry { return tell(w.more) }})
	c.write(tell(l.Count))
}

// tellBeyond says how many had no entry and belong to none that had.
func (c *Consumer) tellBeyond() {
	e := newEntry(MessageLost, warning, fmt.Sprintf("%d more have no entry: there were too many causes at a time", c.beyond))
	e.count(c.beyond)
	c.write(e)
	c.beyond = 0
}

// flush says what was counted by the end.
func (c *Consumer) flush() {
	for _, w := range c.order {
		if w.more > 0 {
			c.write(w.repeat(w))
		}
		c.forget(w)
	}
	c.order, c.counting = nil, 0
	if c.beyond > 0 {
		c.tellBeyond()
	}
}
