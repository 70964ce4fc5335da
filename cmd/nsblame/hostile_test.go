package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/unsupported"
	"github.com/nsblame/nsblame/internal/unraced"
)

// hostileNames are what a command line, a file or a kernel may have in it.
var hostileNames = []string{
	"\x1b[2J\x1b]0;title\a", "a\nb\rc\td\be", "\u202ereversed\u202c", "\u200b\ufeff\u2066", "\u2028\u2029", "\u0085\u009b31m",
	"\xff\xfe", "\x7f", "\u3164\u115f\ufe0f\u2800", strings.Repeat(" ", 4096), "`|<b>#", "%s%n%d", "--\x1b[31m", "-\x1b", "\U000e0041",
}

// harmless fails if out holds anything but newlines that a terminal would act
// upon or not show. Tabs are cobra's, between a word and its description.
func harmless(t *testing.T, what, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Errorf("%s: not UTF-8: %q", what, out)
	}
	for _, r := range out {
		if r == '\n' || r == '\t' || r == ' ' {
			continue
		}
		if r < ' ' || !unicode.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			t.Errorf("%s: %U in %q", what, r, out)
			return
		}
	}
}

// Whatever is on the command line, what nsblame says about it does nothing to a
// terminal. Each mistake is reported, and no command line is accepted.
func TestHostileCommandLines(t *testing.T) {
	unraced.Leave(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	forms := [][]string{
		{"@"},
		{"help", "@"},
		{"trace", "@"},
		{"trace", "--output", "@"},
		{"trace", "--@"},
		{"trace", "--unit", "[@"},
		{"trace", "--attach", "@"},
		{"trace", "--duration", "@"},
		{"trace", "--fail-on", "@"},
		{"record", "-o", "@/x", "--", "true"},
		{"record", "-o", "x", "@"},
		{"replay", "@"},
		{"replay", "hostile.avro"},
		{"report", "@"},
		{"report", "--output", "@"},
		{"doctor", "@"},
		{"completion", "@"},
		{"version", "@"},
		{"__complete", "@", ""},
		{"__complete", "trace", "--output", "@"},
		{"__complete", "trace", "--@", ""},
		{"__complete", "@"},
	}
	dir := t.TempDir()
	for i, name := range hostileNames {
		if err := os.WriteFile(dir+"/hostile.avro", []byte("Obj\x01"+name), 0o600); err != nil {
			t.Fatal(err)
		}
		// A third of the forms with each: all of them take long.
		for j, form := range forms {
			if j%3 != i%3 {
				continue
			}
			args := slices.Clone(form)
			for k := range args {
				args[k] = strings.ReplaceAll(args[k], "@", name)
			}
			cmd := exec.Command(exe, args...)
			cmd.Args[0] = "nsblame-nobody"
			cmd.Dir = dir
			cmd.Env = []string{"PATH=" + dir, "HOME=" + dir}
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
				t.Fatal(err)
			}
			if stdout.Len()+stderr.Len() == 0 {
				t.Errorf("%q: nothing was said", args)
			}
			harmless(t, strings.Join(form, " "), stdout.String())
			harmless(t, strings.Join(form, " "), stderr.String())
		}
	}
}

// Whatever a kernel has in its names and errors, doctor shows it and no more,
// and as JSON it is valid.
func TestHostileFindings(t *testing.T) {
	for _, name := range hostileNames {
		d := diagnosis{
			checks:  []kernel.Finding{{Name: "rights", Verdict: kernel.Missing, Required: true, Detail: name, Remedy: name}},
			probes:  []kernel.Finding{{Name: name, Verdict: kernel.Missing, How: name, Required: true, Detail: name, Remedy: name}},
			blocker: errors.New(name),
		}
		var json bytes.Buffer
		if err := d.writeJSON(&json); err != nil {
			t.Fatal(err)
		}
		text := d.full(false)
		harmless(t, "text", text)
		harmless(t, "brief text", d.brief(false, 80))
		harmless(t, "JSON", json.String())
		if n := bytes.Count(json.Bytes(), []byte("\n")); n != 3 {
			t.Errorf("%q: %d lines of JSON", name, n)
		}
		if n := strings.Count(text, "\n"); n != 8 {
			t.Errorf("%q: %d lines of text:\n%s", name, n, text)
		}
		var stderr bytes.Buffer
		printError(&stderr, unsupported.New(name, name, errors.New(name)))
		harmless(t, "error", stderr.String())
		if n := strings.Count(stderr.String(), "\n"); n != 2 {
			t.Errorf("%q: %d lines of an error", name, n)
		}
	}
}
