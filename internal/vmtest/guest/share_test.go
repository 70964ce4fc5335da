package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nsblame/nsblame/internal/vmtest/link"
	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

func names(list []*scenario.Scenario) []string {
	var all []string
	for _, s := range list {
		all = append(all, s.Name)
	}
	return all
}

func TestParts(t *testing.T) {
	sharing := func(name string) *scenario.Scenario {
		return &scenario.Scenario{Name: name, Args: scenario.DefaultArgs()}
	}
	own := &scenario.Scenario{Name: "own", Args: []string{"doctor"}}
	for name, tt := range map[string]struct {
		plan          link.Plan
		shared, alone []string
	}{
		"both":     {link.Plan{Scenarios: []*scenario.Scenario{sharing("a"), own, sharing("b")}}, []string{"a", "b"}, []string{"own"}},
		"one":      {link.Plan{Scenarios: []*scenario.Scenario{sharing("a"), own}}, nil, []string{"a", "own"}},
		"as asked": {link.Plan{Scenarios: []*scenario.Scenario{sharing("a"), sharing("b")}, Alone: true}, nil, []string{"a", "b"}},
	} {
		shared, alone := (&job{Plan: &tt.plan}).parts()
		if !slices.Equal(names(shared), tt.shared) || !slices.Equal(names(alone), tt.alone) {
			t.Errorf("%s: %v share, %v do not", name, names(shared), names(alone))
		}
	}
}

// What was printed before the steps began tells of earlier times, also if its
// line was not whole then.
func TestPrinted(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "stdout"), []byte("one\ntwo\nthree\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for offset, want := range map[int64]string{
		0: "one\ntwo\nthree\n", 2: "two\nthree\n", 4: "two\nthree\n", 5: "three\n", 14: "",
	} {
		run := &sharedRun{runner: &runner{private: dir}, offset: offset}
		if got, err := run.printed(); err != nil || string(got) != want {
			t.Errorf("after %d bytes: %q, %v; expected %q", offset, got, err, want)
		}
	}
}
