package probe

import (
	"cmp"
	"fmt"
	"math/bits"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Budget is a bound of something in the kernel that grows with what processes do.
type Budget struct {
	// Name says what is bounded.
	Name string
	// Entries is how many there are at most. A ring buffer has bytes in their place.
	Entries uint64
	// Bytes is what they take at most.
	Bytes uint64
}

// budgetCPUs is for how many processors Budgets counts what each of them has.
const budgetCPUs = 8

// Budgets returns the bounds of all maps that a trace creates with its default buffer and
// all that can be asked for, the largest first. It needs no rights.
func Budgets() ([]Budget, error) {
	spec, _, err := parseObject(brief, func(string) bool { return false })
	if err != nil {
		return nil, err
	}
	settings{
		ring: DefaultBufferSize, processes: maxProcesses, programs: maxPrograms, cgroups: maxCgroups, cost: true,
	}.size(spec.Maps, budgetCPUs)
	var list []Budget
	for name, m := range spec.Maps {
		bytes, err := memory(m)
		if err != nil {
			return nil, err
		}
		list = append(list, Budget{Name: "kernel: " + name, Entries: uint64(m.MaxEntries), Bytes: bytes})
	}
	slices.SortFunc(list, func(a, b Budget) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	return list, nil
}

const (
	// hashHeader and bucketSize are sizeof(struct htab_elem) and of struct bucket
	// (kernel/bpf/hashtab.c). A kernel that allocates entries on demand has a list node
	// before each (kernel/bpf/memalloc.c).
	hashHeader, bucketSize, listNode = 48, 16, 8
	// lruNode is what an entry of an LRU map has in addition, in its header.
	lruNode = 16
	// ringPages are those of a ring buffer beside its data (kernel/bpf/ringbuf.c).
	ringPages = 3
)

// memory is what a map takes when it is full.
func memory(m *ebpf.MapSpec) (uint64, error) {
	entries, value := uint64(m.MaxEntries), align(uint64(m.ValueSize))
	switch m.Type {
	case ebpf.Hash, ebpf.LRUHash:
		size := hashHeader + align(uint64(m.KeySize)) + value
		if m.Type == ebpf.LRUHash {
			size += lruNode
		}
		if m.Flags&unix.BPF_F_NO_PREALLOC != 0 {
			size = allocated(size + listNode)
		}
		return entries*size + bucketSize*powerOfTwo(entries), nil
	case ebpf.RingBuf:
		return entries + ringPages*uint64(os.Getpagesize()), nil
	case ebpf.Array:
		return entries * value, nil
	case ebpf.PerCPUArray:
		return budgetCPUs * entries * value, nil
	case ebpf.PerCPUHash, ebpf.LRUCPUHash:
		return entries*(hashHeader+lruNode+align(uint64(m.KeySize))+budgetCPUs*value) + bucketSize*powerOfTwo(entries), nil
	default:
		return 0, fmt.Errorf("what a map of type %s takes is not known", m.Type)
	}
}

func align(size uint64) uint64 { return (size + 7) &^ 7 }

func powerOfTwo(n uint64) uint64 { return 1 << bits.Len64(n-1) }

// allocated is what the kernel takes for an object of a size: kmalloc has powers of two,
// and two sizes in between.
func allocated(size uint64) uint64 {
	switch {
	case size > 64 && size <= 96:
		return 96
	case size > 128 && size <= 192:
		return 192
	default:
		return powerOfTwo(size)
	}
}
