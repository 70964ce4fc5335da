package probe

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/nsblame/nsblame/internal/kernel"
)

// Attach says in which way functions of the kernel are to be probed.
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

// way is how a group is attached, by the name that the user sees.
type way string

const (
	byTracepoint way = "tp_btf"
	byFentry     way = "fentry"
	byKprobe     way = "kprobe"
)

// by are the programs that attach the group in that way.
func (g group) by(w way) []string {
	if w == byKprobe {
		return g.kprobes
	}
	return g.programs
}

// ways are those in which the group can be attached, the first to be tried
// first. There is always one.
func (h *half) ways(g group) []way {
	switch {
	case len(g.kprobes) == 0:
		return []way{byTracepoint}
	case h.set.attach == AttachFentry, h.set.fentryOnly && g.module == "":
		return []way{byFentry}
	case h.set.attach == AttachKprobe, !hasTypes(g):
		return []way{byKprobe}
	default:
		return []way{byFentry, byKprobe}
	}
}

// hasTypes reports whether the kernel has BTF of the function, as fentry needs.
// It is known beforehand only of a module's.
func hasTypes(g group) bool {
	return g.module == "" || kernel.Module(g.module, g.probe) != kernel.ModuleLoaded || kernel.HasModuleBTF(g.module)
}

// lacksFunction reports whether a probe failed because this kernel does not
// have the function.
func lacksFunction(err error) bool {
	return errors.Is(err, btf.ErrNotFound) || errors.Is(err, fs.ErrNotExist)
}

// ipvsOperations is what ip_vs passes to pernet_operations.
const ipvsOperations = "ipvs_core_ops"

// prepare tells the kernel half what it must know of the way in which a group
// is attached.
func (h *half) prepare(g group, w way) error {
	if w != byKprobe {
		return nil
	}
	if err := h.variables[bpfVarMayMissReturns].Set(true); err != nil {
		return fmt.Errorf("set up the kernel half: %w", err)
	}
	if g.probe != ipvsProbe {
		return nil
	}
	// 0 where symbols are hidden: then the size is not told, unless there is
	// BTF.
	if err := h.variables[bpfVarIpvsOperations].Set(kernel.SymbolAddress(ipvsOperations, g.module)); err != nil {
		return fmt.Errorf("set up the kernel half: %w", err)
	}
	return nil
}

// attachProgram attaches a loaded program to what its section names.
func (h *half) attachProgram(name string) (link.Link, error) {
	program, spec := h.programs[name], h.spec.Programs[name]
	if spec.Type != ebpf.Kprobe {
		return link.AttachTracing(link.TracingOptions{Program: program})
	}
	if isReturn(spec) {
		return attachKretprobe(spec.AttachTo, program)
	}
	return link.Kprobe(spec.AttachTo, program, nil)
}
