package probe

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// moduleProbe keeps a group on the functions of a module attached for as long as the
// module is loaded.
//
// It does so by kprobes. A loaded fentry program holds the module of its function, so
// that nobody can unload it. A kprobe goes with the module, and only has to be
// detached.
type moduleProbe struct {
	group
	links []attached
	// loaded is set while the module is loaded, by what the BPF programs report.
	loaded bool
	// live is set while coverage says that the probe is live.
	live bool
	// unloaded is set if the links are those of a module that was unloaded since.
	unloaded bool
}

// newModuleProbes returns one for each group on functions of a module that is not
// built into the kernel.
func newModuleProbes(list []group, builtin func(group) bool) []*moduleProbe {
	var moduleProbes []*moduleProbe
	for _, g := range list {
		if g.module != "" && !builtin(g) {
			moduleProbes = append(moduleProbes, &moduleProbe{group: g})
		}
	}
	return moduleProbes
}

func isBuiltin(g group) bool { return kernel.Module(g.module, string(g.probe)) == kernel.ModuleBuiltin }

// moduleProbe returns the one that has the group, nil if the group always stays.
func (coll *collection) moduleProbe(g group) *moduleProbe {
	i := slices.IndexFunc(coll.moduleProbes, func(p *moduleProbe) bool { return p.probe == g.probe })
	if i < 0 {
		return nil
	}
	return coll.moduleProbes[i]
}

// followsLoads reports whether the BPF programs see a module being loaded, and so learn
// what they need from that. They do not of one that was loaded before.
func (coll *collection) followsLoads() bool { return coll.started && coll.live(event.ProbePernetInit) }

// observe takes in that a module was loaded or unloaded. It returns the coverage that
// ends with it.
func (p *moduleProbe) observe(r *bpfModuleRecord) *event.Coverage {
	if p.module != text(r.Module[:]) {
		return nil
	}
	p.loaded = r.Unloaded == 0
	if r.Unloaded == 0 {
		return nil
	}
	p.unloaded = true
	if !p.live {
		return nil
	}
	p.live = false
	return &event.Coverage{
		Probe: p.probe, Subsystem: p.module, Changed: true, Why: "module " + p.module + " was unloaded",
	}
}

// catchUp detaches the probes on modules that were unloaded, and attaches those on
// modules that were loaded. It returns the coverage that begins.
func (coll *collection) catchUp() ([]*event.Coverage, error) {
	coll.mu.Lock()
	defer coll.mu.Unlock()
	if coll.detached {
		return nil, nil
	}
	var began []*event.Coverage
	var errs []error
	for _, p := range coll.moduleProbes {
		if p.unloaded {
			errs = append(errs, coll.detachLinks(p.links))
			p.unloaded, p.links = false, nil
		}
		if !p.loaded || len(p.links) > 0 {
			continue
		}
		if c := coll.attachLoaded(p); c != nil {
			began = append(began, c)
		}
	}
	return began, errors.Join(errs...)
}

// attachLoaded attaches the probe on a module that was loaded. It returns nil if the
// module is gone by now.
func (coll *collection) attachLoaded(p *moduleProbe) *event.Coverage {
	c := &event.Coverage{Probe: p.probe, Subsystem: p.module, Changed: true}
	how, err := coll.attachGroup(p.group)
	switch {
	case err == nil:
		c.Live, c.AttachMethod, p.live = true, string(how), true
		return c
	case kernel.Module(p.module, string(p.probe)) != kernel.ModuleLoaded:
		p.loaded = false
		return nil
	default:
		p.loaded = false // it is not tried again
		c.Why = why(sight{p.probe, p.without}, err)
		return c
	}
}

// takeModule takes in that a module was loaded or unloaded. To attach or detach waits
// until the ring buffer is read, for a module may come and go quickly.
func (s *Source) takeModule(raw []byte) error {
	r, err := viewAs[bpfModuleRecord](raw)
	if err != nil {
		return err
	}
	for _, p := range s.collection.moduleProbes {
		if c := p.observe(r); c != nil {
			s.taken = append(s.taken, event.Event{BootNS: r.BootNs, Body: c})
		}
		s.behind = s.behind || p.module == text(r.Module[:])
	}
	return nil
}

// catchUp has the probes follow the modules.
func (s *Source) catchUp() error {
	if !s.behind {
		return nil
	}
	s.behind = false
	began, err := s.collection.catchUp()
	for _, c := range began {
		s.push(c)
	}
	if err != nil {
		return fmt.Errorf("take away the probes on a module that is gone: %w", err)
	}
	return nil
}

// completePernetInit names the function where the BPF programs could not.
func (s *Source) completePernetInit(r *bpfPernetInitRecord, n *event.PernetInit) {
	if n.Op == "" && r.Init != 0 {
		n.Op = kernel.SymbolAt(r.Init, n.Subsystem)
	}
}
