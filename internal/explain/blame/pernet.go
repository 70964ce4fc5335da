package blame

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// pernetInit is an observation whose causes are not known yet.
func (b *Blamer) pernetInit(at uint64, n *event.PernetInit) *finding.PernetInit {
	c := &lineage.Creation{BootNS: at}
	c.Process, c.Ancestry, c.AncestryWhy = b.tree.Lineage(n.By)
	c.Process.TID, c.Process.Comm = n.TID, n.Comm
	c.AncestryTruncated = c.AncestryWhy != ""
	c.Netns.AncestorsLost = n.AncestorsLost
	c.Netns.Errno = n.Errno
	return &finding.PernetInit{Init: *n, Attribution: finding.NewAttribution(c)}
}

// PernetInits returns the pernet inits whose chains are built, in their order. The
// others wait for answers.
func (b *Blamer) PernetInits() []*finding.PernetInit {
	var done []*finding.PernetInit
	b.look(&b.inits, (*solver).loading, func(p *pending, out *finding.Attribution) {
		p.init.Attribution = out
		done = append(done, p.init)
	})
	return done
}

// FlushPernetInits is as Flush, after which it is called.
func (b *Blamer) FlushPernetInits() []*finding.PernetInit {
	b.giveUp()
	done := b.PernetInits()
	for _, p := range b.inits.rest() {
		done = append(done, p.init)
	}
	return done
}

const kthreadd = 2 // its pid

// loading builds the chain of the loading of a module. Unlike a namespace, nothing
// in a unit's settings is followed that would do so before the unit's program runs.
func (s *solver) loading() verdict {
	c := s.out.Creation
	r, inService := runOf(&c.Process, c.Ancestry, c.BootNS)
	switch {
	case slices.ContainsFunc(c.Ancestry, func(p lineage.Process) bool { return p.ID.PID == kthreadd }):
		return s.unknown(finding.Reason{Code: finding.ReasonLoadedByKernel})
	case c.Process.CgroupUnknown:
		return s.unknown(finding.Reason{Code: finding.ReasonLoaderUnplaced})
	case !inService && slices.ContainsFunc(c.Ancestry, request.IsUnitlessBus):
		return s.unknown(finding.Reason{Code: finding.ReasonStartedByBus})
	case !inService:
		return s.outside(s.creator(), c.BootNS)
	}
	f, ok := s.facts(r)
	switch {
	case !ok:
		return blocked
	case slices.ContainsFunc(c.Ancestry, isBusDaemon):
		return s.unknown(finding.Reason{Code: finding.ReasonStartedByBus})
	}
	return s.inService(f, s.creator())
}
