package life

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// maxKept bounds the creations that a Ledger keeps with their causes.
const maxKept = 1 << 16

// Ledger keeps, of a stream, the creations whose namespaces have not ended, so
// that one that exists can be looked up among them.
type Ledger struct {
	// BootID is that of the machine's run in which the stream was taken.
	BootID string
	// FromNS and UntilNS are the times between which it was, nanoseconds since
	// boot.
	FromNS, UntilNS uint64

	begun bool
	// alive has the creations that have not ended, nil as long as the causes of
	// one are not known.
	alive map[uint64]*finding.Attribution
	// sees is set where the stream would tell of ends, gaps where it may lack
	// some.
	sees, gaps bool
	// ended is set where the stream was ended in good order.
	ended     bool
	forgotten uint64
	// byInum has the creations in alive, once somebody looks one up.
	byInum map[uint32][]*finding.Attribution
}

// NewLedger returns one that has seen nothing.
func NewLedger() *Ledger { return &Ledger{alive: make(map[uint64]*finding.Attribution)} }

// Consume takes the next finding of the run that reads the stream.
func (l *Ledger) Consume(f finding.Finding) error {
	switch f := f.(type) {
	case *finding.Observed:
		l.observe(f.Event)
	case *finding.Created:
		l.created(f.Attribution)
	}
	return nil
}

func (l *Ledger) observe(ev event.Event) {
	l.UntilNS = max(l.UntilNS, ev.BootNS)
	switch b := ev.Body.(type) {
	case *event.Host:
		if !l.begun {
			l.begun, l.BootID, l.FromNS = true, b.BootID, ev.BootNS
		}
	case *event.Coverage:
		if b.Probe == event.ProbeRelease {
			l.sees = b.Live
		}
	case *event.NetnsCreate:
		switch {
		case b.Errno != 0:
		case len(l.alive) >= maxKept:
			l.forgotten++
		default:
			l.alive[b.Serial] = nil
		}
	case *event.NetnsRelease:
		delete(l.alive, b.Serial)
	case *event.NetnsFree:
		delete(l.alive, b.Serial)
	case *event.End:
		l.ended = true
	case *event.Loss:
		l.gaps = l.gaps || b.Kind.Hides(event.HiddenCreations|event.HiddenEnds)
	case *event.Damage:
		// that the file has no end is no gap in what it has
		l.gaps = l.gaps || b.Bytes > 0
	}
}

// created takes a creation with its causes.
func (l *Ledger) created(c *finding.Attribution) {
	if _, alive := l.alive[c.Netns.Serial]; alive && c.Netns.Errno == 0 {
		l.alive[c.Netns.Serial] = c
	}
}

// By says by what a namespace and its creation are known to belong together.
type By string

// The ways to know that.
const (
	// ByCookie: by a number that no other namespace has had since the boot.
	ByCookie By = "cookie"
	// ByInum: by the inode number, which is reused; but the stream goes on to
	// this day, and would tell if the namespace had ended.
	ByInum By = "inum"
)

// Match is a creation that was looked up.
type Match struct {
	// Case is the creation, nil where it is not known; then Why says why.
	Case *finding.Attribution
	By   By
	Why  string
}

// Ended reports whether the stream was ended in good order, so that nothing can
// follow.
func (l *Ledger) Ended() bool { return l.ended }

// Find looks up the creation of a namespace that exists, once the stream was
// read. A cookie of 0 stands for one that is not known. The stream goes on if
// whoever records it still does.
func (l *Ledger) Find(inum uint32, cookie uint64, goesOn bool) Match {
	if l.byInum == nil {
		l.index()
	}
	var last *finding.Attribution
	for _, c := range l.byInum[inum] {
		switch {
		case cookie != 0 && c.Netns.Cookie == cookie:
			return Match{Case: c, By: ByCookie}
		case cookie != 0 && c.Netns.Cookie != 0: // of another that had the number
		case last == nil || last.BootNS < c.BootNS:
			last = c
		}
	}
	switch {
	case last == nil && l.forgotten > 0:
		return Match{Why: "the recording has more namespaces than are kept"}
	case last == nil && l.gaps:
		return Match{Why: "the recording doesn't have its creation, and has gaps"}
	case last == nil:
		return Match{Why: "the recording doesn't have its creation"}
	case !goesOn || l.ended:
		return Match{Why: "the recording has one of this number, but it ended, and numbers are reused"}
	case !l.sees || l.gaps:
		return Match{Why: "the recording has one of this number, but may lack the end of that, and numbers are reused"}
	}
	return Match{Case: last, By: ByInum}
}

// index makes looking up quick: there may be as many to look up as there are.
func (l *Ledger) index() {
	l.byInum = make(map[uint32][]*finding.Attribution)
	for _, c := range l.alive {
		if c != nil {
			l.byInum[c.Netns.Inum] = append(l.byInum[c.Netns.Inum], c)
		}
	}
}
