package blame

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// maxRemembered bounds the answers, runs and ends that are remembered, each by
// itself.
const maxRemembered = 4096

// Blamer finds the causes of creations. It is fed every event of the stream,
// after the Tree has observed it, and every creation that the tree completes.
type Blamer struct {
	questions
	tree     *lineage.Tree
	requests *request.Tracker
	waiting  []*lineage.Creation
	inits    []*finding.PernetInit
	// recheck and recheckInits are set when what waits may be solved by now.
	recheck, recheckInits bool
	runs                  runs
	// ends tells how processes ended.
	ends *bounded.Map[event.ProcessID, *event.Process]
	// busSpokenOf is set once the stream has said whether the buses are heard;
	// busWhy says why they are not, empty if they are.
	busSpokenOf bool
	busWhy      string
	// since is from when on the stream is whole. inGap is set after a part that
	// could not be read, until the next event.
	since uint64
	inGap bool
	// unified is set where cgroups are those of version 2: then managers give
	// their ids, too.
	unified bool
}

// New returns a Blamer over a tree.
func New(tree *lineage.Tree) *Blamer {
	return &Blamer{
		questions: newQuestions(), tree: tree, requests: request.New(tree), runs: newRuns(),
		ends: bounded.NewMap[event.ProcessID, *event.Process](maxRemembered),
	}
}

// Observe takes the next event of the stream.
func (b *Blamer) Observe(ev event.Event) {
	if _, damage := ev.Body.(*event.Damage); b.inGap && !damage {
		b.inGap, b.since = false, max(b.since, ev.BootNS)
	}
	b.requests.Observe(ev)
	switch body := ev.Body.(type) {
	case *event.Host:
		b.since, b.unified = ev.BootNS, body.CgroupHierarchy == "unified"
	case *event.Damage:
		b.inGap = true
	case *event.Coverage:
		b.coverage(body)
	case *event.Unit:
		b.put(ev.BootNS, body)
		b.recheck, b.recheckInits = true, len(b.inits) > 0
	case *event.Process:
		if body.Exited {
			b.ends.Put(body.ID, body)
		}
	case *event.NetnsCreate:
		b.askEarly(ev.BootNS, body)
	case *event.PernetInit:
		b.inits = append(b.inits, b.pernetInit(ev.BootNS, body))
		b.recheckInits = true
	}
}

func (b *Blamer) coverage(c *event.Coverage) {
	if c.Probe != event.ProbeBus {
		return
	}
	b.busSpokenOf, b.busWhy = true, c.Why
	if c.Live {
		b.busWhy = ""
	}
}

// heard reports whether the buses are heard.
func (b *Blamer) heard() bool { return b.busSpokenOf && b.busWhy == "" }

// askEarly asks about the creator's unit while it is there to be asked about:
// the creation itself may have to wait for an exec.
func (b *Blamer) askEarly(at uint64, n *event.NetnsCreate) {
	p, ancestry, _ := b.tree.Lineage(n.Creator)
	if r, ok := runOf(&p, ancestry, at); ok {
		b.runs.note(r)
		b.answer(r.question())
	}
}

// Submit hands over a creation that is complete but for its causes.
func (b *Blamer) Submit(list ...*lineage.Creation) {
	b.waiting = append(b.waiting, list...)
	b.recheck = b.recheck || len(list) > 0
}

// Ready returns the creations whose chains are built, in the order in which they
// were handed over. The others wait for answers.
func (b *Blamer) Ready() []*finding.Attribution {
	if !b.recheck {
		return nil
	}
	b.recheck = false
	var done []*finding.Attribution
	rest := b.waiting[:0]
	for _, c := range b.waiting {
		if s, ok := b.solve(c, (*solver).creation); ok {
			done = append(done, s)
		} else {
			rest = append(rest, c)
		}
	}
	clear(b.waiting[len(rest):])
	b.waiting = rest
	return done
}

// Flush takes all open questions for unanswered, and returns the creations that
// still wait. It is for a stream that has ended.
func (b *Blamer) Flush() []*finding.Attribution {
	var done []*finding.Attribution
	for range 2 * maxSteps { // each answer may raise the next question
		b.giveUp()
		done = append(done, b.Ready()...)
	}
	for _, c := range b.waiting {
		done = append(done, finding.NewAttribution(c))
	}
	b.waiting = nil
	return done
}

// giveUp takes all open questions for unanswered.
func (b *Blamer) giveUp() {
	b.questions.giveUp()
	b.recheck, b.recheckInits = true, true
}

// BusCut counts the bus messages that could have mattered, but of which too
// little was captured to tell.
func (b *Blamer) BusCut() uint64 { return b.requests.Cut() }

// Asks returns the questions that came up since the last call. Each must be
// answered with a Unit event, if only to say that there is no answer.
func (b *Blamer) Asks() []event.Question {
	return b.take()
}
