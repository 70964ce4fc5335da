package probe

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// The stack of a program and of all that it calls, and how deep it may call
// (MAX_BPF_STACK and MAX_CALL_FRAMES). Kernels before 6.10 round each function's
// share up to 32 bytes, newer ones do not.
const (
	stackMax   = 512
	stackRound = 32
	framesMax  = 8
)

// Older kernels have less room on the stack than the one that this was built on.
func TestStackFitsOlderKernels(t *testing.T) {
	spec, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range spec.Programs {
		size, frames := deepest(functionsOf(p), p.Name)
		if size > stackMax || frames > framesMax {
			t.Errorf("%s takes %d bytes in %d functions, there are %d in %d", name, size, frames, stackMax, framesMax)
		}
	}
}

// function is what a function takes of the stack, and what it calls.
type function struct {
	stack int
	calls map[string]bool
}

func functionsOf(p *ebpf.ProgramSpec) map[string]*function {
	list := make(map[string]*function)
	var f *function
	var ofFrame map[asm.Register]bool // holds the frame's address
	for _, ins := range p.Instructions {
		if name := ins.Symbol(); name != "" {
			f, ofFrame = &function{calls: make(map[string]bool)}, make(map[asm.Register]bool)
			list[name] = f
		}
		class := ins.OpCode.Class()
		switch {
		case ins.IsFunctionCall():
			f.calls[ins.Reference()] = true
		case ins.OpCode == asm.Mov.Op(asm.RegSource):
			ofFrame[ins.Dst] = ins.Src == asm.R10
		case ins.OpCode == asm.Add.Op(asm.ImmSource) && ofFrame[ins.Dst]:
			f.stack, ofFrame[ins.Dst] = max(f.stack, -int(ins.Constant)), false
		case (class == asm.StXClass || class == asm.StClass) && ins.Dst == asm.R10:
			f.stack = max(f.stack, -int(ins.Offset))
		}
	}
	return list
}

// deepest returns the most that a function and what it calls take of the stack, and how
// many functions call each other at most.
func deepest(list map[string]*function, name string) (size, frames int) {
	f := list[name]
	for called := range f.calls {
		s, n := deepest(list, called)
		size, frames = max(size, s), max(frames, n)
	}
	own := (max(f.stack, 1) + stackRound - 1) / stackRound * stackRound
	return size + own, frames + 1
}
