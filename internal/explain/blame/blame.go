package blame

import (
	"cmp"
	"slices"
	"strings"

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
	tree     *lineage.Tree
	requests *request.Tracker
	answers  *bounded.Map[event.Question, *event.Unit]
	asked    *bounded.Map[event.Question, bool]
	// answered is when the latest answer came, renewed the time for the sake of
	// which it was last asked for again.
	answered, renewed *bounded.Map[event.Question, uint64]
	// over is set once no further answers will come.
	over    bool
	asks    []event.Question
	waiting []*lineage.Creation
	loads   []*finding.PernetInit
	// news and newsOfLoads are set when what waits may be solved by now.
	news, newsOfLoads bool
	// runs are the latest runs of each unit in which a namespace was made, in
	// the order of time: each must have a cause of its own.
	runs *bounded.Map[unitKey, []run]
	// ends tells how creators ended.
	ends *bounded.Map[event.ProcessID, *event.Process]
	// busSpokenOf is set once the stream has said whether the buses are heard;
	// busWhy says why they are not, empty if they are.
	busSpokenOf bool
	busWhy      string
	// since is from when on the stream is whole, deaf is set until the event
	// that follows a part that could not be read.
	since uint64
	deaf  bool
	// unified is set where cgroups are those of version 2: then managers give
	// their ids, too.
	unified bool
}

// unitKey names a unit of a manager.
type unitKey struct {
	owner request.Owner
	unit  string
}

// run is one run of a unit, known by its first process.
type run struct {
	unitKey
	// first is the process that the manager forked.
	first event.ProcessID
	// cgroup is where it runs.
	cgroup event.CgroupID
	// at is a time by which it had begun.
	at uint64
}

// same reports whether two runs of a unit are the same: by their first process,
// or where that is not known by their cgroup.
func (r run) same(other run) bool {
	if r.first.IsZero() || other.first.IsZero() {
		return r.cgroup == other.cgroup
	}
	return r.first == other.first
}

func (r run) question() event.Question { return r.ask(r.unit) }

// ask is a question about a unit that has to do with the run.
func (r run) ask(unit string) event.Question {
	return event.Question{Unit: unit, Manager: r.owner.Manager, UID: r.owner.UID, Run: r.first, Cgroup: r.cgroup}
}

// New returns a Blamer over a tree.
func New(tree *lineage.Tree) *Blamer {
	return &Blamer{
		tree: tree, requests: request.New(tree),
		answers:  bounded.NewMap[event.Question, *event.Unit](maxRemembered),
		asked:    bounded.NewMap[event.Question, bool](maxRemembered),
		answered: bounded.NewMap[event.Question, uint64](maxRemembered),
		renewed:  bounded.NewMap[event.Question, uint64](maxRemembered),
		runs:     bounded.NewMap[unitKey, []run](maxRemembered),
		ends:     bounded.NewMap[event.ProcessID, *event.Process](maxRemembered),
	}
}

// Observe takes the next event of the stream.
func (b *Blamer) Observe(ev event.Event) {
	if _, damage := ev.Body.(*event.Damage); b.deaf && !damage {
		b.deaf, b.since = false, max(b.since, ev.BootNS)
	}
	b.requests.Observe(ev)
	switch body := ev.Body.(type) {
	case *event.Host:
		b.since, b.unified = ev.BootNS, body.CgroupHierarchy == "unified"
	case *event.Damage:
		b.deaf = true
	case *event.Coverage:
		b.coverage(body)
	case *event.Unit:
		b.answers.Put(body.Question, body)
		b.answered.Put(body.Question, ev.BootNS)
		b.news, b.newsOfLoads = true, len(b.loads) > 0
	case *event.Process:
		if body.Exited {
			b.ends.Put(body.ID, body)
		}
	case *event.NetnsCreate:
		b.askEarly(ev.BootNS, body)
	case *event.PernetInit:
		b.loads = append(b.loads, b.load(ev.BootNS, body))
		b.newsOfLoads = true
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
		b.note(r)
		b.fact(r.question())
	}
}

// maxRuns bounds the runs of one unit that are remembered.
const maxRuns = 16

// note remembers a run, by the first creation in it.
func (b *Blamer) note(r run) {
	list, _ := b.runs.Get(r.unitKey)
	if slices.ContainsFunc(list, r.same) {
		return
	}
	list = append(slices.Clone(list), r)
	slices.SortStableFunc(list, func(x, y run) int { return cmp.Compare(x.at, y.at) })
	b.runs.Put(r.unitKey, list[max(0, len(list)-maxRuns):])
}

// before is the run of the unit before this one, if one is known.
func (b *Blamer) before(r run) (run, bool) {
	list, _ := b.runs.Get(r.unitKey)
	for _, earlier := range slices.Backward(list) {
		if earlier.at < r.at && !earlier.same(r) {
			return earlier, true
		}
	}
	return run{}, false
}

// firstSeen is when this run made its first namespace, 0 if it made none.
func (b *Blamer) firstSeen(r run) uint64 {
	list, _ := b.runs.Get(r.unitKey)
	for _, known := range list {
		if known.same(r) {
			return known.at
		}
	}
	return 0
}

// Submit hands over a creation that is complete but for its causes.
func (b *Blamer) Submit(list ...*lineage.Creation) {
	b.waiting = append(b.waiting, list...)
	b.news = b.news || len(list) > 0
}

// Ready returns the creations whose causes are found, as far as they can be,
// in the order in which they were handed over. The others wait for answers.
func (b *Blamer) Ready() []*finding.Attribution {
	if !b.news {
		return nil
	}
	b.news = false
	var done []*finding.Attribution
	rest := b.waiting[:0]
	for _, c := range b.waiting {
		if s, ok := b.solve(c); ok {
			done = append(done, s)
		} else {
			rest = append(rest, c)
		}
	}
	clear(b.waiting[len(rest):])
	b.waiting = rest
	return done
}

// Flush returns the creations that still wait, their questions being taken for
// unanswered. It is for a stream that has ended.
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

// noAnswer stands where a manager would say why it knows nothing of a unit.
const noAnswer = "the stream ended before it was answered"

// giveUp takes all open questions for unanswered.
func (b *Blamer) giveUp() {
	b.asks, b.news, b.newsOfLoads, b.over = nil, true, true, true
	for _, q := range b.asked.Keys() {
		if _, ok := b.answers.Get(q); !ok {
			b.answers.Put(q, &event.Unit{Question: q, Why: noAnswer})
		}
	}
}

// BusCut counts the bus messages that could have mattered, but of which too
// little was captured to tell.
func (b *Blamer) BusCut() uint64 { return b.requests.Cut() }

// Asks returns the questions that came up since the last call. Each must be
// answered with a Unit event, if only to say that there is no answer.
func (b *Blamer) Asks() []event.Question {
	asks := b.asks
	b.asks = nil
	return asks
}

// fact returns the answer to a question, or asks it.
func (b *Blamer) fact(q event.Question) (*event.Unit, bool) {
	if u, ok := b.answers.Get(q); ok {
		return u, true
	}
	if _, ok := b.asked.Get(q); !ok {
		b.asked.Put(q, true)
		b.asks = append(b.asks, q)
	}
	return nil, false
}

// upToDate reports whether an answer is from after a time. If not, the question
// is asked again, once for each time.
func (b *Blamer) upToDate(q event.Question, at uint64) bool {
	if answered, _ := b.answered.Get(q); answered >= at || b.over {
		return true
	}
	if renewed, _ := b.renewed.Get(q); renewed < at {
		b.renewed.Put(q, at)
		b.asks = append(b.asks, q)
	}
	return false
}

// runOf tells in which run of which service a process is, by its cgroup and
// the process below the manager from which it descends.
func runOf(p *lineage.Process, ancestry []lineage.Process, at uint64) (run, bool) {
	pl := finding.Place(p)
	if !strings.HasSuffix(pl.Unit, ".service") || pl.Container != nil {
		return run{}, false
	}
	own := request.Owner{Manager: pl.Manager}
	if pl.Manager == event.ManagerUser {
		if !pl.HasOwner {
			return run{}, false
		}
		own.UID = pl.OwnerUID
	}
	return run{
		unitKey: unitKey{own, pl.Unit}, first: firstOf(p, ancestry, own), cgroup: p.CgroupID, at: at,
	}, true
}

// firstOf is the process in the line of descent that the manager forked, zero
// where that is not known.
func firstOf(p *lineage.Process, ancestry []lineage.Process, own request.Owner) event.ProcessID {
	below := p
	for i := range ancestry {
		if request.IsManager(&ancestry[i], own) {
			return below.ID
		}
		below = &ancestry[i]
	}
	return event.ProcessID{}
}
