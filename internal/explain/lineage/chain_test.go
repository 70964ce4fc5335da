package lineage

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

// Ancestors that were described before are described as if they had not been.
func TestChainsAreCurrent(t *testing.T) {
	id := func(n int) event.ProcessID {
		if n == 0 {
			return event.ProcessID{}
		}
		return event.ProcessID{PID: uint32(n), StartNS: uint64(n)}
	}
	rapid.Check(t, func(t *rapid.T) {
		tree := NewTree()
		for n := 1; n < 6; n++ {
			tree.Observe(event.Event{Body: &event.Program{ID: event.ProgramID{Process: id(n)}}})
			tree.Observe(event.Event{Body: &event.Cgroup{ID: event.CgroupID(n % 2)}})
			tree.Observe(event.Event{Body: &event.Process{ID: id(n), Parent: id(max(0, n-1)), Program: event.ProgramID{Process: id(n)}, Cgroup: event.CgroupID(n % 2)}})
		}
		number := func(what string) int { return rapid.IntRange(0, 5).Draw(t, what) }
		for range 60 {
			n := number("of")
			program := event.ProgramID{Process: id(n), Exec: uint32(number("exec") % 2)}
			var b event.Body
			switch number("what") {
			case 0:
				b = &event.Program{ID: program, Argv: []string{rapid.StringN(0, 3, 3).Draw(t, "argv")}}
			case 1:
				b = &event.Cgroup{ID: event.CgroupID(n % 2), Path: "/" + rapid.StringN(0, 3, 3).Draw(t, "path")}
			case 2:
				b = &event.Forget{Process: id(n), Program: program}
				if number("cgroup") == 0 {
					b = &event.Forget{Cgroup: 1}
				}
			case 3:
				b = &event.Damage{Code: rapid.SampledFrom([]event.DamageCode{"", event.DamageTooMuch}).Draw(t, "code")}
			default:
				b = &event.Process{ID: id(n), Parent: id(number("parent")), Program: program, Cgroup: event.CgroupID(n % 2), AncestryCut: number("cut") == 0}
			}
			tree.Observe(event.Event{Body: b})
			of := id(number("whose"))
			list, why := tree.ancestry(of)
			tree.chains = [maxChains]chain{}
			want, wantWhy := tree.ancestry(of)
			if diff := cmp.Diff(want, list); diff != "" || why != wantWhy {
				t.Fatalf("%q, want %q; %s", why, wantWhy, diff)
			}
			for n := range 6 { // for the next turn
				tree.ancestry(id(n))
			}
		}
	})
}
