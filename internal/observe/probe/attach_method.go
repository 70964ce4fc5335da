package probe

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// Attach says how functions of the kernel are to be probed.
type Attach string

// The choices.
const (
	// AttachAuto: by fentry and fexit, and by kprobe and kretprobe where the
	// kernel refuses these. Empty means the same.
	AttachAuto Attach = "auto"
	// AttachFentry: by fentry and fexit alone.
	AttachFentry Attach = "fentry"
	// AttachKprobe: by kprobe and kretprobe alone.
	AttachKprobe Attach = "kprobe"
)

// attachMethod is how a group is attached, by the name that the user sees.
type attachMethod string

const (
	byTracepoint attachMethod = "tp_btf"
	byFentry     attachMethod = "fentry"
	byKprobe     attachMethod = "kprobe"
)

// by are the names of the programs that attach the group by that method, in the
// order of attaching: returns before entries, so that no entry saves what no
// return picks up.
func (g group) by(m attachMethod) []string {
	switch m {
	case byFentry:
		return g.named("_fentry", "_fexit")
	case byKprobe:
		return g.named("_kprobe", "_kretprobe")
	default:
		return g.tracepoints
	}
}

func (g group) named(entry, ret string) []string {
	returns, entries := slices.Concat(g.returns, g.pairs), slices.Concat(g.entries, g.pairs)
	if ret == "_kretprobe" { // it has no arguments
		entries = append(entries, g.returns...)
	}
	names := make([]string, 0, len(returns)+len(entries))
	for _, stem := range returns {
		names = append(names, stem+ret)
	}
	for _, stem := range entries {
		names = append(names, stem+entry)
	}
	return names
}

// has reports whether a program is one of the group's, by whatever method.
func (g group) has(program string) bool { return slices.Contains(g.programs(), program) }

// programs are those of all methods, some of them more than once.
func (g group) programs() []string {
	return slices.Concat(g.by(byTracepoint), g.by(byFentry), g.by(byKprobe))
}

// methods are the attach methods of the group, in the order of trying. There is
// always one.
func (coll *collection) methods(g group) []attachMethod {
	switch {
	case len(g.tracepoints) > 0:
		return []attachMethod{byTracepoint}
	case coll.moduleProbe(g) != nil:
		return []attachMethod{byKprobe} // whatever was asked for: see moduleProbe
	case coll.set.attach == AttachFentry, coll.set.fentryOnly:
		return []attachMethod{byFentry}
	case coll.set.attach == AttachKprobe:
		return []attachMethod{byKprobe}
	case coll.set.preempts:
		return []attachMethod{byKprobe, byFentry}
	default:
		return []attachMethod{byFentry, byKprobe}
	}
}

// ipvsOperations is the variable that ip_vs passes to register_pernet_subsys.
const ipvsOperations = "ipvs_core_ops"

// prepare sets what the BPF programs must know of how a group is attached.
func (coll *collection) prepare(g group, m attachMethod) error {
	if m == byTracepoint || len(g.pairs) == 0 {
		return nil
	}
	missable := coll.variables[bpfVarMayMissReturns]
	if g.module != "" {
		missable = coll.variables[bpfVarMayMissInits]
	}
	if err := missable.Set(true); err != nil {
		return fmt.Errorf("set up the BPF programs: %w", err)
	}
	if m != byKprobe || g.probe != event.ProbeIPVS || kernel.HasModuleBTF(g.module) || coll.followsLoads() {
		return nil
	}
	// 0 where symbols are hidden: then the size is not known.
	if err := coll.variables[bpfVarIpvsOperations].Set(kernel.SymbolAddress(ipvsOperations, g.module)); err != nil {
		return fmt.Errorf("set up the BPF programs: %w", err)
	}
	return nil
}

// attachProgram attaches a loaded program of a group to what its section names.
func (coll *collection) attachProgram(g group, name string) (attached, error) {
	a := attached{program: name}
	spec, err := coll.program(name)
	if err != nil {
		return a, err
	}
	program := coll.programs[name]
	switch {
	case spec.Type != ebpf.Kprobe:
		a.Link, err = link.AttachTracing(link.TracingOptions{Program: program})
	case !isReturn(spec):
		a.Link, err = link.Kprobe(spec.AttachTo, program, nil)
	case coll.moduleProbe(g) != nil:
		// The kernel's own number must do, at least twice that of the processors. An
		// event in tracefs would outlive an nsblame that is killed, and this is
		// attached again and again.
		a.Link, err = link.Kretprobe(spec.AttachTo, program, nil)
	default:
		a.Link, a.named, err = attachKretprobe(spec.AttachTo, program)
	}
	return a, err
}
