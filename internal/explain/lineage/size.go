package lineage

import (
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/cgroup"
)

// The budgets of a Tree, in bytes. The kernel part forgets what nothing refers to,
// but word of it can be lost, and then it would be kept for ever.
const (
	processBudget = 6 << 20
	// programBudget holds all programs of a machine with 50,000 processes: those that
	// run when nsblame starts are read then, for they may end before they matter.
	programBudget = 15 << 20
	// argvBudget is for argument lists beyond maxBrief.
	argvBudget   = 2 << 20
	cgroupBudget = 1 << 20
	heldBudget   = 4 << 20
	// startingBudget is for creations that have been handed over, with their causes.
	startingBudget = 2 << 20
)

// Budgets returns the bounds of a Tree.
func Budgets() []bounded.Budget {
	return []bounded.Budget{
		{Name: "lineage: processes", Bytes: processBudget},
		{Name: "lineage: programs", Bytes: programBudget},
		{Name: "lineage: long argument lists", Bytes: argvBudget},
		{Name: "lineage: cgroups", Bytes: cgroupBudget},
		{Name: "cgroup: what paths say", Bytes: cgroup.Budget},
		{Name: "lineage: chains of parents", Bytes: maxChains * maxChainSize},
		{Name: "lineage: creations that wait for an exec", Bytes: heldBudget},
		{Name: "lineage: creations of units that start", Bytes: startingBudget},
	}
}

const (
	// maxBrief is how much of an argument list is shown of an ancestor, in bytes
	// with a NUL behind each argument. It is what the kernel part captures.
	maxBrief = 1 << 10
	// maxExe is how much of the path of an executable is kept, its end.
	maxExe = 1 << 12
)

// The sizes of what has no strings, in bytes.
const (
	processSize  = 160
	programSize  = 96
	cgroupSize   = 48
	lineSize     = 272 // of a Process here
	creationSize = 560
)

// Size is what a process takes in memory.
func (p *Process) Size() uint64 {
	size := lineSize + uint64(len(p.Comm)+len(p.Exe)+len(p.Cgroup)) + bounded.Text(p.Argv)
	if p.Exec != nil {
		size += p.Exec.Size()
	}
	return size
}

// Brief is a process with long argument lists cut as those of ancestors are.
func (p *Process) Brief() Process {
	out := *p
	if argv, isCut := Brief(p.Argv); isCut {
		out.Argv, out.ArgvTruncated = argv, true
	}
	if p.Exec != nil {
		exec := p.Exec.Brief()
		out.Exec = &exec
	}
	return out
}

// SizeOf is what a list of processes takes in memory.
func SizeOf(list []Process) uint64 {
	var size uint64
	for i := range list {
		size += list[i].Size()
	}
	return size
}

// Size is what a creation takes in memory. Strings that it shares count, for nothing
// says how long others keep them.
func (c *Creation) Size() uint64 {
	size := creationSize + c.Process.Size() + SizeOf(c.Ancestry)
	if c.Child != nil {
		size += c.Child.Size()
	}
	if c.Netns.Cost != nil {
		size += uint64(len(c.Netns.Cost.Ops)) * 80
	}
	return size + uint64(len(c.Netns.Init))*64
}

// BriefProgram is a program image with its argument list cut to what is shown of an
// ancestor, and whether it had to be cut.
func BriefProgram(b *event.Program) (brief *event.Program, isCut bool) {
	argv, isCut := Brief(b.Argv)
	if !isCut && len(b.Exe) <= maxExe {
		return b, false
	}
	p := *b
	p.Argv, p.ArgvTruncated = argv, b.ArgvTruncated || isCut
	if len(p.Exe) > maxExe {
		p.Exe, p.ExeTruncated = strings.Clone(p.Exe[len(p.Exe)-maxExe:]), true
	}
	return &p, isCut
}

// ProgramSize is what a program image takes in memory.
func ProgramSize(p *event.Program) uint64 {
	return programSize + uint64(len(p.Exe)) + bounded.Text(p.Argv)
}

// ProcessSize is what the state of a process takes in memory.
func ProcessSize(p *event.Process) uint64 { return processSize + uint64(len(p.Comm)) }

// CgroupSize is what a cgroup takes in memory.
func CgroupSize(c *event.Cgroup) uint64 { return cgroupSize + uint64(len(c.Path)) }

// Brief is an argument list cut to what is shown of an ancestor, and whether it had
// to be cut. What is cut is copied, so that nothing of the rest is kept.
func Brief(argv []string) (list []string, isCut bool) {
	left := maxBrief
	for i, arg := range argv {
		if len(arg) < left {
			left -= len(arg) + 1
			continue
		}
		list = make([]string, 0, i+1)
		for _, whole := range argv[:i] {
			list = append(list, strings.Clone(whole))
		}
		if left > 0 {
			list = append(list, strings.Clone(arg[:min(left, len(arg))]))
		}
		return list, true
	}
	return argv, false
}
