package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// settingsOf reads settings as serve would, and returns what they came to.
func settingsOf(t *testing.T, file string, environ []string, args ...string) (*cobra.Command, origins, string, error) {
	t.Helper()
	cmd := newServeCmd()
	var stderr bytes.Buffer
	cmd.SetErr(&stderr)
	if err := cmd.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	name := ""
	if file != "" {
		name = filepath.Join(t.TempDir(), "nsblame.yaml")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	from, err := readSettings(cmd, name, environ)
	return cmd, from, stderr.String(), err
}

// A flag wins over the environment, and that over the file.
func TestSettingsPrecede(t *testing.T) {
	const file = "rotate-size: 1M\nrotate-files: 3\nexec-wait: 2s\nlisten:\n- 127.0.0.1:1\n- 127.0.0.1:2\ncost: true\n"
	environ := []string{"NSBLAME_ROTATE_SIZE=2M", "NSBLAME_ROTATE_FILES=4", "PATH=/bin", "NSBLAME_CACHE=/x", "NSBLAME_CONFIG=/y"}
	cmd, from, warned, err := settingsOf(t, file, environ, "--rotate-size", "3M")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"rotate-size": "3M command line", "rotate-files": "4 environment", "exec-wait": "2s file",
		"listen": "[127.0.0.1:1,127.0.0.1:2] file", "cost": "true file", "record-dir": "/var/lib/nsblame ",
	} {
		if got := cmd.Flags().Lookup(name).Value.String() + " " + from[name]; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(warned, "NSBLAME_CACHE is no setting") || !strings.Contains(warned, "NSBLAME_CONFIG is no setting") || strings.Contains(warned, "ROTATE") {
		t.Errorf("warned of %q", warned)
	}
}

// A mistake in a file is named with its line.
func TestSettingsMistakes(t *testing.T) {
	for file, want := range map[string]string{
		"cost: true\nlistn: x\n":               `line 2, "listn": it is no setting; settings are listen, `,
		"config: /x\n":                         `line 1, "config": it is no setting`,
		"check: true\n":                        `line 1, "check": it is no setting`,
		"# first\n\nrotate-size: big\n":        `line 3, "rotate-size": "big": not a number of bytes`,
		"rotate-size: [1M, 2M]\n":              `line 1, "rotate-size": it takes one value`,
		"cost: true\ncost: false\n":            `line 2, "cost": it is there twice`,
		"cost:\n":                              `line 1, "cost": it has no value`,
		"listen: []\n":                         `line 1, "listen": its value must be`,
		"listen: {a: b}\n":                     `line 1, "listen": its value must be`,
		"a: &x 127.0.0.1:1\nlisten: *x\n":      `line 1, "a": it is no setting`,
		"listen: &x 127.0.0.1:1\ncost: *x\n":   `line 2, "cost": its value must be`,
		"[1, 2]\n":                             `line 1: it must be one list of key: value`,
		"cost: true\n---\ncost: true\n":        `it must be one list of key: value`,
		"cost: [\n":                            "yaml: ",
		"cost: maybe\n":                        `line 1, "cost": "maybe": `,
		strings.Repeat("# a comment\n", 10000): "more than 64 KiB",
		"? [a]\n: b\n":                         "line 1: it is no setting",
		"\x00":                                 "yaml: ",
		"redact: nothing\n":                    `line 1, "redact": "nothing": not one of the values allowed`,
	} {
		_, _, _, err := settingsOf(t, file, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", file, err, want)
		}
	}
	for _, file := range []string{"# nothing\n", "\n", "---\n"} {
		if _, _, _, err := settingsOf(t, file, nil); err != nil {
			t.Errorf("%q: %v", file, err)
		}
	}
	if _, _, _, err := settingsOf(t, "", []string{"NSBLAME_EXEC_WAIT=5"}); err == nil || !strings.Contains(err.Error(), "NSBLAME_EXEC_WAIT: ") {
		t.Error(err)
	}
	cmd := newServeCmd()
	if _, err := readSettings(cmd, "/does/not/exist", nil); err == nil || !strings.Contains(err.Error(), `--config "/does/not/exist": no such file`) {
		t.Error(err)
	}
}

// --check prints what is in force, in a form that is read again to the same.
func TestServeCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nsblame.yaml")
	if err := os.WriteFile(file, []byte("rotate-files: 3\nrecord-dir: ''\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(name string) string {
		t.Helper()
		root := newRootCmd()
		var out, stderr bytes.Buffer
		root.SetArgs([]string{"serve", "--config", name, "--check"})
		root.SetOut(&out)
		root.SetErr(&stderr)
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatalf("%v: %s", err, stderr.String())
		}
		return out.String()
	}
	first := check(file)
	for _, want := range []string{
		"rotate-files: 3 # file\n", "record-dir: '' # file\n", "rotate-size: 64M # default\n",
		"listen: ['unix:/run/nsblame/nsblame.sock', '127.0.0.1:9977'] # default\n", "name-wait: 30s # default\n",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("lacks %q:\n%s", want, first)
		}
	}
	var kept strings.Builder
	for line := range strings.Lines(first) {
		// those that may be given only if they are more
		if !strings.Contains(line, ": \"0\" #") && !strings.Contains(line, ": 0 #") && !strings.Contains(line, ": '' # default") {
			kept.WriteString(line)
		}
	}
	if err := os.WriteFile(file+".again", []byte(kept.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	again := check(file + ".again")
	if kept.Len() == 0 || strip(first) != strip(again) {
		t.Errorf("again:\n%s", again)
	}
}

// strip drops the comments.
func strip(text string) (out string) {
	for line := range strings.Lines(text) {
		value, _, _ := strings.Cut(line, " #")
		out += strings.TrimSpace(value) + "\n"
	}
	return out
}

// The example has the defaults, and every key of it is one.
func TestServeExample(t *testing.T) {
	raw, err := os.ReadFile("../../contrib/nsblame.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if cmd, from, _, err := settingsOf(t, string(raw), nil); err != nil || len(from) != 0 || cmd == nil {
		t.Errorf("%v, %v", from, err)
	}
	given := make(map[string]bool)
	for line := range strings.Lines(string(raw)) {
		line, ok := strings.CutPrefix(line, "#")
		if key, _, isKey := strings.Cut(line, ": "); ok && isKey && !strings.Contains(key, " ") {
			cmd, from, _, err := settingsOf(t, line, nil)
			f := cmd.Flags().Lookup(key)
			if err != nil || f == nil || from[key] != "file" {
				t.Errorf("%q: %v", line, err)
				continue
			}
			isDefault := f.Value.String() == newServeCmd().Flags().Lookup(key).Value.String()
			// a second one of a key, and those that have no default, show how else
			if shows := given[key] || strings.Contains(key, "t") && (strings.HasPrefix(key, "t") || key == "redact" || strings.HasPrefix(key, "otlp")); isDefault == shows {
				t.Errorf("%q is the default: %v", line, isDefault)
			}
			given[key] = true
		}
	}
	if len(given) < 8 {
		t.Errorf("only %v", given)
	}
}
