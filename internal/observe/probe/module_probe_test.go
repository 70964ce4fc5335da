package probe

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

func moduleAt(boot uint64, module string, gone bool) *bpfModuleRecord {
	r := &bpfModuleRecord{Kind: uint32(bpfRecordKindREC_MODULE), BootNs: boot}
	letters(r.Module[:], module)
	if gone {
		r.Unloaded = 1
	}
	return r
}

// A module that goes ends the coverage of its probe, once, at the time at which
// it went; what is to be done is known afterwards.
func TestModuleProbe(t *testing.T) {
	type state struct{ loaded, unloaded, live, behind bool }
	for _, tc := range []struct {
		name    string
		live    bool
		records []*bpfModuleRecord
		want    state
		ended   []uint64
	}{
		{"it comes", false, []*bpfModuleRecord{moduleAt(1, "ip_vs", false)}, state{loaded: true, behind: true}, nil},
		{"it goes", true, []*bpfModuleRecord{moduleAt(1, "ip_vs", true)}, state{unloaded: true, behind: true}, []uint64{1}},
		{
			"it goes and comes again", true,
			[]*bpfModuleRecord{moduleAt(1, "ip_vs", true), moduleAt(2, "ip_vs", false)},
			state{loaded: true, unloaded: true, behind: true},
			[]uint64{1},
		},
		{
			"it comes and goes before anybody looks", false,
			[]*bpfModuleRecord{moduleAt(1, "ip_vs", false), moduleAt(2, "ip_vs", true)},
			state{unloaded: true, behind: true},
			nil,
		},
		{
			"it goes twice", true,
			[]*bpfModuleRecord{
				moduleAt(1, "ip_vs", true), moduleAt(2, "ip_vs", false), moduleAt(3, "ip_vs", true),
			},
			state{unloaded: true, behind: true},
			[]uint64{1},
		},
		{
			"others", true,
			[]*bpfModuleRecord{moduleAt(1, "ip_vs_rr", true), moduleAt(1, "ip", false)},
			state{live: true},
			nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &moduleProbe{group: group{probe: event.ProbeIPVS, module: "ip_vs"}, live: tc.live}
			s := &Source{collection: &collection{moduleProbes: []*moduleProbe{p}}}
			var list []event.Event
			for _, r := range tc.records {
				_, events := s.take(raw(*r))
				list = append(list, events...)
			}
			if got := (state{p.loaded, p.unloaded, p.live, s.behind}); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			var ended []uint64
			for _, ev := range list {
				c := ev.Body.(*event.Coverage)
				if c.Live || !c.Changed || c.Subsystem != "ip_vs" || c.Probe != event.ProbeIPVS || c.Why == "" {
					t.Errorf("got %+v", c)
				}
				ended = append(ended, ev.BootNS)
			}
			if diff := cmp.Diff(tc.ended, ended); diff != "" {
				t.Error(diff)
			}
			if s.bad != 0 {
				t.Errorf("%d records were not understood", s.bad)
			}
		})
	}
}
