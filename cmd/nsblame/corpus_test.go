package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/unraced"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/txtar"
)

// corpusDir holds what the scenarios recorded: RELEASE/SCENARIO.avro, or
// RELEASE/SCENARIO.BOOT.avro for a boot other than the plain one. Beside each
// recording stands a golden file with all that nsblame says of it.
const corpusDir = "testdata/corpus"

// exampleDir holds the recordings for people to try, exampleGoldens the golden
// files of them. Unlike those of the corpus they are made by the version that
// they come with, so that the form that it writes is held, too.
const (
	exampleDir     = "../../examples"
	exampleGoldens = corpusDir + "/examples"
)

// maxCorpus bounds the size of all recordings together.
const maxCorpus = 6 << 20

// corpusAnswers are the sections of a golden file and the command lines that
// print them.
var corpusAnswers = []struct {
	section string
	args    []string
}{
	{"trace", []string{"replay"}},
	{"tree", []string{"replay", "--tree", "--life"}},
	{"json", []string{"replay", "--output", "json"}},
	{"report", []string{"report", "--all"}},
	{"report-json", []string{"report", "--output", "json"}},
}

// raceCorpus is of how many recordings one is replayed under the race detector, which makes
// that ten times as long. make unraced replays all.
const raceCorpus = 8

// TestCorpus holds every answer of nsblame about every recorded scenario
// against its golden file. Run it with -update to accept new answers, and commit
// the golden files alone, with the reason.
func TestCorpus(t *testing.T) {
	if err := os.Unsetenv("COLUMNS"); err != nil { // a screen is 80 columns wide then
		t.Fatal(err)
	}
	recordings := corpusRecordings(t)
	if len(recordings) == 0 {
		t.Fatal("no recordings: make corpus writes them")
	}
	for _, recording := range filesIn(t, exampleDir, "*.avro") {
		name := strings.TrimSuffix(filepath.Base(recording), ".avro")
		t.Run("examples/"+name, func(t *testing.T) {
			t.Parallel()
			checkGolden(t, filepath.Join(exampleGoldens, name+".golden"), corpusAnswer(t, recording))
		})
	}
	for i, recording := range recordings {
		if unraced.Raced && i%raceCorpus != 0 {
			continue
		}
		base := strings.TrimSuffix(recording, ".avro")
		t.Run(strings.TrimPrefix(filepath.ToSlash(base), corpusDir+"/"), func(t *testing.T) {
			t.Parallel()
			checkGolden(t, base+".golden", corpusAnswer(t, recording))
		})
	}
}

// TestCorpusFiles holds the corpus to its size, and finds golden files without a
// recording.
func TestCorpusFiles(t *testing.T) {
	var size int64
	known := map[string]bool{}
	for _, recording := range corpusRecordings(t) {
		info, err := os.Stat(recording)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
		known[strings.TrimSuffix(recording, ".avro")+".golden"] = true
	}
	for _, recording := range filesIn(t, exampleDir, "*.avro") {
		name := strings.TrimSuffix(filepath.Base(recording), ".avro")
		known[filepath.Join(exampleGoldens, name+".golden")] = true
	}
	if size > maxCorpus {
		t.Errorf("the recordings have %d bytes, more than %d: leave the largest out", size, maxCorpus)
	}
	for _, golden := range corpusFiles(t, ".golden") {
		if known[golden] {
			continue
		}
		if *update {
			if err := os.Remove(golden); err != nil {
				t.Error(err)
			}
			continue
		}
		t.Errorf("%s: its recording is gone; -update removes it", golden)
	}
}

func corpusRecordings(t *testing.T) []string { t.Helper(); return corpusFiles(t, ".avro") }

func corpusFiles(t *testing.T, ext string) []string {
	t.Helper()
	return filesIn(t, corpusDir, filepath.Join("*", "*"+ext))
}

func filesIn(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// corpusAnswer returns all that nsblame says of a recording.
func corpusAnswer(t *testing.T, recording string) []byte {
	t.Helper()
	archive := &txtar.Archive{}
	for _, a := range corpusAnswers {
		stdout, stderr := answerOf(t, append(a.args, recording))
		if strings.HasSuffix(a.section, "json") {
			checkTypes(t, stdout)
		}
		archive.Files = append(archive.Files, txtar.File{Name: a.section, Data: readable(withoutExamples(stdout))})
		if a.section == "trace" {
			archive.Files = append(archive.Files, txtar.File{Name: "stderr", Data: stderr})
		}
	}
	return txtar.Format(archive)
}

// checkTypes fails unless each line is the same after it was read into the struct
// of its type.
func checkTypes(t *testing.T, lines []byte) {
	t.Helper()
	for line := range bytes.Lines(lines) {
		v, err := findings.DecodeStrict(line)
		if err != nil {
			t.Errorf("%v\n%s", err, line)
			continue
		}
		var again bytes.Buffer
		if err := findings.Encode(&again, v); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), line) {
			t.Errorf("as %T:\n%s", v, diff.Diff("written", breakJSON(line), "written again", breakJSON(again.Bytes())))
		}
	}
}

// answerOf runs a command line. Its error is part of stderr, as for a user.
func answerOf(t *testing.T, args []string) (stdout, stderr []byte) {
	t.Helper()
	var out, said bytes.Buffer
	root := newRootCmd()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&said)
	err := root.ExecuteContext(context.Background())
	printError(&said, err)
	if code := exitCode(err); code != exitDone {
		fmt.Fprintf(&said, "exit code %d\n", code)
	}
	return out.Bytes(), said.Bytes()
}

func checkGolden(t *testing.T, golden string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(golden)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		t.Fatal(err)
	case err == nil && bytes.Equal(got, want):
	case *update:
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("another answer than before:\n%s", firstLines(diff.Diff("before", want, "now", got), 60))
	}
}

func firstLines(text []byte, n int) string {
	lines := strings.SplitAfter(string(text), "\n")
	if len(lines) <= n {
		return string(text)
	}
	return strings.Join(lines[:n], "") + fmt.Sprintf("… %d more lines\n", len(lines)-n)
}

const (
	// maxShown is how much of an answer a golden file shows; of what follows it
	// has a digest a line.
	maxShown = 24 << 10
	// maxBroken is the length from which JSON is broken into lines.
	maxBroken = 300
	// maxLine is how much of a single line is shown.
	maxLine = 500
)

// readable lays an answer out for a reader of golden files, and loses nothing
// that a comparison needs: JSON is broken into lines at its commas, and what
// is too long or too much is shortened to a digest of it.
func readable(answer []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(answer) {
		if out.Len() > maxShown {
			fmt.Fprintf(&out, "digest %s\n", digest(line))
			continue
		}
		if json.Valid(line) {
			line = breakJSON(line)
		}
		for part := range bytes.Lines(line) {
			if len(part) > maxLine {
				part = fmt.Appendf(nil, "%s… digest %s\n", bytes.ToValidUTF8(part[:maxLine], nil), digest(part))
			}
			out.Write(part)
		}
	}
	return out.Bytes()
}

// withoutExamples puts digests in place of the examples of a report in JSON. They
// are creations, which the section json shows in full.
func withoutExamples(answer []byte) []byte {
	begin := []byte(`"example":{`)
	var out bytes.Buffer
	for {
		before, rest, found := bytes.Cut(answer, begin)
		out.Write(before)
		if !found {
			return out.Bytes()
		}
		example := append([]byte("{"), rest...)
		end := closing(example)[0]
		fmt.Fprintf(&out, `"example":"digest %s"`, digest(example[:end+1]))
		answer = example[end+1:]
	}
}

func digest(line []byte) string { return fmt.Sprintf("%.4x", sha256.Sum256(line)) }

// breakJSON inserts line breaks into a JSON value: every member of what is too
// long for one line gets a line of its own. The bytes are the same otherwise.
func breakJSON(value []byte) []byte {
	ends := closing(value)
	var out bytes.Buffer
	broken := []bool{} // whether what is open has been broken, by depth
	newLine := func() {
		out.WriteByte('\n')
		for _, is := range broken {
			if is {
				out.WriteByte(' ')
			}
		}
	}
	quoted := false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case quoted && c == '\\':
			out.WriteByte(c)
			i++
			c = value[i]
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			out.WriteByte(c)
			broken = append(broken, ends[i]-i > maxBroken)
			if broken[len(broken)-1] {
				newLine()
			}
			continue
		case c == '}' || c == ']':
			broken = broken[:len(broken)-1]
		case c == ',' && broken[len(broken)-1]:
			out.WriteByte(c)
			newLine()
			continue
		}
		out.WriteByte(c)
	}
	return out.Bytes()
}

// closing returns where each bracket of the JSON value at the beginning is closed.
func closing(value []byte) map[int]int {
	ends := map[int]int{}
	var open []int
	quoted := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			open = append(open, i)
		case c == '}' || c == ']':
			ends[open[len(open)-1]] = i
			if open = open[:len(open)-1]; len(open) == 0 {
				return ends
			}
		}
	}
	return ends
}

// Of an example only its digest stays.
func TestWithoutExamples(t *testing.T) {
	value := `{"causes":[{"example":{"a":"}"},"b":1},{"example":{}}],"c":2}`
	want := fmt.Sprintf(`{"causes":[{"example":"digest %s","b":1},{"example":"digest %s"}],"c":2}`,
		digest([]byte(`{"a":"}"}`)), digest([]byte(`{}`)))
	if got := string(withoutExamples([]byte(value))); got != want {
		t.Errorf("got:\n%s\nexpected:\n%s", got, want)
	}
}

// Breaking JSON into lines adds nothing but the breaks.
func TestBreakJSON(t *testing.T) {
	long := strings.Repeat("x", maxBroken)
	value := `{"a":[1,{"b":"` + long + `,{\"[","c":2}],"d":{"e":3,"f":[]}}` + "\n"
	want := "{\n \"a\":[\n  1,\n  {\n   \"b\":\"" + long + `,{\"[",` + "\n   \"c\":2}],\n \"d\":{\"e\":3,\"f\":[]}}\n"
	if got := string(breakJSON([]byte(value))); got != want {
		t.Errorf("got:\n%s\nexpected:\n%s", got, want)
	}
}
