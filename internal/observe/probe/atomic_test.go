package probe

import (
	"slices"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// A program may be preempted by another one that counts the same. So whatever counts adds
// in one instruction, and nothing else reaches the counters.
func TestCountersAreAddedToAtomically(t *testing.T) {
	spec, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	adders := map[string]int{"count": 0, "take_room": 0, "give_room": 0}
	for _, p := range spec.Programs {
		for name, body := range bodiesOf(p) {
			reaches := slices.ContainsFunc(body, func(ins asm.Instruction) bool { return ins.Reference() == bpfMapCounters })
			if reaches != (name == "count") {
				t.Errorf("%s in %s reaches the counters: %v", name, p.Name, reaches)
			}
			if _, adds := adders[name]; !adds {
				continue
			}
			for _, ins := range body {
				class := ins.OpCode.Class()
				switch {
				case ins.OpCode == asm.StoreXAddOp(asm.DWord):
					adders[name]++
				case (class == asm.StXClass || class == asm.StClass) && ins.Dst != asm.R10:
					t.Errorf("%s in %s has %v", name, p.Name, ins)
				}
			}
		}
	}
	for name, n := range adders {
		if n == 0 {
			t.Errorf("%s adds nothing", name)
		}
	}
}

// bodiesOf divides a program into its functions.
func bodiesOf(p *ebpf.ProgramSpec) map[string][]asm.Instruction {
	bodies := make(map[string][]asm.Instruction)
	var name string
	for _, ins := range p.Instructions {
		if ins.Symbol() != "" {
			name = ins.Symbol()
		}
		bodies[name] = append(bodies[name], ins)
	}
	return bodies
}
