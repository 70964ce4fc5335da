package vmtest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

// TestScenarios parses the files, so that a mistake in one shows without a VM.
func TestScenarios(t *testing.T) {
	all, err := allScenarios()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Scenarios(Choice{Match: regexp.MustCompile("no such scenario")}); err == nil {
		t.Error("a pattern that matches nothing must be an error")
	}
	// A misspelt name after absent would be absent indeed. So each must occur
	// in another scenario that wants it to be there.
	var absent, present []string
	for _, s := range all {
		for _, b := range s.Expect.Blocks {
			for _, c := range b.Checks {
				if path, ok := strings.CutSuffix(c.String(), " absent"); ok {
					absent = append(absent, path)
				} else {
					present = append(present, c.String())
				}
			}
		}
	}
	for _, path := range absent {
		found := false
		for _, check := range present {
			found = found || strings.HasPrefix(check, path+".") || strings.HasPrefix(check, path+" ")
		}
		if !found {
			t.Errorf("%s absent: no scenario expects it to be present; misspelt?", path)
		}
	}
}

func TestChoice(t *testing.T) {
	for _, tc := range []struct {
		name   string
		choice Choice
		of     scenario.Scenario
		want   []string // the boots that are left, nil if it is not taken
	}{
		{"all", Choice{}, scenario.Scenario{Boots: []string{"plain", "legacy"}}, []string{"plain", "legacy"}},
		{"another name", Choice{Match: regexp.MustCompile("b")}, scenario.Scenario{Name: "a", Boots: []string{"plain"}}, nil},
		{"a draft", Choice{}, scenario.Scenario{Draft: "no probe yet", Boots: []string{"plain"}}, nil},
		{"drafts too", Choice{Drafts: true}, scenario.Scenario{Draft: "no probe yet", Boots: []string{"plain"}}, []string{"plain"}},
		{"apart", Choice{}, scenario.Scenario{Boots: []string{"kubernetes"}}, nil},
		{"apart and wanted", Choice{Boot: "kubernetes"}, scenario.Scenario{Boots: []string{"plain", "kubernetes"}}, []string{"kubernetes"}},
		{"another boot", Choice{Boot: "legacy"}, scenario.Scenario{Boots: []string{"plain"}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			taken := tc.choice.takes(&tc.of)
			if taken != (tc.want != nil) || taken && !slices.Equal(tc.of.Boots, tc.want) {
				t.Errorf("taken %v with %q, want %q", taken, tc.of.Boots, tc.want)
			}
		})
	}
}
