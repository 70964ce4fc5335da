package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// nsblame has no huge pages, but the command that it starts may have some.
func TestHugePagesAreNotTakenFromCommands(t *testing.T) {
	has := func() string {
		out, err := exec.CommandContext(context.Background(), "grep", "THP_enabled", "/proc/self/status").Output()
		if err != nil {
			t.Skip("this kernel does not say whether a process may have huge pages")
		}
		return strings.Join(strings.Fields(string(out)), " ")
	}
	const yes, no = "THP_enabled: 1", "THP_enabled: 0"
	if has() != yes {
		t.Skip("no process here may have huge pages")
	}
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0) })
	var pages hugePages
	pages.refuse()
	var within string
	if err := pages.allowed(func() error { within = has(); return nil }); err != nil {
		t.Fatal(err)
	}
	if within != yes || has() != no {
		t.Errorf("a command has %q, nsblame %q", within, has())
	}
	var inherited hugePages // whoever started nsblame has refused them
	inherited.refuse()
	if err := inherited.allowed(func() error { within = has(); return nil }); err != nil {
		t.Fatal(err)
	}
	if within != no {
		t.Errorf("a command has %q, want %q as nsblame was started", within, no)
	}
}
