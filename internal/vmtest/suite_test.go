package vmtest

import (
	"regexp"
	"strings"
	"testing"
)

// TestScenarios parses the files, so that a mistake in one shows without a VM.
func TestScenarios(t *testing.T) {
	all, err := Scenarios(regexp.MustCompile(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Scenarios(regexp.MustCompile("no such scenario")); err == nil {
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
