package vmtest

import (
	"fmt"
	"slices"
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
