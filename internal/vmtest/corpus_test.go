package vmtest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func writeTree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCorpus(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	writeTree(t, from, map[string]string{
		"plain/a/recording.avro": "1", "plain/a/failures": "",
		"early/a/recording.avro": "2", "early/a/failures": "",
		"plain/b/failures": "no recording",
		"vm0-console.log":  "",
	})
	writeTree(t, to, map[string]string{"gone.avro": "", "a.golden": "", "a.avro": "0"})
	names, err := Corpus(CorpusOptions{From: from, To: to})
	if slices.Sort(names); err != nil || !slices.Equal(names, []string{"a.avro", "a.early.avro"}) {
		t.Fatal(names, err)
	}
	for name, want := range map[string]string{"a.avro": "1", "a.early.avro": "2", "a.golden": ""} {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; expected %q", name, got, err, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(to, "*")); len(left) != 3 {
		t.Errorf("left: %v", left)
	}
}

// The recording of a flood would take the room of all others.
func TestCorpusWithoutFloods(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	writeTree(t, from, map[string]string{
		"plain/a/recording.avro": "1", "plain/a/failures": "",
		"plain/attack-flood/recording.avro": "2", "plain/attack-flood/failures": "",
	})
	names, err := Corpus(CorpusOptions{From: from, To: to})
	if err != nil || !slices.Equal(names, []string{"a.avro"}) {
		t.Error(names, err)
	}
}

func TestCorpusAdd(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	writeTree(t, from, map[string]string{"plain/a/recording.avro": "1", "plain/a/failures": ""})
	writeTree(t, to, map[string]string{"other.avro": "", "a.avro": "0"})
	if _, err := Corpus(CorpusOptions{From: from, To: to, Add: true}); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(to, "*.avro")); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

// A corpus of wrong answers would hold everybody to them.
func TestCorpusOfAFailure(t *testing.T) {
	from := t.TempDir()
	writeTree(t, from, map[string]string{"plain/a/recording.avro": "1", "plain/a/failures": "wrong"})
	if names, err := Corpus(CorpusOptions{From: from, To: t.TempDir()}); err == nil {
		t.Error(names)
	}
}
