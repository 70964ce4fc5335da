package probe

import (
	"os"
	"os/exec"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// BenchmarkProcessPrograms tells what the probes on every fork, exec and exit of
// the machine take, as the kernel counts it, and what it takes in all. It needs a
// kernel that takes tp_btf programs, and root.
func BenchmarkProcessPrograms(b *testing.B) {
	coll, err := newCollection(choose(Options{Life: true}, kernel.HierarchyUnified))
	if err != nil {
		b.Skip("this kernel or these rights don't allow it: ", err)
	}
	defer coll.Close()
	const tracepoints = 5 // groups, the first ones
	if err := coll.attachGroups(groups[:tracepoints]); err != nil {
		b.Skip("this kernel or these rights don't allow it: ", err)
	}
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = stats.Close() }()
	program, err := exec.LookPath("true")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		child, err := os.StartProcess(program, []string{program}, &os.ProcAttr{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := child.Wait(); err != nil {
			b.Fatal(err)
		}
	}
	for name, p := range coll.programs {
		stats, err := p.Stats()
		if err != nil {
			b.Fatal(err)
		}
		if stats.RunCount > 0 {
			b.ReportMetric(float64(stats.Runtime.Nanoseconds())/float64(stats.RunCount), name+"-ns/run")
		}
	}
}

// Whoever may load a program for a kprobe need not be able to attach it. So the verifier
// of this kernel, at least, can look at all of them, as the loader and as the library
// puts them together.
func TestProgramsAreAccepted(t *testing.T) {
	set := choose(Options{Life: true, Cost: true, Attach: AttachKprobe}, kernel.HierarchyUnified)
	for _, set.preempts = range []bool{false, true} {
		testAccepted(t, set)
	}
}

func testAccepted(t *testing.T, set settings) {
	t.Helper()
	coll, err := newCollection(set)
	skipIfRefused(t, err)
	defer func() { _ = coll.Close() }()
	for _, g := range coll.groups() {
		if g.tracepoints != nil && g.cost && !kernel.LoadsModules() {
			continue // it is on a tracepoint of modules
		}
		for _, choice := range coll.choices(g) {
			if choice.module == "" && !choice.loads {
				names := choice.by(coll.methods(choice)[0])
				skipIfRefused(t, coll.loadPicked(names))
				skipIfRefused(t, coll.loadByLibrary(names))
			}
		}
	}
}
