package main

import (
	"errors"
	"fmt"
	"os/exec"
	"testing"
)

// A scenario is skipped only if its condition says no. A condition that has said nothing
// is a failure.
func TestIsNo(t *testing.T) {
	run := func(script string) error { return exec.Command("bash", "-c", script).Run() }
	for _, tc := range []struct {
		about string
		err   error
		want  bool
	}{
		{"met", run("true"), false},
		{"not met", fmt.Errorf("script at line 3: %w", run("exit 3")), true},
		{"killed", run("kill -KILL $$"), false},
		{"not done in time", errors.New("not done after 3m0s"), false},
	} {
		if got := isNo(tc.err); got != tc.want {
			t.Errorf("%s (%v): %t, want %t", tc.about, tc.err, got, tc.want)
		}
	}
}
