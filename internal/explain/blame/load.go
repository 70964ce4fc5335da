package blame

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// load makes a Load whose causes are not known yet.
func (b *Blamer) load(at uint64, n *event.PernetInit) *finding.PernetInit {
	c := &lineage.Creation{BootNS: at}
	c.Process, c.Ancestry, c.AncestryWhy = b.tree.Lineage(n.By)
	c.Process.TID, c.Process.Comm = n.TID, n.Comm
	c.AncestryTruncated = c.AncestryWhy != ""
	c.Netns.AncestorsLost = n.AncestorsLost
	c.Netns.Errno = n.Errno
	return &finding.PernetInit{Init: *n, Attribution: finding.NewAttribution(c)}
}

// Loads returns the loadings of modules whose causes are found, as far as they
// can be, in their order. The others wait for answers.
func (b *Blamer) Loads() []*finding.PernetInit {
	if !b.newsOfLoads {
		return nil
	}
	b.newsOfLoads = false
	var done []*finding.PernetInit
	b.loads = slices.DeleteFunc(b.loads, func(l *finding.PernetInit) bool {
		s := &solver{Blamer: b, out: finding.NewAttribution(l.Creation)}
		s.loading()
		if s.open {
			return false
		}
		l.Attribution = s.out
		done = append(done, l)
		return true
	})
	return done
}

// FlushLoads is as Flush, after which it is called.
func (b *Blamer) FlushLoads() []*finding.PernetInit {
	var done []*finding.PernetInit
	for range 2 * maxSteps {
		b.giveUp()
		done = append(done, b.Loads()...)
	}
	done = append(done, b.loads...)
	b.loads = nil
	return done
}

const kthreadd = 2 // its pid

// loading finds out what had a module loaded. Unlike a namespace, nothing in a
// unit's settings is followed that would do so before the unit's program runs.
func (s *solver) loading() {
	c := s.out.Creation
	p := &c.Process
	r, inService := runOf(p, c.Ancestry, c.BootNS)
	switch {
	case slices.ContainsFunc(c.Ancestry, func(p lineage.Process) bool { return p.ID.PID == kthreadd }):
		s.unknown(finding.Reason{Code: finding.ReasonLoadedByKernel})
	case p.CgroupUnknown:
		s.unknown(finding.Reason{Code: finding.ReasonLoaderUnplaced})
	case !inService && slices.ContainsFunc(c.Ancestry, request.IsUnitlessBus):
		s.unknown(finding.Reason{Code: finding.ReasonStartedByBus})
	case !inService:
		s.command(p, c.Ancestry, c.AncestryWhy)
	default:
		facts := s.unitFact(r.question())
		switch {
		case s.open:
		case slices.ContainsFunc(c.Ancestry, func(p lineage.Process) bool { return request.IsBusDaemon(&p) }):
			s.unknown(finding.Reason{Code: finding.ReasonStartedByBus})
		default:
			s.process(r, facts, p, c.Ancestry, c.AncestryWhy)
		}
	}
}
