package probe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/unsupported"
	"github.com/nsblame/nsblame/internal/observe/vmlinux"
)

// settings of the collection: the sizes of its tables, and from which
// hierarchy it takes cgroup paths.
type settings struct {
	// ring is the size of the buffer for what is asked for.
	ring      int
	processes uint32
	programs  uint32
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
	// life is set if who joins namespaces and who held them last is asked for.
	life bool
}

// busRing is the size of the buffer for what is sent on buses.
func (s settings) busRing() int { return max(os.Getpagesize(), s.ring/2) }

// attached is a program in its place.
type attached struct {
	program string
	link.Link
	// named is set if the kernel keeps it by a name in tracefs, until that is removed.
	named bool
}

// collection is the BPF programs and maps, loaded.
type collection struct {
	// spec has the programs that are tried first; all of them if whole is set.
	spec      *ebpf.CollectionSpec
	whole     bool
	maps      map[string]*ebpf.Map
	variables map[string]*ebpf.Variable
	programs  map[string]*ebpf.Program
	// types are those of the kernel's types that programs name, nil once all is
	// attached.
	types *vmlinux.Types
	// library is all of the kernel's BTF, for what the loader could not load.
	library *btf.Cache
	noBus   bool
	set     settings
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
	// Needed before 5.11 only; elsewhere it may fail without CAP_SYS_RESOURCE
	// and does no harm.
	_ = rlimit.RemoveMemlock()
	coll := &collection{
		set: set, programs: make(map[string]*ebpf.Program), library: btf.NewCache(),
		moduleProbes: newModuleProbes(groups, isBuiltin),
	}
	first := coll.firstChoice()
	spec, targets, err := parseObject(brief, func(program string) bool { return first[program] })
	if err != nil {
		return nil, err
	}
	coll.spec = spec
	coll.types, err = typesOf(spec, targets)
	if err != nil {
		return nil, kernel.Refused("read the kernel's BTF", err)
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, err
	}
	set.size(spec.Maps, cpus)
	if err := coll.setVariables(set); err != nil {
		return nil, err
	}
	only := *spec // to copy the programs takes time, and 1 MB
	only.Programs = nil
	// Types of entries would be read by tools that print a map. The library would give the
	// kernel a BTF for each.
	for _, m := range only.Maps {
		m.Key, m.Value = nil, nil
	}
	created, err := ebpf.NewCollection(only.Copy())
	if err != nil {
		return nil, kernel.Refused("create the BPF maps", err)
	}
	coll.maps, coll.variables = created.Maps, created.Variables
	return coll, nil
}

// size gives the maps their sizes, on a machine with so many processors.
func (s settings) size(maps map[string]*ebpf.MapSpec, cpus int) {
	maps[bpfMapStoryRecords].MaxEntries = uint32(s.ring)
	maps[bpfMapBusRecords].MaxEntries = uint32(s.busRing())
	maps[bpfMapAlarms].MaxEntries = uint32(os.Getpagesize())
	maps[bpfMapProcesses].MaxEntries = s.processes
	maps[bpfMapPrograms].MaxEntries = s.programs
	maps[bpfMapCgroups].MaxEntries = s.cgroups
	maps[bpfMapCounters].MaxEntries = uint32(cpus) * uint32(bpfCounterCOUNTERS_ROOM)
	maps[bpfMapCosts].MaxEntries = maxCosts(s)
	if !s.preallocate {
		return
	}
	for _, m := range maps {
		m.Flags &^= unix.BPF_F_NO_PREALLOC
	}
}

// setVariables fills what the programs must know before they are verified.
func (coll *collection) setVariables(set settings) error {
	return errors.Join(
		coll.spec.Variables[bpfVarStoryHalf].Set(uint64(set.ring/2)),
		coll.spec.Variables[bpfVarBusHalf].Set(uint64(set.busRing()/2)),
		coll.spec.Variables[bpfVarTableSize].Set([bpfTableTABLES]uint32{
			bpfTableTABLE_PROCESSES: set.processes,
			bpfTableTABLE_PROGRAMS:  coll.spec.Maps[bpfMapProgramsFirst].MaxEntries + set.programs,
			bpfTableTABLE_CGROUPS:   set.cgroups,
		}),
		coll.spec.Variables[bpfVarCgroupUnified].Set(set.hierarchy == kernel.HierarchyUnified),
		coll.spec.Variables[bpfVarWithCost].Set(set.cost),
		coll.spec.Variables[bpfVarWithLife].Set(set.life),
		coll.spec.Variables[bpfVarPageSize].Set(uint64(os.Getpagesize())),
	)
}

// groups are the groups that are asked for.
func (coll *collection) groups() []group {
	return slices.DeleteFunc(slices.Clone(groups), func(g group) bool {
		return g.cost && !coll.set.cost || g.life && !coll.set.life
	})
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
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return coll.programs[name] != nil })
	if len(names) == 0 || coll.loadPicked(names) == nil {
		return nil
	}
	return coll.loadByLibrary(names)
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
		if err != nil && g.required {
			return err
		}
		if p := coll.moduleProbe(g); p != nil && err == nil {
			p.loaded, p.live = true, true
		}
		for _, s := range chosen.sights() {
			cov := event.Coverage{Probe: s.probe, Subsystem: chosen.module, Live: err == nil, AttachMethod: string(how)}
			if err != nil {
				cov.Why = why(s, err)
			}
			coll.coverage = append(coll.coverage, cov)
		}
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

// choices are those of the group and its alternatives that the kernel has types
// for. If it has types for none, all are.
func (coll *collection) choices(g group) []group {
	all := append([]group{g}, g.or...)
	if len(all) == 1 {
		return all
	}
	known := slices.DeleteFunc(slices.Clone(all), func(choice group) bool {
		_, err := coll.types.Function(string(choice.probe))
		return err != nil
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
		return kernel.Refused("load the "+string(m)+" probe on "+string(g.probe), err)
	}
	if err := coll.prepare(g, m); err != nil {
		return err
	}
	var links []attached
	for _, name := range g.by(m) {
		a, err := coll.attachProgram(g, name)
		if err != nil {
			err = kernel.Refused("attach the "+string(m)+" probe to "+string(g.probe), err)
			return errors.Join(err, coll.detachLinks(links))
		}
		links = append(links, a)
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
	if g.bus && coll.noBus {
		return errNoBus
	}
	if g.loads && !kernel.LoadsModules() {
		return errNoModules
	}
	if g.module == "" {
		return nil
	}
	switch state := kernel.Module(g.module, string(g.probe)); state {
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
func (coll *collection) live(probe event.Probe) bool {
	return slices.ContainsFunc(coll.coverage, func(c event.Coverage) bool { return c.Probe == probe && c.Live })
}

// attachedBy returns how a probe is attached, and whether it is.
func (coll *collection) attachedBy(probe event.Probe) (string, bool) {
	i := slices.IndexFunc(coll.coverage, func(c event.Coverage) bool { return c.Probe == probe && c.Live })
	if i < 0 {
		return "", false
	}
	return coll.coverage[i].AttachMethod, true
}

// why says why something is not seen and what follows from that.
func why(s sight, err error) string {
	var absent *moduleError
	if errors.As(err, &absent) {
		return absent.Error() + ": " + absent.then()
	}
	if errors.Is(err, errNoModules) {
		return err.Error()
	}
	text := err.Error() + "; " + s.without
	var u *unsupported.Error
	if errors.As(err, &u) && u.Remedy != "" {
		text += "; " + u.Remedy
	}
	return text
}

// forget gives back what only the start needed: the index of the kernel's BTF,
// some 10 MB, and of the programs, some 2 MB, all but those that are loaded or
// attached when a module comes.
func (coll *collection) forget() error {
	coll.types, coll.library = nil, btf.NewCache()
	later := make(map[string]*ebpf.ProgramSpec)
	for _, p := range coll.moduleProbes {
		for _, name := range p.by(byKprobe) { // see methods
			spec, err := coll.program(name)
			if err != nil {
				return err
			}
			later[name] = spec
		}
	}
	coll.spec.Programs, coll.whole = later, true
	return nil
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
