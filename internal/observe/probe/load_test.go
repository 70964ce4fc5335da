package probe

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// Only programs that need a function have it: of those that take in an exec, all on a kernel
// that may be preempted, and elsewhere the probe on exec alone.
func TestUnneededFunctionsAreLeftOut(t *testing.T) {
	names := []string{bpfProgProcessExec, bpfProgNsfsKretprobe}
	sizes := make(map[string]map[bool]int)
	for _, preempts := range []bool{false, true} {
		set := choose(Options{Attach: AttachKprobe}, kernel.HierarchyUnified)
		set.preempts = preempts
		coll, err := newCollection(set)
		skipIfRefused(t, err)
		t.Cleanup(func() { _ = coll.Close() })
		described, err := btf.NewBuilder(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		l := &loader{maps: coll.maps, types: coll.types, described: described, unneeded: coll.unneeded}
		var specs []*ebpf.ProgramSpec
		for _, name := range names {
			spec, err := coll.program(name)
			if err != nil {
				t.Fatal(err)
			}
			specs = append(specs, spec)
		}
		if err := l.prepare(specs); err != nil {
			t.Fatal(err)
		}
		for _, spec := range specs {
			im, err := l.link(spec)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := l.reached(spec)[takeExec], preempts || spec.Name == bpfProgProcessExec; got != want {
				t.Errorf("%s, preempted %t: it has the function: %t", spec.Name, preempts, got)
			}
			if sizes[spec.Name] == nil {
				sizes[spec.Name] = make(map[bool]int)
			}
			sizes[spec.Name][preempts] = len(im.code)
		}
	}
	if s := sizes[bpfProgProcessExec]; s[false] != s[true] {
		t.Errorf("the probe on exec has sizes %v", s)
	}
	if s := sizes[bpfProgNsfsKretprobe]; s[false] >= s[true] {
		t.Errorf("the probe on nsfs has sizes %v", s)
	}
}
