package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/stream/recording"
)

// examples is where they are, whatever the working directory of a test.
var examples, _ = filepath.Abs(exampleDir)

// recoded is an example with blocks of another codec, and its events by type.
func recoded(t *testing.T, example string, codec recording.Codec) (file []byte, types map[string]int) {
	t.Helper()
	from, err := os.Open(filepath.Join(examples, example))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	r, err := recording.NewReader(from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out bytes.Buffer
	w, err := recording.NewWriter(&out, recording.Options{Stream: fuzzOptions.Stream, Sync: fuzzOptions.Sync, Codec: codec})
	if err != nil {
		t.Fatal(err)
	}
	types = map[string]int{"nsblame.Close": 1}
	for {
		var ev event.Event
		if ev, err = r.Next(); err != nil {
			break
		}
		types["nsblame."+recording.Kind(ev.Body)]++
		if err := w.Write(ev); err != nil {
			t.Fatal(err)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), types
}

// Every verb that reads a recording says the same of it, whatever its codec.
func TestCodecsReadTheSame(t *testing.T) {
	for example, what := range map[string]string{"hostnamectl.avro": "4026532216", "kubernetes.avro": "broken/job-node1"} {
		answers := make([]map[string]string, len(recording.Codecs))
		for i, codec := range recording.Codecs {
			file, _ := recoded(t, example, codec)
			t.Chdir(t.TempDir())
			if err := os.WriteFile("r.avro", file, 0o600); err != nil {
				t.Fatal(err)
			}
			answers[i] = everyAnswer(t, "r.avro", what)
		}
		for i, codec := range recording.Codecs[1:] {
			if d := gocmp.Diff(answers[0], answers[i+1]); d != "" {
				t.Errorf("%s with %s: (-%s +%s):\n%s", example, codec, recording.Codecs[0], codec, d)
			}
		}
	}
}

// everyAnswer is what each verb says of a recording, and what it writes.
func everyAnswer(t *testing.T, file, what string) map[string]string {
	t.Helper()
	answers := map[string]string{}
	for _, line := range []string{
		"replay", "replay --tree --life", "replay --output json", "report --all", "report --output json", "report --output markdown",
		"report --output html", "report --cause 1", "dump", "export --to ndjson", "replay --fail-on leaked",
	} {
		stdout, stderr := answerOf(t, append(strings.Fields(line), file))
		answers[line] = string(stdout) + string(stderr)
	}
	stdout, stderr := answerOf(t, []string{"explain", what, "--match", "1", "--from", file})
	answers["explain"] = string(stdout) + string(stderr)
	for line, answer := range answers {
		if answer == "" || strings.Contains(answer, "exit code") && !strings.Contains(line, "--fail-on") && !strings.HasPrefix(line, "export/") {
			t.Errorf("%s: %.300s", line, answer)
		}
	}
	err := filepath.WalkDir("export", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		answers[path] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

// With each codec, replay reports a flipped bit, and its exit code is 1.
func TestCodecsTellDamage(t *testing.T) {
	for _, codec := range recording.Codecs {
		file, _ := recoded(t, "hostnamectl.avro", codec)
		file[len(file)/2] ^= 1
		name := filepath.Join(t.TempDir(), "r.avro")
		if err := os.WriteFile(name, file, 0o600); err != nil {
			t.Fatal(err)
		}
		_, stderr := answerOf(t, []string{"replay", name})
		if !strings.Contains(string(stderr), "exit code 1\n") {
			t.Errorf("%s: %s", codec, stderr)
		}
	}
}

// A library that knows nothing of nsblame, and no zstandard, reads the records of a
// recording with deflate.
func TestOtherReaders(t *testing.T) {
	modules := os.Getenv("NSBLAME_DUCKDB")
	if modules == "" {
		t.Skip("it takes avsc of npm: make unraced has it")
	}
	script, err := filepath.Abs("testdata/avsc.mjs")
	if err != nil {
		t.Fatal(err)
	}
	for _, codec := range recording.Codecs {
		file, want := recoded(t, "kubernetes.avro", codec)
		name := filepath.Join(t.TempDir(), "r.avro")
		if err := os.WriteFile(name, file, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("node", script, name).Output()
		if codec == recording.Zstandard {
			var failed *exec.ExitError
			if !errors.As(err, &failed) || !strings.Contains(string(failed.Stderr), "zstandard") {
				t.Errorf("with zstandard: %v: docs/recording.md says that avsc does not know it", err)
			}
			continue
		}
		if err != nil {
			t.Fatal(asExit(err))
		}
		got := map[string]int{}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", out, err))
		}
		if d := gocmp.Diff(want, got); d != "" {
			t.Errorf("types of the records (-written +read):\n%s", d)
		}
	}
}

// asExit has what a program said that failed.
func asExit(err error) error {
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	return err
}
