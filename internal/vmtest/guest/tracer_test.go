package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

func TestArgs(t *testing.T) {
	for given, want := range map[string]string{
		"trace --output json": "trace --ready-file R --exec-wait 10s --name-wait 30s --output json",
		// the last one counts
		"trace --exec-wait 0":  "trace --ready-file R --exec-wait 10s --name-wait 30s --exec-wait 0",
		"record -o F":          "record --ready-file R -o F",
		"doctor":               "doctor",
		"report --duration 1h": "report --ready-file R --exec-wait 10s --name-wait 30s --duration 1h",
	} {
		r := runner{s: &scenario.Scenario{Args: strings.Fields(given)}, private: "/p"}
		if got := r.args(); !slices.Equal(got, strings.Fields(strings.ReplaceAll(want, " R ", " /p/ready "))) {
			t.Errorf("%s: %q, want %q", given, got, want)
		}
	}
}
