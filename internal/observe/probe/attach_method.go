package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"

	"github.com/nsblame/nsblame/internal/observe/kernel"
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
	case h.follower(g) != nil:
		return []way{byKprobe} // whatever was asked for: see follower
	case h.set.attach == AttachFentry, h.set.fentryOnly:
		return []way{byFentry}
	case h.set.attach == AttachKprobe:
		return []way{byKprobe}
	case h.set.preempts:
		return []way{byKprobe, byFentry}
	default:
		return []way{byFentry, byKprobe}
	}
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
	if w != byKprobe || !slices.ContainsFunc(g.kprobes, h.isReturn) {
		return nil
	}
	missable := h.variables[bpfVarMayMissReturns]
	if g.module != "" {
		missable = h.variables[bpfVarMayMissInits]
	}
	if err := missable.Set(true); err != nil {
		return fmt.Errorf("set up the kernel half: %w", err)
	}
	if g.probe != ipvsProbe || kernel.HasModuleBTF(g.module) || h.followsLoads() {
		return nil
	}
	// 0 where symbols are hidden: then the size is not told.
	if err := h.variables[bpfVarIpvsOperations].Set(kernel.SymbolAddress(ipvsOperations, g.module)); err != nil {
		return fmt.Errorf("set up the kernel half: %w", err)
	}
	return nil
}

func (h *half) isReturn(program string) bool { return isReturn(h.spec.Programs[program]) }

// attachProgram attaches a loaded program of a group to what its section names.
func (h *half) attachProgram(g group, name string) (link.Link, error) {
	program, spec := h.programs[name], h.spec.Programs[name]
	if spec.Type != ebpf.Kprobe {
		return link.AttachTracing(link.TracingOptions{Program: program})
	}
	switch {
	case isReturn(spec) && h.follower(g) != nil:
		// The kernel's own number must do, which is at least twice that of the
		// processors: an event in tracefs would outlive a nsblame that is killed,
		// and this is attached again and again.
		return link.Kretprobe(spec.AttachTo, program, nil)
	case isReturn(spec):
		return attachKretprobe(spec.AttachTo, program)
	}
	return link.Kprobe(spec.AttachTo, program, nil)
}
