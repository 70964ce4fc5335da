package probe

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// loadByLibrary has the library load programs. That takes longer than the loader
// does, and says why it fails.
func (coll *collection) loadByLibrary(names []string) error {
	var plain, ofModules []string
	for _, name := range names {
		if len(modulesOf(name)) > 0 {
			ofModules = append(ofModules, name)
		} else {
			plain = append(plain, name)
		}
	}
	parts, err := coll.divide(plain, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
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
func (coll *collection) divide(names []string, limit int) ([][]string, error) {
	length := make(map[string]int)
	for _, name := range names {
		spec, err := coll.program(name)
		if err != nil {
			return nil, err
		}
		length[name] = len(spec.Instructions)
	}
	size := func(name string) int { return length[name] }
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
	return parts, nil
}

func (coll *collection) loadPart(names []string) (*ebpf.Collection, error) {
	kernelTypes, err := coll.library.Kernel()
	if err != nil {
		return nil, err
	}
	moduleTypes, err := coll.moduleTypes(names)
	if err != nil {
		return nil, err
	}
	whole, _, err := parseObject(withLines, func(program string) bool { return slices.Contains(names, program) })
	if err != nil {
		return nil, err
	}
	spec := &ebpf.CollectionSpec{
		Maps: coll.spec.Maps, Types: whole.Types, ByteOrder: whole.ByteOrder, Programs: make(map[string]*ebpf.ProgramSpec),
	}
	for _, name := range names {
		if spec.Programs[name] = whole.Programs[name]; spec.Programs[name] == nil {
			return nil, fmt.Errorf("there is no BPF program %s", name)
		}
	}
	return ebpf.NewCollectionWithOptions(spec.Copy(), ebpf.CollectionOptions{
		MapReplacements: coll.maps, Cache: coll.library,
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

// moduleTypes are the types that the kernel offers for the modules of the
// programs.
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
		types, err := coll.library.Module(module)
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
