package probe

import (
	"errors"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// costRecord is a record as the BPF programs send it: no longer than it is
// filled.
func costRecord(r bpfCostRecord, ops ...bpfCostOp) []byte {
	r.Kind, r.N = uint32(bpfRecordKindREC_COST), uint32(len(ops))
	copy(r.Op[:], ops)
	size := unsafe.Sizeof(r) - unsafe.Sizeof(r.Op) + uintptr(len(ops))*unsafe.Sizeof(r.Op[0])
	return append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&r)), size)...)
}

// symbols is a kernel that knows some, and how many modules were removed.
type symbols struct {
	list    map[uint64]kernel.Symbol
	removed uint64
	asked   int
	// during is done while the list is being read.
	during func()
}

func (s *symbols) costs() *costs {
	return &costs{
		removed: func() (uint64, error) { return s.removed, nil },
		symbols: func(addresses []uint64) map[uint64]kernel.Symbol {
			s.asked++
			found := make(map[uint64]kernel.Symbol)
			for _, a := range addresses {
				if sym, known := s.list[a]; known {
					found[a] = sym
				}
			}
			if s.during != nil {
				s.during()
			}
			return found
		},
	}
}

func (s *symbols) machine() {
	s.list = map[uint64]kernel.Symbol{
		0x10: {Name: "tcp_sk_init"}, 0x20: {Name: "__ip_vs_init", Module: "ip_vs"}, 0x30: {Name: "fou_net_ops"},
	}
}

func TestCostNames(t *testing.T) {
	var s symbols
	s.machine()
	c := s.costs()
	raw := costRecord(bpfCostRecord{Tid: 7, CallNs: 50, LockNs: 3, Unlisted: 2, UnlistedNs: 9},
		bpfCostOp{Init: 0x10, Ops: 1, DurationNs: 4}, bpfCostOp{Init: 0x20, Ops: 2, DurationNs: 5},
		bpfCostOp{Ops: 0x30, DurationNs: 6}, bpfCostOp{Init: 0x40, DurationNs: 7})
	for range 2 {
		if err := c.take(raw, false); err != nil {
			t.Fatal(err)
		}
		if c.of(7, 51) != nil || c.of(8, 50) != nil {
			t.Error("the cost of another creation")
		}
		want := &event.Cost{LockWaitNS: 3, Unlisted: 2, UnlistedNS: 9, Ops: []event.CostOp{
			{Op: "tcp_sk_init", Subsystem: "tcp_sk", DurationNS: 4},
			{Op: "__ip_vs_init", Subsystem: "ip_vs", Module: "ip_vs", DurationNS: 5},
			{Op: "fou_net_ops", Subsystem: "fou", NoInit: true, DurationNS: 6},
			{DurationNS: 7},
		}}
		if diff := cmp.Diff(want, c.of(7, 50)); diff != "" {
			t.Errorf("cost (-want +got):\n%s", diff)
		}
		if c.of(7, 50) != nil {
			t.Error("claimed twice")
		}
	}
	if s.asked != 1 {
		t.Errorf("the list of symbols was read %d times", s.asked)
	}
}

// Where a module goes, another may get its addresses.
func TestCostOfModulesThatGo(t *testing.T) {
	var s symbols
	s.machine()
	c := s.costs()
	name := func(removed, init uint64) string {
		t.Helper()
		if err := c.take(costRecord(bpfCostRecord{CallNs: 1, ModulesRemoved: removed}, bpfCostOp{Init: init}), true); err != nil {
			t.Fatal(err)
		}
		cost := c.of(0, 1)
		if !cost.LockUnknown {
			t.Error("the lock was not seen")
		}
		return cost.Ops[0].Op
	}
	if got := name(0, 0x20); got != "__ip_vs_init" {
		t.Errorf("got %q", got)
	}
	s.removed, s.list[0x20] = 1, kernel.Symbol{Name: "other_init", Module: "other"}
	if got := name(1, 0x20); got != "other_init" {
		t.Errorf("got %q of what took its place", got)
	}
	if got := name(0, 0x20); got != "" {
		t.Errorf("got %q of a time that is over", got)
	}
	if got := name(0, 0x10); got != "tcp_sk_init" {
		t.Errorf("got %q: the kernel itself stays", got)
	}
	// it goes while the list is read
	s.during = func() { s.removed = 2 }
	s.list[0x50] = kernel.Symbol{Name: "late_init", Module: "late"}
	if got := name(1, 0x50); got != "" {
		t.Errorf("got %q, which may be another's", got)
	}
	s.during = nil
	if got := name(2, 0x50); got != "late_init" {
		t.Errorf("got %q", got)
	}
}

func TestCostRecordCut(t *testing.T) {
	var s symbols
	raw := costRecord(bpfCostRecord{}, bpfCostOp{Init: 1})
	for _, n := range []int{4, 20, len(raw) - 1} {
		if err := s.costs().take(raw[:n], false); !errors.Is(err, errRecord) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	lying := costRecord(bpfCostRecord{}, bpfCostOp{Init: 1})
	lying[int(unsafe.Offsetof(bpfCostRecord{}.N))+2] = 1
	if err := s.costs().take(lying, false); !errors.Is(err, errRecord) {
		t.Errorf("more ops than a record has: %v", err)
	}
}

func TestSubsystem(t *testing.T) {
	for name, want := range map[string]string{
		"tcp_sk_init": "tcp_sk", "inet6_net_init": "inet6", "nf_log_net_init": "nf_log", "__netlink_net_init": "netlink",
		"xfrm_net_init.cold": "xfrm", "_init": "init", "rtnetlink_net_init": "rtnetlink", "fib_net_ops": "fib", "init": "init",
		"net_ns_net_init": "net",
	} {
		if got := subsystem(kernel.Symbol{Name: name}); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := subsystem(kernel.Symbol{Name: "x_init", Module: "y"}); got != "y" {
		t.Errorf("of a module: %q", got)
	}
}
