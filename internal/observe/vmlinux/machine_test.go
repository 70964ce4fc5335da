package vmlinux

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/cilium/ebpf/btf"
)

func readMachine(file string) ([]byte, error) {
	return os.ReadFile(filepath.Join("/sys/kernel/btf", file))
}

// names are some that programs of ours use, and some that no kernel has.
var someNames = []string{
	"task_struct", "net", "sock", "unix_sock", "iov_iter", "module", "file", "cgroup", "kuid_t", "bpf_func_id",
	"copy_net_ns", "btf_trace_sched_process_fork", "no_such_structure", "no_such_function",
}

// TestMachine compares what is picked with what the library finds.
func TestMachine(t *testing.T) {
	picked, err := Pick(readMachine, someNames)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("this kernel offers no BTF")
	}
	if err != nil {
		t.Fatal(err)
	}
	whole, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	var fn *btf.Func
	if err := whole.TypeByName("copy_net_ns", &fn); err != nil {
		t.Fatal(err)
	}
	want, err := whole.TypeID(fn)
	if got, missing := picked.Function("copy_net_ns"); err != nil || missing != nil || got != want {
		t.Errorf("copy_net_ns: got %d, want %d (%v)", got, want, err)
	}
	var tp *btf.Typedef
	if err := whole.TypeByName("btf_trace_sched_process_fork", &tp); err != nil {
		t.Fatal(err)
	}
	want, err = whole.TypeID(tp)
	if got, missing := picked.Tracepoint("sched_process_fork"); err != nil || missing != nil || got != want {
		t.Errorf("sched_process_fork: got %d, want %d (%v)", got, want, err)
	}
	for _, name := range someNames {
		got, errGot := picked.Spec.AnyTypesByName(name)
		want, errWant := whole.AnyTypesByName(name)
		want = keep(want)
		if len(want) == 0 {
			if !errors.Is(errGot, btf.ErrNotFound) {
				t.Errorf("%s: found, %v", name, errGot)
			}
			continue
		}
		if errGot != nil || errWant != nil || len(got) != len(want) {
			t.Errorf("%s: %d types (%v), want %d (%v)", name, len(got), errGot, len(want), errWant)
			continue
		}
		for i := range got {
			if a, b := outline(got[i], nil), outline(want[i], nil); !reflect.DeepEqual(a, b) {
				t.Errorf("%s: %v, want %v", name, a, b)
			}
		}
	}
}

func keep(types []btf.Type) []btf.Type {
	var list []btf.Type
	for _, typ := range types {
		if _, isFunc := typ.(*btf.Func); !isFunc {
			list = append(list, typ)
		}
	}
	return list
}

// part is a member of a type, or of what that is made of.
type part struct {
	name   string
	offset btf.Bits
	size   int
	bits   btf.Bits
}

func outline(typ btf.Type, to []part) []part {
	size, _ := btf.Sizeof(typ)
	to = append(to, part{name: typ.TypeName(), size: size})
	members := func(list []btf.Member) {
		for _, m := range list {
			to = append(to, part{name: m.Name, offset: m.Offset, bits: m.BitfieldSize})
			to = outline(m.Type, to)
		}
	}
	switch typ := btf.UnderlyingType(typ).(type) {
	case *btf.Struct:
		members(typ.Members)
	case *btf.Union:
		members(typ.Members)
	case *btf.Array:
		return outline(typ.Type, to)
	case *btf.Enum:
		for _, v := range typ.Values {
			to = append(to, part{name: v.Name, offset: btf.Bits(v.Value)})
		}
	}
	return to
}

func BenchmarkPick(b *testing.B) {
	for b.Loop() {
		if _, err := Pick(readMachine, someNames); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLibrary(b *testing.B) {
	for b.Loop() {
		if _, err := btf.LoadKernelSpec(); err != nil {
			b.Fatal(err)
		}
	}
}
