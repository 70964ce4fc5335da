package vmtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

func TestGroupByBoot(t *testing.T) {
	all := []*scenario.Scenario{
		{Name: "a", Boots: []string{"legacy", "hybrid"}},
		{Name: "b", Boots: []string{"plain"}},
		{Name: "c", Boots: []string{"hybrid"}},
		{Name: "d", Boots: []string{"plain", "legacy"}},
		{Name: "e", Boots: []string{"hybrid"}, CPUs: 2},
	}
	for _, tc := range []struct {
		name string
		from []*scenario.Scenario
		cpus int
		want []string
	}{
		{"none", nil, 1, nil},
		{"plain alone boots once", all[1:2], 1, []string{"plain on 1: b"}},
		{"no plain boot where none is needed", all[2:3], 1, []string{"hybrid on 1: c"}},
		{"one boot after the other", all[:4], 1, []string{"plain on 1: b d", "hybrid on 1: a c", "legacy on 1: a d"}},
		{"one that needs more CPUs", all, 1, []string{"plain on 1: b d", "hybrid on 1: a c", "hybrid on 2: e", "legacy on 1: a d"}},
		{"enough for all", all, 2, []string{"plain on 2: b d", "hybrid on 2: a c e", "legacy on 2: a d"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, g := range groupByBoot(tc.from, tc.cpus) {
				line := fmt.Sprintf("%s on %d:", g.boot.Name, g.cpus)
				for _, s := range g.scenarios {
					line += " " + s.Name
				}
				got = append(got, line)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestCheckBoots(t *testing.T) {
	for _, tc := range []struct {
		name     string
		scenario scenario.Scenario
		reason   string // empty if all is well
	}{
		{"known", scenario.Scenario{Boots: []string{"plain", "legacy"}}, ""},
		{"unknown", scenario.Scenario{Boots: []string{"plain", "warm"}}, `unknown boot "warm"`},
		{"nsblame at boot", scenario.Scenario{Boots: []string{"early"}, AtBoot: true}, ""},
		{"no nsblame at boot", scenario.Scenario{Boots: []string{"early", "plain"}, AtBoot: true}, "boot plain starts no nsblame"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := checkBoots(&tc.scenario)
			if tc.reason == "" && err != nil || tc.reason != "" && (err == nil || !strings.Contains(err.Error(), tc.reason)) {
				t.Errorf("error %v, want one that mentions %q", err, tc.reason)
			}
		})
	}
}

func TestLabel(t *testing.T) {
	for boot, want := range map[string]string{"plain": "x", "hybrid": "x [hybrid]"} {
		b, err := FindBoot(boot)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.label("x"); got != want {
			t.Errorf("%s: %q, want %q", boot, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	many := func(boot string, n int) group {
		b, err := FindBoot(boot)
		if err != nil {
			t.Fatal(err)
		}
		g := group{boot: b}
		for i := range n {
			g.scenarios = append(g.scenarios, &scenario.Scenario{Name: strconv.Itoa(i)})
		}
		return g
	}
	for _, tc := range []struct {
		name string
		from []group
		vms  int
		want []string
	}{
		{"one VM", []group{many("plain", 100)}, 1, []string{"plain 100"}},
		{"one that takes long", []group{many("plain", 30), many("roomy", 1)}, 2, []string{"roomy 1", "plain 15", "plain 15"}},
		{"an odd number", []group{many("legacy", 3), many("plain", 101)}, 2, []string{"plain 51", "plain 50", "legacy 3"}},
		{"few are not worth it", []group{many("plain", worthBooting*2-1)}, 2, []string{"plain 23"}},
		{"nor are some for each of many", []group{many("plain", 30)}, 4, []string{"plain 15", "plain 15"}},
		{"nsblame at boot", []group{many("early", 40)}, 2, []string{"early 40"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			before, after := 0, map[*scenario.Scenario]bool{}
			for _, g := range tc.from {
				before += len(g.scenarios)
			}
			for _, g := range split(tc.from, tc.vms) {
				got = append(got, fmt.Sprint(g.boot.Name, " ", len(g.scenarios)))
				for _, s := range g.scenarios {
					after[s] = true
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if len(after) != before {
				t.Errorf("%d scenarios became %d", before, len(after))
			}
		})
	}
}
