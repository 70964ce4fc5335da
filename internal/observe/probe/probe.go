package probe

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// settings of the collection: the sizes of its tables, and from which
// hierarchy it takes cgroup paths.
type settings struct {
	ring      int
	processes uint32
	cgroups   uint32
	hierarchy kernel.Hierarchy
	attach    Attach
	// preallocate takes all memory of the tables at once.
	preallocate bool
	// fentryOnly is set where probes that use the tables can't be kprobes.
	fentryOnly bool
	// preempts is set where the kernel may be preempted, and so leaves out runs of
	// fentry programs.
	preempts bool
	// cost is set if what creations are made of is asked for.
	cost bool
}

// attached is a program in its place.
type attached struct {
	program string
	link.Link
}

// collection is the BPF programs and maps, loaded.
type collection struct {
	spec      *ebpf.CollectionSpec
	maps      map[string]*ebpf.Map
	variables map[string]*ebpf.Variable
	programs  map[string]*ebpf.Program
	// types is the kernel's BTF, indexed once for all that is loaded.
	types *btf.Cache
	noBus bool
	set   settings
	// mu guards what is attached, which may be ended at any time.
	mu       sync.Mutex
	links    []attached
	detached bool
	// started is set once all that was there at the start is attached.
	started bool
	// moduleProbes have the groups that come and go with modules.
	moduleProbes []*moduleProbe
	// left is how often a kprobe that is detached by now was left out, skips
	// how often any program was when that was last asked.
	left, skips skips
	coverage    []event.Coverage
}

// newCollection creates the maps; no program is loaded yet.
func newCollection(set settings) (*collection, error) {
	// Needed before 5.11 only; elsewhere it may fail for want of
	// CAP_SYS_RESOURCE and does no harm.
	_ = rlimit.RemoveMemlock()
	types := btf.NewCache()
	// It takes as long as all the rest of this. Whoever needs it waits, and gets
	// the error.
	go func() { _, _ = types.Kernel() }()
	spec, err := loadBpf()
	if err != nil {
		return nil, err
	}
	spec.Maps[bpfMapEvents].MaxEntries = uint32(set.ring)
	spec.Maps[bpfMapProcesses].MaxEntries = set.processes
	spec.Maps[bpfMapPrograms].MaxEntries = set.processes
	spec.Maps[bpfMapCgroups].MaxEntries = set.cgroups
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, err
	}
	spec.Maps[bpfMapCounters].MaxEntries = uint32(cpus) * uint32(bpfCounterCOUNTERS_ROOM)
	spec.Maps[bpfMapCosts].MaxEntries = maxCosts(set)
	if set.preallocate {
		for _, m := range spec.Maps {
			m.Flags &^= unix.BPF_F_NO_PREALLOC
		}
	}
	coll := &collection{
		set: set, spec: spec, programs: make(map[string]*ebpf.Program), types: types,
		moduleProbes: newModuleProbes(groups, isBuiltin),
	}
	if err := coll.setVariables(set); err != nil {
		return nil, err
	}
	only := spec.Copy()
	only.Programs = nil
	created, err := ebpf.NewCollection(only)
	if err != nil {
		return nil, kernel.Refused("create the BPF maps", err)
	}
	coll.maps, coll.variables = created.Maps, created.Variables
	return coll, nil
}

// setVariables fills what the programs must know before they are verified.
func (coll *collection) setVariables(set settings) error {
	types, err := coll.types.Kernel()
	if err != nil {
		return kernel.Refused("read the kernel's BTF", err)
	}
	var fn *btf.Func
	err = types.TypeByName(unshareProbe, &fn)
	if err != nil && !errors.Is(err, btf.ErrNotFound) {
		return fmt.Errorf("look up a function in the kernel's BTF: %w", err)
	}
	return errors.Join(
		coll.spec.Variables[bpfVarRingHalf].Set(uint64(set.ring/2)),
		coll.spec.Variables[bpfVarCgroupUnified].Set(set.hierarchy == kernel.HierarchyUnified),
		coll.spec.Variables[bpfVarKnowsUnshare].Set(err == nil),
		coll.spec.Variables[bpfVarWithCost].Set(set.cost),
	)
}

// groups are the groups that are asked for.
func (coll *collection) groups() []group {
	return slices.DeleteFunc(slices.Clone(groups), func(g group) bool { return g.cost && !coll.set.cost })
}

// loadAll loads whatever there is a place for at once, as many programs at the
// same time as there are processors: what takes long is the kernel's verifier. If
// that fails, the groups are loaded singly, and the one at fault is found.
func (coll *collection) loadAll() {
	names := []string{bpfProgProcessesBefore}
	for _, g := range coll.groups() {
		first := coll.choices(g)[0]
		if coll.mayCome(first) {
			names = append(names, first.by(coll.methods(first)[0])...)
		}
	}
	_ = coll.load(names...)
}

// load loads programs by name, but those that are loaded already. All share
// the maps. It is all of them or none.
func (coll *collection) load(names ...string) error {
	var plain, ofModules []string
	for _, name := range names {
		switch {
		case coll.programs[name] != nil:
		case len(modulesOf(name)) > 0:
			ofModules = append(ofModules, name)
		default:
			plain = append(plain, name)
		}
	}
	parts := coll.divide(plain, runtime.GOMAXPROCS(0))
	loaded := make([]*ebpf.Collection, len(parts), len(parts)+1)
	errs := make([]error, len(parts), len(parts)+1)
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() { loaded[i], errs[i] = coll.loadPart(part) })
	}
	all.Wait()
	if len(ofModules) > 0 {
		// By themselves: the library reads a module's types without the lock of
		// the kernel's, which they refer to (btf/unmarshal.go, inflateType).
		part, err := coll.loadPart(ofModules)
		parts, loaded, errs = append(parts, ofModules), append(loaded, part), append(errs, err)
	}
	failed := errors.Join(errs...)
	for i, part := range loaded {
		if part == nil {
			continue
		}
		for _, name := range parts[i] {
			if failed == nil {
				coll.programs[name] = part.DetachProgram(name)
			}
		}
		part.Close()
	}
	return failed
}

// divide makes as many parts at most, which are about as much work for the
// verifier. It goes by the number of instructions.
func (coll *collection) divide(names []string, limit int) [][]string {
	size := func(name string) int { return len(coll.spec.Programs[name].Instructions) }
	names = slices.SortedFunc(slices.Values(names), func(a, b string) int {
		return cmp.Or(size(b)-size(a), strings.Compare(a, b))
	})
	parts := make([][]string, min(limit, len(names)))
	sizes := make([]int, len(parts))
	for _, name := range names {
		least := slices.Index(sizes, slices.Min(sizes))
		parts[least] = append(parts[least], name)
		sizes[least] += size(name)
	}
	return parts
}

func (coll *collection) loadPart(names []string) (*ebpf.Collection, error) {
	kernelTypes, err := coll.types.Kernel()
	if err != nil {
		return nil, err
	}
	moduleTypes, err := coll.moduleTypes(names)
	if err != nil {
		return nil, err
	}
	spec := &ebpf.CollectionSpec{
		Maps: coll.spec.Maps, Types: coll.spec.Types, ByteOrder: coll.spec.ByteOrder, Programs: make(map[string]*ebpf.ProgramSpec),
	}
	for _, name := range names {
		spec.Programs[name] = coll.spec.Programs[name]
	}
	return ebpf.NewCollectionWithOptions(spec.Copy(), ebpf.CollectionOptions{
		MapReplacements: coll.maps, Cache: coll.types,
		// Left to itself, the library looks through the types of all modules.
		Programs: ebpf.ProgramOptions{KernelTypes: kernelTypes, ExtraRelocationTargets: moduleTypes},
	})
}

// modulesOf returns the modules that a program is about.
func modulesOf(program string) []string {
	var modules []string
	for _, g := range groups {
		if g.module != "" && g.has(program) {
			modules = append(modules, g.module)
		}
	}
	return modules
}

// moduleTypes are those of the modules that the programs are about, as far as the
// kernel offers them.
func (coll *collection) moduleTypes(names []string) ([]*btf.Spec, error) {
	var modules []string
	for _, name := range names {
		modules = append(modules, modulesOf(name)...)
	}
	slices.Sort(modules)
	var list []*btf.Spec
	for _, module := range slices.Compact(modules) {
		if !kernel.HasModuleBTF(module) {
			continue
		}
		types, err := coll.types.Module(module)
		if errors.Is(err, fs.ErrPermission) {
			continue // what they would tell is left out
		}
		if err != nil {
			return nil, fmt.Errorf("read the types of module %s: %w", module, err)
		}
		list = append(list, types)
	}
	return list, nil
}

// attach loads and attaches every group, and notes how it went. The error of
// a required one is returned. It returns the processes that were there before.
//
// The order keeps the process table whole: ends are noted before anything is
// put in; then all processes are, so that whoever forks is known; and once
// forks are followed, those that were born in between.
func (coll *collection) attach() ([]event.ProcessID, error) {
	coll.loadAll()
	const ends = 2 // groups
	list := coll.groups()
	if err := coll.attachGroups(list[:ends]); err != nil {
		return nil, err
	}
	if _, err := coll.processesBefore(); err != nil {
		return nil, err
	}
	if err := coll.attachGroups(list[ends:]); err != nil {
		return nil, err
	}
	coll.started = true
	return coll.processesBefore()
}

func (coll *collection) attachGroups(list []group) error {
	for _, g := range list {
		chosen, how, err := coll.attachChoice(g)
		cov := event.Coverage{Probe: chosen.probe, Subsystem: chosen.module}
		switch {
		case err == nil:
			cov.Live, cov.AttachMethod = true, string(how)
			if p := coll.moduleProbe(g); p != nil {
				p.loaded, p.live = true, true
			}
		case g.required && !(g.ifPresent && lacksFunction(err)):
			return err
		default:
			cov.Why = why(g, err)
		}
		coll.coverage = append(coll.coverage, cov)
	}
	return nil
}

// attachChoice attaches the first of the groups that serve the purpose that can
// be. Where none can, it returns the group itself, with the reasons of all.
func (coll *collection) attachChoice(g group) (group, attachMethod, error) {
	var errs []error
	for _, choice := range coll.choices(g) {
		how, err := coll.attachGroup(choice)
		if err == nil {
			return choice, how, nil
		}
		errs = append(errs, err)
	}
	return g, "", errors.Join(errs...)
}

// choices are the group and those that stand in for it, as far as the kernel
// has types for them; all if it has them for none.
func (coll *collection) choices(g group) []group {
	all := append([]group{g}, g.or...)
	if len(all) == 1 {
		return all
	}
	known := slices.DeleteFunc(slices.Clone(all), func(choice group) bool {
		types, err := coll.types.Kernel()
		if err != nil {
			return true
		}
		var fn *btf.Func
		return types.TypeByName(choice.probe, &fn) != nil
	})
	if len(known) == 0 {
		return all
	}
	return known
}

// attachGroup attaches a group in the first of the ways that works. Where none
// does, the error is that of all.
func (coll *collection) attachGroup(g group) (attachMethod, error) {
	if err := coll.present(g); err != nil {
		return "", err
	}
	var failed error
	for _, m := range coll.methods(g) {
		err := coll.attachGroupBy(g, m)
		if err == nil {
			return m, nil
		}
		if failed == nil {
			failed = err
		} else {
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	return "", failed
}

func (coll *collection) attachGroupBy(g group, m attachMethod) error {
	if err := coll.load(g.by(m)...); err != nil {
		return kernel.Refused("load the "+string(m)+" probe on "+g.probe, err)
	}
	if err := coll.prepare(g, m); err != nil {
		return err
	}
	var links []attached
	for _, name := range g.by(m) {
		l, err := coll.attachProgram(g, name)
		if err != nil {
			err = kernel.Refused("attach the "+string(m)+" probe to "+g.probe, err)
			return errors.Join(err, coll.detachLinks(links))
		}
		links = append(links, attached{name, l})
	}
	if p := coll.moduleProbe(g); p != nil {
		p.links = links
	} else {
		coll.links = append(coll.links, links...)
	}
	return nil
}

// errNoBus says that a probe was not wanted.
var errNoBus = errors.New("turned off by --no-bus")

// errNoModules says that a probe would never see anything.
var errNoModules = errors.New("not needed: this kernel loads no modules")

// present returns a *moduleError if the module that the group is about is not
// there, errNoModules if none ever is, and errNoBus if the group is not wanted.
func (coll *collection) present(g group) error {
	if g.probe == busProbe && coll.noBus {
		return errNoBus
	}
	if g.loads && !kernel.LoadsModules() {
		return errNoModules
	}
	if g.module == "" {
		return nil
	}
	switch state := kernel.Module(g.module, g.probe); state {
	case kernel.ModuleLoaded, kernel.ModuleBuiltin:
		return nil
	default:
		return &moduleError{module: g.module, state: state}
	}
}

// mayCome reports whether a group is there, or may come to be with its module.
func (coll *collection) mayCome(g group) bool {
	err := coll.present(g)
	var absent *moduleError
	return err == nil || errors.As(err, &absent) && absent.state != kernel.ModuleAbsent
}

// moduleError says that a probe has nothing to attach to.
type moduleError struct {
	module string
	state  kernel.ModuleState
}

func (e *moduleError) Error() string { return "module " + e.module + " is " + e.reason() }

func (e *moduleError) reason() string {
	switch e.state {
	case kernel.ModuleAvailable, kernel.ModuleNotLoaded:
		return "not loaded"
	case kernel.ModuleAbsent:
		return "not on this kernel"
	default:
		return string(e.state)
	}
}

// then says what follows from it.
func (e *moduleError) then() string {
	if e.state == kernel.ModuleAbsent {
		return "it takes nothing of a creation"
	}
	return "it takes nothing of a creation; the probe is attached when it is loaded"
}

// live reports whether a probe is attached.
func (coll *collection) live(probe string) bool {
	return slices.ContainsFunc(coll.coverage, func(c event.Coverage) bool { return c.Probe == probe && c.Live })
}

// why says why an optional probe is not attached and what follows from it.
func why(g group, err error) string {
	var absent *moduleError
	if errors.As(err, &absent) {
		return absent.Error() + ": " + absent.then()
	}
	if errors.Is(err, errNoModules) {
		return err.Error()
	}
	text := err.Error() + "; " + g.without
	var u *kernel.UnsupportedError
	if errors.As(err, &u) && u.Remedy != "" {
		text += "; " + u.Remedy
	}
	return text
}

// forget gives back what only the start needed: the index of the kernel's BTF,
// some 10 MB, and of the programs, some 2 MB, all but those that are loaded or
// attached when a module comes.
func (coll *collection) forget() {
	coll.types = btf.NewCache()
	later := make(map[string]*ebpf.ProgramSpec)
	for _, p := range coll.moduleProbes {
		for _, name := range p.by(byKprobe) { // see methods
			later[name] = coll.spec.Programs[name]
		}
	}
	coll.spec.Programs = later
}

// processesBefore runs over all processes that there are, so that the process
// table has them, and returns their identities.
func (coll *collection) processesBefore() ([]event.ProcessID, error) {
	if err := coll.load(bpfProgProcessesBefore); err != nil {
		return nil, kernel.Refused("load the iterator over processes", err)
	}
	it, err := link.AttachIter(link.IterOptions{Program: coll.programs[bpfProgProcessesBefore]})
	if err != nil {
		return nil, kernel.Refused("attach the iterator over processes", err)
	}
	defer it.Close()
	r, err := it.Open()
	if err != nil {
		return nil, kernel.Refused("run the iterator over processes", err)
	}
	defer r.Close()
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read the list of processes: %w", err)
	}
	return decodeKeys(raw)
}

// detach ends all probes. What was sent before stays in the ring buffer.
func (coll *collection) detach() error {
	coll.mu.Lock()
	defer coll.mu.Unlock()
	coll.detached = true
	var errs []error
	for _, p := range slices.Backward(coll.moduleProbes) {
		errs = append(errs, coll.detachLinks(p.links))
		p.links = nil
	}
	errs = append(errs, coll.detachLinks(coll.links))
	coll.links = nil
	return errors.Join(errs...)
}

// detachLinks ends probes, the one that was attached last first.
func (coll *collection) detachLinks(links []attached) error {
	coll.missed(links)
	var errs []error
	for _, l := range slices.Backward(links) {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// Close detaches what is attached and frees the programs and maps.
func (coll *collection) Close() error {
	errs := []error{coll.detach()}
	for _, p := range coll.programs {
		errs = append(errs, p.Close())
	}
	for _, m := range coll.maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
