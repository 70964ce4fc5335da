package blame

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// Blamer finds the causes of creations. It is fed every event of the stream,
// after the Tree has observed it, and every creation that the tree completes.
type Blamer struct {
	questions
	containers
	machines
	engines
	late
	tree     *lineage.Tree
	requests *request.Tracker
	// creations and inits are those whose causes are not known yet.
	creations, inits queue
	// crowded counts those that could not wait any longer.
	crowded uint64
	runs    runs
	// ends tells how processes ended.
	ends *bounded.Store[event.ProcessID, *event.Process]
	// busSpokenOf is set once the stream has said whether the buses are heard;
	// busWhy says why they are not, empty if they are.
	busSpokenOf bool
	busWhy      string
	// now is the latest time in the stream.
	now uint64
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
	requests := request.New(tree)
	return &Blamer{
		questions: newQuestions(requests.Suspended), containers: newContainers(),
		machines: newMachines(), engines: newEngines(), late: newLate(), tree: tree, requests: requests, runs: newRuns(),
		creations: newQueue(waitingBudget), inits: newQueue(initBudget),
		ends: bounded.NewStore[event.ProcessID, *event.Process](endBudget),
	}
}

// Observe takes the next event of the stream.
func (b *Blamer) Observe(ev event.Event) {
	if _, damage := ev.Body.(*event.Damage); b.inGap && !damage {
		b.inGap, b.since = false, max(b.since, ev.BootNS)
	}
	b.now = max(b.now, ev.BootNS)
	b.requests.Observe(ev)
	switch body := ev.Body.(type) {
	case *event.Host:
		b.since, b.unified = ev.BootNS, body.CgroupHierarchy == "unified"
		b.nameWait = body.NameWaitNS
	case *event.Damage:
		b.inGap = true
	case *event.Coverage:
		b.coverage(body)
	case *event.Unit:
		b.put(ev.BootNS, body)
		b.creations.answered(body.Question)
		b.inits.answered(body.Question)
	case *event.Process:
		b.process(body)
	case *event.NetnsCreate:
		b.askEarly(ev.BootNS, body)
	default:
		b.observeContainers(ev)
	case *event.PernetInit:
		l := b.pernetInit(ev.BootNS, body)
		b.inits.add(&pending{creation: l.Creation, init: l})
	}
}

// process takes in what a process has become.
func (b *Blamer) process(p *event.Process) {
	if p.ID.PID == 1 {
		b.machine.PIDNamespace = p.Owner.PIDNamespace
	}
	if p.Exited {
		b.ends.Put(p.ID, p, bounded.ShareOf(p), endSize+uint64(len(p.Comm)))
	}
}

// observeContainers takes the next event if it has to do with containers.
func (b *Blamer) observeContainers(ev event.Event) {
	switch body := ev.Body.(type) {
	case *event.Container:
		b.tell(ev.BootNS, body)
		b.news(keyOf(body.Question))
	case *event.EngineRequest:
		for _, id := range []event.ProcessID{body.Listener, body.Sender} {
			p := b.tree.Process(id)
			b.learnEngine(&p)
		}
	case *event.NetnsChild:
		b.born(serial(body.Serial), body.Child)
	case *event.NetnsJoin:
		if body.How == event.JoinFork {
			b.born(serial(body.Serial), body.Process)
		}
		b.movedIn(body)
	case *event.NetnsRelease:
		b.release(ev.BootNS, serial(body.Serial))
	case *event.CNI:
		b.calledPlugin(body)
	}
}

func (b *Blamer) coverage(c *event.Coverage) {
	if !c.Probe.HearsBuses() {
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
	b.makes(at, n, &p, ancestry)
	if r, ok := runOf(&p, ancestry, at); ok {
		b.runs.note(r)
		b.answer(r.question())
	}
}

// Submit hands over a creation that is complete but for its causes.
func (b *Blamer) Submit(list ...*lineage.Creation) {
	for _, c := range list {
		b.creations.add(&pending{creation: c})
	}
}

// Ready returns the creations whose chains are built, in the order in which they
// were handed over. The others wait for answers, but those for which there is no room.
func (b *Blamer) Ready() []*finding.Attribution {
	var done []*finding.Attribution
	b.creations.expire(b.now)
	b.look(&b.creations, (*solver).creation, func(_ *pending, out *finding.Attribution) { done = append(done, out) })
	return done
}

// Deadline is when the first creation waits no longer for what tells for whom it was made,
// 0 if none waits.
func (b *Blamer) Deadline() uint64 { return b.creations.waiting.Deadline() }

// Flush takes all open questions for unanswered, and returns the creations that
// still wait. It is for a stream that has ended.
func (b *Blamer) Flush() []*finding.Attribution {
	b.giveUp()
	done := b.Ready()
	for _, p := range b.creations.rest() {
		done = append(done, finding.NewAttribution(p.creation))
	}
	return done
}

// giveUp takes all open questions for unanswered.
func (b *Blamer) giveUp() {
	b.questions.giveUp()
	b.creations.all()
	b.inits.all()
}

// BusCut counts the bus messages that could have mattered, but of which too
// little was captured to tell.
func (b *Blamer) BusCut() uint64 { return b.requests.Cut() }

// Forgotten counts the requests that were forgotten while they may have mattered.
func (b *Blamer) Forgotten() uint64 { return b.requests.Dropped() }

// ForgottenOf is Forgotten by who answers for whoever made them, zero for anybody.
func (b *Blamer) ForgottenOf() map[event.Owner]uint64 { return b.requests.DroppedOf() }

// Asks returns the questions that came up since the last call. Each must be
// answered with a Unit event, if only to say that there is no answer.
func (b *Blamer) Asks() []event.Question {
	return b.take()
}
