package probe

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// follower has a group on the functions of a module attached for as long as the
// module is there.
//
// It does so by kprobes. A program of the fentry kind holds the module that its
// function is in, once it is loaded, so that nobody could unload that module
// any more; a kprobe goes with the module, and only has to be taken away.
type follower struct {
	group
	links []attached
	// here is set while the module is there, as far as the kernel half has told.
	here bool
	// live is set while coverage says that the probe is.
	live bool
	// gone is set if the links are of a module that has gone since.
	gone bool
}

// newFollowers returns one for each group on functions of a module that is not
// built into the kernel.
func newFollowers(list []group, builtin func(group) bool) []*follower {
	var followers []*follower
	for _, g := range list {
		if g.module != "" && !builtin(g) {
			followers = append(followers, &follower{group: g})
		}
	}
	return followers
}

func isBuiltin(g group) bool { return kernel.Module(g.module, g.probe) == kernel.ModuleBuiltin }

// follower returns the one that has the group, nil if the group stays.
func (h *half) follower(g group) *follower {
	i := slices.IndexFunc(h.followers, func(f *follower) bool { return f.probe == g.probe })
	if i < 0 {
		return nil
	}
	return h.followers[i]
}

// followsLoads reports whether the kernel half learns from the loading of a
// module what it has to know of it: not of one that was there before.
func (h *half) followsLoads() bool { return h.started && h.live(opsProbe) }

// moduleRecord views a record as one about a module, if it is.
func moduleRecord(raw []byte) (*bpfModuleRecord, bool) {
	if len(raw) < int(unsafe.Sizeof(bpfModuleRecord{})) ||
		bpfRecordKind(*(*uint32)(unsafe.Pointer(&raw[0]))) != bpfRecordKindREC_MODULE {
		return nil, false
	}
	return (*bpfModuleRecord)(unsafe.Pointer(&raw[0])), true
}

// observe takes note that a module has come or gone. It returns the coverage
// that has ended with it.
func (f *follower) observe(r *bpfModuleRecord) *event.Coverage {
	if f.module != text(r.Module[:]) {
		return nil
	}
	f.here = r.Gone == 0
	if r.Gone == 0 {
		return nil
	}
	f.gone = true
	if !f.live {
		return nil
	}
	f.live = false
	return &event.Coverage{
		Probe: f.probe, Subsystem: f.module, Changed: true, Why: "module " + f.module + " was unloaded",
	}
}

// catchUp takes away the probes on modules that are gone, and attaches those on
// modules that have come. It returns the coverage that begins.
func (h *half) catchUp() ([]*event.Coverage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.detached {
		return nil, nil
	}
	var began []*event.Coverage
	var errs []error
	for _, f := range h.followers {
		if f.gone {
			errs = append(errs, h.detachLinks(f.links))
			f.gone, f.links = false, nil
		}
		if !f.here || len(f.links) > 0 {
			continue
		}
		if c := h.come(f); c != nil {
			began = append(began, c)
		}
	}
	return began, errors.Join(errs...)
}

// come attaches the probe on a module that has come. If that has gone meanwhile,
// there is nothing to tell.
func (h *half) come(f *follower) *event.Coverage {
	c := &event.Coverage{Probe: f.probe, Subsystem: f.module, Changed: true}
	how, err := h.attachGroup(f.group)
	switch {
	case err == nil:
		c.Live, c.AttachMethod, f.live = true, string(how), true
		return c
	case kernel.Module(f.module, f.probe) != kernel.ModuleLoaded:
		f.here = false
		return nil
	default:
		f.here = false // it is not tried again
		c.Why = why(f.group, err)
		return c
	}
}

// observeModule takes note that a module has come or gone. What is to be done
// about it waits until the ring buffer is read, for a module may come and go
// again quickly.
func (s *Source) observeModule(r *bpfModuleRecord) {
	for _, f := range s.half.followers {
		if c := f.observe(r); c != nil {
			s.queue = append(s.queue, event.Event{BootNS: r.BootNs, Body: c})
		}
		s.behind = s.behind || f.module == text(r.Module[:])
	}
}

// catchUp has the probes follow the modules.
func (s *Source) catchUp() error {
	if !s.behind {
		return nil
	}
	s.behind = false
	began, err := s.half.catchUp()
	for _, c := range began {
		s.push(c)
	}
	if err != nil {
		return fmt.Errorf("take away the probes on a module that is gone: %w", err)
	}
	return nil
}

// nameOperation completes what the kernel half could not name.
func nameOperation(n *event.PernetInit, r *bpfInitRecord) {
	if n.Op == "" && r.Init != 0 {
		n.Op = kernel.SymbolAt(r.Init, n.Subsystem)
	}
}
