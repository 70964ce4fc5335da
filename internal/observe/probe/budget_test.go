package probe

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
)

// TestBudget counts what a start loads and attaches for each set of flags, with
// all modules there. Each program costs some 5 to 200 ms on the clock of
// instructions, each function with fentry programs 0.1 s at the start and at the
// end (docs/benchmarks.md): who adds one raises the budget, and says there why.
func TestBudget(t *testing.T) {
	for _, tc := range []struct {
		flags string
		set   settings
		noBus bool
		// programs are all, slow those on functions by fentry and fexit, and
		// functions how many functions these are on.
		programs, slow, functions int
	}{
		{"none", settings{}, false, 27, 14, 10},
		{"--no-bus", settings{}, true, 24, 11, 7},
		{"--life, --record, --output json", settings{life: true}, false, 31, 18, 12},
		{"--life --cost", settings{life: true, cost: true}, false, 36, 22, 13},
		{"--attach kprobe", settings{attach: AttachKprobe}, false, 29, 0, 0},
		{"--life --attach kprobe", settings{life: true, attach: AttachKprobe}, false, 33, 0, 0},
	} {
		coll := &collection{
			set: tc.set, noBus: tc.noBus, moduleProbes: newModuleProbes(groups, func(group) bool { return false }),
		}
		programs, slow := coll.budget()
		functions := targetsOf(t, slow)
		if len(programs) != tc.programs || len(slow) != tc.slow || len(functions) != tc.functions {
			t.Errorf("%s: %d programs, %d of them fentry and fexit on %d functions; the budget is %d, %d, %d:\n%q\n%q",
				tc.flags, len(programs), len(slow), len(functions), tc.programs, tc.slow, tc.functions, programs, functions)
		}
	}
}

// TestSizeBudget bounds what makes programs expensive to load (docs/benchmarks.md). For
// each lookup in a map the kernel copies the whole program, but for one that serves several
// (look_up in bpf/probe.h). A function that only finds an entry is one lookup, however often
// it is called. To know how deep the stack gets, the
// kernel goes through a function anew for each row of calls that leads to it.
func TestSizeBudget(t *testing.T) {
	// What is sent to buses and to engines is read by one program, which has the most.
	const lookups, instructions, passed = 7, 6400, 27000
	spec, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range spec.Programs {
		found := 0
		for _, ins := range p.Instructions {
			if ins.IsBuiltinCall() && ins.Constant == int64(asm.FnMapLookupElem) {
				found++
			}
		}
		through := passedBy(p.Instructions)
		if found > lookups || len(p.Instructions) > instructions || through > passed {
			t.Errorf("%s has %d lookups in maps and %d instructions, and %d are passed; the budget is %d, %d, %d",
				name, found, len(p.Instructions), through, lookups, instructions, passed)
		}
	}
}

// passedBy counts the instructions of all rows of calls.
func passedBy(code asm.Instructions) int {
	functions, known := make(map[string]asm.Instructions), make(map[string]int)
	for name, part := range functionsIn(code, make(map[string]int)) {
		functions[name] = part
	}
	var of func(name string) int
	of = func(name string) int {
		if known[name] == 0 {
			sum := len(functions[name])
			for _, ins := range functions[name] {
				if ins.IsFunctionCall() {
					sum += of(ins.Reference())
				}
			}
			known[name] = sum
		}
		return known[name]
	}
	return of(code[0].Symbol())
}

// budget are the programs that are loaded, and those of them by fentry and fexit.
func (coll *collection) budget() (programs, slow []string) {
	programs = []string{bpfProgProcessesBefore}
	for _, g := range coll.groups() {
		if g.bus && coll.noBus {
			continue
		}
		method := coll.methods(g)[0]
		programs = append(programs, g.by(method)...)
		if method == byFentry {
			slow = append(slow, g.by(method)...)
		}
	}
	return programs, slow
}

func targetsOf(t *testing.T, programs []string) []string {
	t.Helper()
	spec, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	targets := make(map[string]bool)
	for _, name := range programs {
		targets[spec.Programs[name].AttachTo] = true
	}
	return slices.Sorted(maps.Keys(targets))
}

// TestParseObject: what is wanted is as if all had been read, and nothing else is
// there.
func TestParseObject(t *testing.T) {
	whole, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []settings{{}, {life: true, attach: AttachKprobe}, {life: true, cost: true}} {
		coll := &collection{set: set, moduleProbes: newModuleProbes(groups, func(group) bool { return false })}
		first := coll.firstChoice()
		spec, targets, err := parseObject(brief, func(program string) bool { return first[program] })
		if err != nil {
			t.Fatal(err)
		}
		coll.spec = spec
		for name := range first {
			if spec.Programs[name] == nil {
				t.Errorf("%+v: %s was not read", set, name)
			} else if got, want := len(spec.Programs[name].Instructions), len(whole.Programs[name].Instructions); got != want {
				t.Errorf("%s has %d instructions, want %d", name, got, want)
			}
		}
		if len(spec.Programs) > len(first)+3 { // those that share a section with one of these
			t.Errorf("%+v: %d programs were read, want %d", set, len(spec.Programs), len(first))
		}
		if len(spec.Maps) != len(whole.Maps) || len(spec.Variables) != len(whole.Variables) {
			t.Errorf("%+v: maps or variables are missing", set)
		}
		for name, p := range whole.Programs {
			if !slices.Contains(targets, p.AttachTo) {
				t.Errorf("%s attaches to %s, which is no target", name, p.AttachTo)
			}
			if late, err := coll.program(name); err != nil || !strings.HasPrefix(late.SectionName, p.SectionName) {
				t.Errorf("%s can't be had later", name)
			}
		}
	}
}

// A program that is not there is an error, not a program of none.
func TestProgramThatIsNotThere(t *testing.T) {
	spec, _, err := parseObject(brief, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if p, err := (&collection{spec: spec}).program("none"); err == nil || p != nil {
		t.Errorf("got %v, %v", p, err)
	}
}

// The kernel's part of the memory has a bound: 52 MiB with its worst entries.
func TestMemoryBudget(t *testing.T) {
	list, err := Budgets()
	if err != nil {
		t.Fatal(err)
	}
	var sum uint64
	for _, b := range list {
		sum += b.Bytes
		t.Logf("%8.1f KiB  %6d  %s", float64(b.Bytes)/1024, b.Entries, b.Name)
	}
	t.Logf("%.1f MiB in all", float64(sum)/(1<<20))
	if sum > 52<<20 {
		t.Errorf("%d bytes in all, more than 52 MiB", sum)
	}
}
