package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// make install puts everything below PREFIX in DESTDIR, readable by all, and the
// unit starts what was installed.
func TestInstall(t *testing.T) {
	out, dest := t.TempDir(), t.TempDir()
	if plan := makeIn(t, "-n", "man", "install"); !strings.Contains(plan, "-tags man") || strings.Contains(plan, "warning") {
		t.Errorf("without OUT, make would run\n%s", plan)
	}
	makeIn(t, "OUT="+out, "build", "man")
	makeIn(t, "OUT="+out, "DESTDIR="+dest, "PREFIX=/opt/nsblame", "install")
	prefix := filepath.Join(dest, "opt/nsblame")
	for name, mode := range map[string]fs.FileMode{
		"bin/nsblame": 0o755, "share/man/man1/nsblame.1": 0o644, "share/man/man1/nsblame-record.1": 0o644,
		"lib/systemd/system/nsblame-record.service":    0o644,
		"lib/systemd/system/nsblame-serve.service":     0o644,
		"share/doc/nsblame/examples/nsblame.yaml":      0o644,
		"share/doc/nsblame/examples/nsblame.rules.yml": 0o644,
		"share/doc/nsblame/examples/nsblame.json":      0o644,
		"share/bash-completion/completions/nsblame":    0,
		"share/zsh/site-functions/_nsblame":            0,
		"share/fish/vendor_completions.d/nsblame.fish": 0,
	} {
		info, err := os.Stat(filepath.Join(prefix, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if mode != 0 && info.Mode().Perm() != mode || info.Size() == 0 {
			t.Errorf("%s: %s, %d bytes", name, info.Mode(), info.Size())
		}
	}
	for _, verb := range []string{"record", "serve"} {
		unit := read(t, filepath.Join(prefix, "lib/systemd/system/nsblame-"+verb+".service"))
		if !strings.Contains(unit, "\nExecStart=/opt/nsblame/bin/nsblame "+verb+" ") {
			t.Errorf("the unit of %s starts something else", verb)
		}
		// what is traced must not take the machine's memory by way of nsblame
		for _, setting := range []string{"MemoryMax", "TasksMax", "OOMScoreAdjust"} {
			if !strings.Contains(unit, "\n"+setting+"=") {
				t.Errorf("the unit of %s has no %s=", verb, setting)
			}
		}
	}
	// indented lines of a help text stay lines
	if page := read(t, filepath.Join(prefix, "share/man/man1/nsblame.1")); !strings.Contains(page, "\n1  failed\n2  the command line") {
		t.Errorf("%s", page)
	}
	entries, err := os.ReadDir(dest)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v beside the prefix, %v", entries, err)
	}
}

// makeIn runs make in the root of the tree and returns what it prints.
func makeIn(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("make", append([]string{"--no-print-directory", "-C", "../.."}, args...)...)
	// make test runs this test: what that make was given is not meant for this one
	cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
