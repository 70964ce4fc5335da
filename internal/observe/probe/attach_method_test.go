package probe

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

func TestMethods(t *testing.T) {
	tracepoint := group{probe: "sched_process_exit", tracepoints: []string{"x"}}
	function := group{probe: "copy_net_ns", pairs: []string{"x"}}
	for _, tc := range []struct {
		name string
		g    group
		set  settings
		want []attachMethod
	}{
		{"a tracepoint has but one", tracepoint, settings{attach: AttachKprobe}, []attachMethod{byTracepoint}},
		{"the best first", function, settings{attach: AttachAuto}, []attachMethod{byFentry, byKprobe}},
		{"no choice is auto", function, settings{}, []attachMethod{byFentry, byKprobe}},
		{"forced", function, settings{attach: AttachFentry}, []attachMethod{byFentry}},
		{"forced", function, settings{attach: AttachKprobe}, []attachMethod{byKprobe}},
		{"preempted", function, settings{attach: AttachAuto, preempts: true}, []attachMethod{byKprobe, byFentry}},
		{"preempted, but forced", function, settings{attach: AttachFentry, preempts: true}, []attachMethod{byFentry}},
		{"preempted, but tables that kprobes must not use", function, settings{preempts: true, fentryOnly: true}, []attachMethod{byFentry}},
		{"tables that kprobes must not use", function, settings{attach: AttachAuto, fentryOnly: true}, []attachMethod{byFentry}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			coll := &collection{set: tc.set}
			if got := coll.methods(tc.g); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// Functions of a module that can be unloaded are probed by what does not hold
// it; one that is built in is a function as any other.
func TestMethodsOfModules(t *testing.T) {
	own := group{probe: event.ProbeIPVS, module: "ip_vs", pairs: []string{"x"}}
	kernel := group{probe: "copy_net_ns", pairs: []string{"x"}}
	for _, builtin := range []bool{false, true} {
		for attach, image := range map[Attach][]attachMethod{
			AttachAuto: {byFentry, byKprobe}, AttachFentry: {byFentry}, AttachKprobe: {byKprobe},
		} {
			coll := &collection{
				set:          settings{attach: attach},
				moduleProbes: newModuleProbes([]group{kernel, own}, func(group) bool { return builtin }),
			}
			want := image
			if !builtin {
				want = []attachMethod{byKprobe}
			}
			if got := coll.methods(own); !slices.Equal(got, want) {
				t.Errorf("%s, built in %v: got %v, want %v", attach, builtin, got, want)
			}
			if got := coll.methods(kernel); !slices.Equal(got, image) {
				t.Errorf("%s: got %v, want %v", attach, got, image)
			}
		}
	}
}

// TestGroups holds the groups against the object: each name that follows from a
// stem is a program, both attach methods probe the same functions, returns come
// before entries, and no program is left over.
func TestGroups(t *testing.T) {
	spec, err := loadBpf()
	if err != nil {
		t.Fatal(err)
	}
	unused := slices.Collect(maps.Keys(spec.Programs))
	hooks := func(names []string) (hooks []string) {
		for _, name := range names {
			p := spec.Programs[name]
			if p == nil {
				t.Fatalf("no program %s", name)
			}
			unused = slices.DeleteFunc(unused, func(n string) bool { return n == name })
			kind, _, _ := strings.Cut(p.SectionName, "/")
			at := "entry"
			if kind == "fexit" || isReturn(p) {
				at = "return"
			}
			hooks = append(hooks, at+" of "+p.AttachTo)
		}
		return hooks
	}
	all := slices.Clone(groups)
	for _, g := range groups {
		all = append(all, g.or...)
	}
	for _, g := range all {
		fentry, kprobe := hooks(g.by(byFentry)), hooks(g.by(byKprobe))
		if tracepoint := len(hooks(g.by(byTracepoint))) > 0; tracepoint == (len(fentry) > 0) {
			t.Errorf("%s: a group has programs on tracepoints or on functions, not both", g.probe)
		}
		if len(g.returns) > 0 { // a kretprobe has no arguments
			kprobe = slices.DeleteFunc(kprobe, func(hook string) bool { return strings.HasPrefix(hook, "entry") })
		}
		if !slices.Equal(fentry, kprobe) {
			t.Errorf("%s: kprobes at %q, fentry and fexit at %q", g.probe, kprobe, fentry)
		}
		if !slices.IsSortedFunc(fentry, func(a, b string) int { return cmp.Compare(b[0], a[0]) }) {
			t.Errorf("%s: an entry comes before a return: %q", g.probe, fentry)
		}
	}
	if want := []string{bpfProgProcessesBefore}; !slices.Equal(unused, want) {
		t.Errorf("no group has %q, want %q", unused, want)
	}
}

// Coverage is kept by the name of the probe. So each group has one of its own,
// and each that the table of probes has is a group's, but for those that only older
// recordings have.
func TestProbesAreToldApart(t *testing.T) {
	unused := slices.DeleteFunc(event.Probes(), func(p event.Probe) bool {
		return p == event.ProbeUnshare // of recordings of before
	})
	for _, g := range groups {
		for _, choice := range append([]group{g}, g.or...) {
			for _, s := range choice.sights() {
				i := slices.Index(unused, s.probe)
				if i < 0 {
					t.Errorf("%s is another group's, or not in the table", s.probe)
					continue
				}
				unused = slices.Delete(unused, i, i+1)
			}
		}
	}
	if older := []event.Probe{event.ProbeSend}; !slices.Equal(unused, older) {
		t.Errorf("no group has %q, want %q", unused, older)
	}
}

func TestAbandoned(t *testing.T) {
	const gone = 1 << 22 // more than the kernel gives
	for _, tc := range []struct{ line, want string }{
		{fmt.Sprintf("r4096:nsblame_%d_0a/copy_net_ns copy_net_ns\n", gone), fmt.Sprintf("nsblame_%d_0a/copy_net_ns", gone)},
		{fmt.Sprintf("r4096:nsblame_%d_0a/copy_net_ns copy_net_ns\n", os.Getpid()), ""},
		{fmt.Sprintf("p:nsblame_%d_0a/copy_net_ns copy_net_ns\n", gone), ""},
		{"r4096:ebpf_0a/copy_net_ns copy_net_ns\n", ""},
		{"r:nsblame_99999999999999999999_0a/x x\n", ""},
		{"", ""},
	} {
		if got := abandoned(tc.line); got != tc.want {
			t.Errorf("%q: got %q, want %q", tc.line, got, tc.want)
		}
	}
}
