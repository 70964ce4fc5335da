package render

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// TestGoldensAreAnswers reads every line of the golden files into the type of its
// line and writes it again. A field that a type does not have, has in another
// place, or treats differently where it has nothing to say, makes a difference.
func TestGoldensAreAnswers(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[reflect.Type]bool)
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			if !bytes.HasPrefix(line, []byte(`{"schema"`)) {
				continue
			}
			seen[sameAgain(t, line)] = true
		}
	}
	for _, v := range []any{
		&findings.NetnsCreate{}, &findings.NetnsFor{}, &findings.NetnsRelease{}, &findings.NetnsFree{}, &findings.NetnsJoin{}, &findings.PernetInit{},
		&findings.Coverage{}, &findings.Loss{}, &findings.Damage{}, &findings.Summary{},
		&findings.Report{}, &findings.ListedNetns{}, &findings.ListSummary{},
	} {
		if !seen[reflect.TypeOf(v)] {
			t.Errorf("no golden file has a %T", v)
		}
	}
}

// sameAgain fails unless a line can be read into its type, and is the same when
// written again. It returns the type.
func sameAgain(t fataler, line []byte) reflect.Type {
	v, err := findings.DecodeStrict(line)
	if err != nil {
		t.Fatalf("%v\n%s", err, line)
	}
	var again bytes.Buffer
	if err := findings.Encode(&again, v); err != nil {
		t.Fatalf("%v", err)
	}
	if diff := cmp.Diff(string(line), again.String()); diff != "" {
		t.Fatalf("%T written again (-want +got):\n%s", v, diff)
	}
	return reflect.TypeOf(v)
}

// TestCreationAnswer compares the two ways of writing a creation: the encoder
// of trace's lines, and the types that report and list use.
func TestCreationAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCreation().Draw(t, "creation")
		c.Placement.Manager = event.ManagerUser // it is one of two
		var line, typed bytes.Buffer
		if err := NewJSON(&line).Consume(&finding.Created{Attribution: c, Selected: true}); err != nil {
			t.Fatalf("%v", err)
		}
		a := (&clock{}).creationAnswer(c)
		if err := findings.Encode(&typed, &findings.NetnsCreate{Head: findings.NewHead("netns_create"), Creation: a}); err != nil {
			t.Fatalf("%v", err)
		}
		if diff := cmp.Diff(line.String(), typed.String()); diff != "" {
			t.Fatalf("-line +typed:\n%s", diff)
		}
		sameAgain(t, line.Bytes())
	})
}

// BenchmarkCreationJSON compares the two ways: the hand-written encoder stays as
// long as the types cost more than a tenth.
func BenchmarkCreationJSON(b *testing.B) {
	c := scenarios()[0].c
	b.Run("encoder", func(b *testing.B) {
		var w bytes.Buffer
		p, f := NewJSON(&w), &finding.Created{Attribution: c, Selected: true}
		for b.Loop() {
			w.Reset()
			if err := p.Consume(f); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("types", func(b *testing.B) {
		var w bytes.Buffer
		for b.Loop() {
			w.Reset()
			a := (&clock{}).creationAnswer(c)
			if err := findings.Encode(&w, &findings.NetnsCreate{Head: findings.NewHead("netns_create"), Creation: a}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
