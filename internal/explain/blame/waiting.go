package blame

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Bounds of what one creation may ask. What a manager says decides how much that
// is, and a user's manager can say anything.
const (
	// maxMissing is how many answers may be missing at once.
	maxMissing = 64
	// maxTries is how often its chain is built until all answers are there.
	maxTries = 256
)

// pending is a creation, or the loading of a module, whose causes are not known yet.
type pending struct {
	creation *lineage.Creation
	init     *finding.PernetInit
	order    uint64
	tries    int
}

// need is what a creation may wait for: an answer, which is an event.Question or a
// containerKey, or news of a namespace, which is a serial.
type need any

// serial names a namespace.
type serial uint64

func (s serial) hash() uint64 { return bounded.Hash(uint64(s), 0) }

// needSeed makes hashes of needs that nobody can foresee.
var needSeed = maphash.MakeSeed()

// hashOfNeed is a hash of a need. Most are namespaces.
func hashOfNeed(n need) uint64 {
	if s, ok := n.(serial); ok {
		return s.hash()
	}
	return maphash.Comparable(needSeed, n)
}

// needSize is what a need takes in memory beside its place.
const needSize = 80

// queue has those that wait for answers. An answer has only those looked at that
// asked for it.
type queue struct {
	waiting *bounded.Waiting[need, *pending]
	// due are those to be looked at next.
	due []*pending
	// taken are those that were looked at last.
	taken []*pending
	order uint64
}

// maxTaken bounds the room for those that are due which is used again.
const maxTaken = 64

func newQueue(budget uint64) queue {
	return queue{waiting: bounded.NewWaiting[need, *pending](budget).Hashing(hashOfNeed)}
}

// add takes in a new one, which is due at once.
func (q *queue) add(p *pending) {
	q.order++
	p.order = q.order
	q.due = append(q.due, p)
}

// answered makes due what waits for something.
func (q *queue) answered(n need) { q.due = append(q.due, q.waiting.Take(n)...) }

// expire makes due what waits no longer.
func (q *queue) expire(now uint64) { q.due = append(q.due, q.waiting.Expire(now)...) }

// all makes due whatever waits.
func (q *queue) all() { q.due = append(q.due, q.waiting.TakeAll()...) }

// rest returns whatever is left, in the order in which it came.
func (q *queue) rest() []*pending {
	q.all()
	return q.take()
}

// take returns those that are due, in the order in which they came. The list is good
// until the next call.
func (q *queue) take() []*pending {
	if len(q.due) == 0 {
		return nil
	}
	list := q.due
	clear(q.taken)
	q.due, q.taken = q.taken[:0], list
	if cap(list) > maxTaken {
		q.taken = nil
	}
	slices.SortFunc(list, func(x, y *pending) int { return cmp.Compare(x.order, y.order) })
	return list
}

// wait lets one wait for what its last try missed, and returns those that can wait
// no longer.
func (q *queue) wait(p *pending, m *missing) []*pending {
	p.tries++
	if m.tooMany || p.tries >= maxTries {
		return []*pending{p}
	}
	terms := bounded.Terms[need]{Keys: m.needs, Deadline: m.until, Order: p.order, Size: p.creation.Size() + uint64(len(m.needs))*needSize}
	if len(m.needs) > 0 {
		terms.Owner = shareOfNeed(m.needs[0])
	}
	return q.waiting.Add(p, terms)
}

// missing is what a try to build a chain asked in vain.
type missing struct {
	needs []need
	// until is when it is done without them, 0 if they come in any case.
	until uint64
	// tooMany is set if not all questions were put.
	tooMany bool
}

// note notes something that is open, and reports whether it may be asked for.
func (m *missing) note(n need) bool {
	switch {
	case slices.Contains(m.needs, n):
	case len(m.needs) == maxMissing:
		m.tooMany = true
		return false
	default:
		m.needs = append(m.needs, n)
	}
	return true
}

// look builds the chains of those that are due, and gives those that need not wait
// any more to done, with their causes.
func (b *Blamer) look(q *queue, build func(*solver) verdict, done func(*pending, *finding.Attribution)) {
	for _, p := range q.take() {
		b.missing = missing{}
		if s, ok := b.solve(p.creation, build); ok {
			b.show(s.out, s.taken)
			done(p, s.out)
			continue
		}
		for _, crowded := range q.wait(p, &b.missing) {
			b.crowded++
			done(crowded, tooMany(crowded.creation))
		}
	}
}

// tooMany is what is said of a creation that can wait no longer.
func tooMany(c *lineage.Creation) *finding.Attribution {
	out := finding.NewAttribution(c)
	out.Origin.Why = finding.Reason{Code: finding.ReasonTooManyWaiting, Unit: out.Placement.Unit}
	return out
}

// Crowded counts the creations that could not wait for answers, because too many did.
func (b *Blamer) Crowded() uint64 { return b.crowded }
