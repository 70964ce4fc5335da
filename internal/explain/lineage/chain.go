package lineage

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
)

const (
	// maxChains is how many chains of parents are kept, maxChainSize how many bytes one
	// may take. Those of a few processes are asked for again and again.
	maxChains    = 8
	maxChainSize = 4 << 10
	// linkSize is what it takes to know whether a process of a chain has changed.
	linkSize = 48
)

// chain is a process with its ancestors, as they were described last. Others may have
// the same list, so nobody changes it.
type chain struct {
	list  []Process
	why   Cut
	links []link
}

// link is what a process in a chain is described by.
type link struct {
	processes bounded.Ref[event.ProcessID, *event.Process]
	programs  bounded.Ref[event.ProgramID, *event.Program]
	cgroups   bounded.Ref[event.CgroupID, *event.Cgroup]
	process   *event.Process
	program   *event.Program
	cgroup    *event.Cgroup
}

// ancestry follows the parents of a process. It ends where one of them would come
// again, as only a recording can claim.
func (t *Tree) ancestry(id event.ProcessID) (list []Process, why Cut) {
	p, known := t.processes.Get(id)
	switch {
	case !known:
		return nil, CutParentUnknown
	case p.AncestryCut:
		return nil, CutTooLong
	case p.Parent.IsZero():
		return nil, ""
	}
	c := &t.chains[bounded.HashOf(p.Parent)%maxChains]
	if len(c.list) > 0 && c.list[0].ID == p.Parent && t.isCurrent(c) && !slices.ContainsFunc(c.list, func(a Process) bool { return a.ID == id }) {
		return c.list, c.why
	}
	list, why = t.ancestors(id, p)
	t.keep(c, list, why)
	return list, why
}

// ancestors follows the parents of a process that is known.
func (t *Tree) ancestors(id event.ProcessID, p *event.Process) (list []Process, why Cut) {
	for known := true; known; {
		switch parent := p.Parent; {
		case len(list) == maxAncestors, p.AncestryCut:
			return list, CutTooLong
		case parent.IsZero():
			return list, ""
		case parent == id || slices.ContainsFunc(list, func(p Process) bool { return p.ID == parent }):
			return list, CutCircle
		default:
			list = append(list, t.ancestor(parent))
			p, known = t.processes.Get(parent)
		}
	}
	return list, CutParentUnknown
}

// keep remembers a chain, unless it is long, or something of it is not known.
func (t *Tree) keep(c *chain, list []Process, why Cut) {
	*c = chain{links: c.links[:0]}
	if SizeOf(list)+uint64(len(list))*linkSize > maxChainSize || why == CutCircle {
		return
	}
	for i := range list {
		var l link
		if !t.find(&l, list[i].ID) {
			return
		}
		c.links = append(c.links, l)
	}
	c.list, c.why = list, why
}

// find looks up what a process is described by, false if something is not known.
func (t *Tree) find(l *link, id event.ProcessID) (known bool) {
	if l.process, known = t.processes.UseAt(&l.processes, id); !known {
		return false
	}
	if l.cgroup, known = t.cgroups.UseAt(&l.cgroups, l.process.Cgroup); !known {
		return false
	}
	l.program, known = t.programs.UseAt(&l.programs, l.process.Program)
	return known
}

// isCurrent reports whether a chain is still what it was. All of it was used just now,
// as if it had been looked up.
func (t *Tree) isCurrent(c *chain) bool {
	for i := range c.links {
		now := &c.links[i]
		was := *now
		if !t.find(now, c.list[i].ID) || now.process != was.process || now.program != was.program || now.cgroup != was.cgroup {
			return false
		}
	}
	return true
}
