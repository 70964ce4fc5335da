package blame

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/machinery"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// late are creations that were shown without all that can become known of whom they are
// for.
type late struct {
	awaited *bounded.Waiting[need, *shown]
	order   uint64
	// fors are what became known since the last call.
	fors []*finding.NetnsFor
}

// shown is a creation that was shown.
type shown struct {
	*finding.Attribution
	made  *made
	order uint64
}

func newLate() late {
	return late{awaited: bounded.NewWaiting[need, *shown](lateBudget).Hashing(hashOfNeed)}
}

// show takes in that a creation by machinery is shown, for which a request for a pod was
// taken or nil. It is kept if more may become known of it.
func (b *Blamer) show(out *finding.Attribution, taken *request.EngineAsk) {
	m := b.use(serial(out.Netns.Serial))
	if m == nil {
		return
	}
	if taken != nil {
		b.requests.TakeSandbox(*taken)
		b.guesses.Put(taken.Request, true)
		m.asked = taken
	}
	m.done()
	b.made.Resize(m.serial, m.size())
	if b.noMoreAnswers || m.failed {
		return
	}
	b.await(&shown{Attribution: out, made: m})
}

// await keeps a creation if more may become known of it.
func (b *Blamer) await(x *shown) {
	m := x.made
	keys := []need{m.serial}
	if _, open := b.told(m.question); open && m.question.ID != "" {
		keys = append(keys, keyOf(m.question))
	} else if !m.isUnnamed() {
		return
	}
	if x.order == 0 {
		b.late.order++
		x.order = b.late.order
	}
	b.crowded += uint64(len(b.awaited.Add(x, bounded.Terms[need]{
		Keys: keys, Order: x.order, Owner: bounded.ShareOf(ownerOf(&x.Process)), Size: x.Size() + 2*needSize,
	})))
}

// isUnnamed reports whether it is not known which container or pod it is.
func (m *made) isUnnamed() bool {
	return m.work.Sandbox && m.pod == nil || m.work.Command && m.work.ID == ""
}

// ownerOf is what matters of a process for whose share it takes up.
func ownerOf(p *lineage.Process) *event.Process { return &event.Process{UID: p.UID, Owner: p.Owner} }

// news takes in that something has become known. What waits for it is looked at again,
// and what was shown without it is completed.
func (b *Blamer) news(n need) {
	b.creations.answered(n)
	for _, x := range b.awaited.Take(n) {
		s := &solver{Blamer: b, out: finding.NewAttribution(x.Creation), atOnce: true}
		s.madeFor(x.made)
		if s.taken == nil && saysMore(s.out.For, x.For) {
			b.fors = append(b.fors, &finding.NetnsFor{BootNS: b.now, Created: x.Attribution, For: s.out.For})
		}
		b.await(x)
	}
}

// saysMore reports whether one answer says more than another one.
func saysMore(f, than *finding.For) bool {
	switch {
	case f == nil || f.Container == nil && f.Pod == nil:
		return false
	case than == nil || f.Evidence.Strength() > than.Evidence.Strength():
		return true
	case f.Container != nil && than.Container != nil:
		return *f.Container != *than.Container
	}
	return (f.Pod == nil) != (than.Pod == nil) || (f.Container == nil) != (than.Container == nil)
}

// Fors returns for whom namespaces were made whose creation was shown without that, as
// it became known since the last call.
func (b *Blamer) Fors() []*finding.NetnsFor {
	list := b.fors
	b.fors = nil
	return list
}

// movedIn takes in that a process has moved into a namespace which a command made for a
// container without saying which: podman does so for one with a bridge, before conmon is
// there. The runtime below that very command moves in and knows.
func (b *Blamer) movedIn(j *event.NetnsJoin) {
	m := b.use(serial(j.Serial))
	if m == nil || !m.work.Command || m.work.ID != "" || m.head.IsZero() {
		return
	}
	work := b.runtimeBelow(m.head, j.Process)
	if work == nil || work.Runtime != m.work.Runtime {
		return
	}
	m.work.ID, m.work.Name, m.work.Bundle = work.ID, work.Name, work.Bundle
	b.runOfContainer(m)
	b.made.Resize(m.serial, m.size())
	b.news(m.serial)
}

// runtimeBelow returns what a runtime below a command works for, by a process that it is or
// has made, nil if there is none or that does not tell. That process may be in the
// container's pid namespace already, and so speak for nobody outside.
func (b *Blamer) runtimeBelow(command, id event.ProcessID) *machinery.Work {
	p, ancestry, _ := b.tree.Lineage(id)
	for i := -1; i < len(ancestry); i++ {
		if i >= 0 {
			p = ancestry[i]
		}
		if p.ID == command {
			break
		}
		work, ok := b.machine.Find(&p, ancestry[i+1:])
		if ok && work.ID != "" && work.Head != nil && work.Head.ID == command {
			return work
		}
	}
	return nil
}
