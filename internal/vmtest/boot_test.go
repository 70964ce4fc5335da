package vmtest

import (
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
	}
	for _, tc := range []struct {
		name string
		from []*scenario.Scenario
		want []string
	}{
		{"none", nil, nil},
		{"plain alone boots once", all[1:2], []string{"plain: b"}},
		{"no plain boot where none is needed", all[2:3], []string{"hybrid: c"}},
		{"one boot after the other", all, []string{"plain: b d", "hybrid: a c", "legacy: a d"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, g := range groupByBoot(tc.from) {
				line := g.boot.Name + ":"
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
