package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSentences(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"two", "It ends. It begins.", []string{"It ends.", "It begins."}},
		{"a small letter begins one", "It ends. nsblame begins.", []string{"It ends.", "nsblame begins."}},
		{"question and exclamation", "Who? Me! Yes", []string{"Who?", "Me!", "Yes"}},
		{"in brackets", "It ends (here.) So does this.", []string{"It ends (here.)", "So does this."}},
		{"abbreviations", "Units, e.g. timers, i.e. those of systemd, etc. are units.", []string{"Units, e.g. timers, i.e. those of systemd, etc. are units."}},
		{"versions and files", "Linux 5.10 has no cookie, see docs/kernels.md for more.", []string{"Linux 5.10 has no cookie, see docs/kernels.md for more."}},
		{"an ellipsis", "One, two, ... and more.", []string{"One, two, ... and more."}},
		{"semicolons end none", "One; two: three.", []string{"One; two: three."}},
		{"code is one word", "Call `nsblame report. Now` first.", []string{"Call `nsblame_report._Now` first."}},
		{"a link is its text", "See [the docs](docs/a b.md). Then go.", []string{"See the docs.", "Then go."}},
		{"nothing", "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, sentences(tc.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWords(t *testing.T) {
	if got := words("one `two` - 3 → four-five ( )"); got != 4 {
		t.Errorf("%d words, want 4", got)
	}
}

func TestMarkdown(t *testing.T) {
	source := strings.TrimPrefix(`
# A heading
A paragraph
of two lines.

    code after a blank line

- an item
  and its second line
- another

  its second paragraph
1. a numbered one

Text again.
`+"```"+`
fenced code

    still code
`+"```"+`
> a quote
<!-- a comment
of two lines -->

| a | b |
|---|---|
| one \| more | two |
|  | three |
`, "\n")
	want := []passage{
		{"x.md", 1, "A heading"},
		{"x.md", 2, "A paragraph of two lines."},
		{"x.md", 7, "an item and its second line"},
		{"x.md", 9, "another"},
		{"x.md", 11, "its second paragraph"},
		{"x.md", 12, "a numbered one"},
		{"x.md", 14, "Text again."},
		{"x.md", 20, "a quote"},
		{"x.md", 24, "a"},
		{"x.md", 24, "b"},
		{"x.md", 26, "one | more"},
		{"x.md", 26, "two"},
		{"x.md", 27, "three"},
	}
	if diff := cmp.Diff(want, markdown("x.md", source), cmp.AllowUnexported(passage{})); diff != "" {
		t.Error(diff)
	}
}

const helpOfTrace = `Print a line for each
namespace.

Usage:
  nsblame trace [flags] and what is no sentence

Examples:
  nsblame trace

Flags:
      --unit unit    only those of this unit
  -h, --help         help for trace
`

func TestReadHelp(t *testing.T) {
	run := func(args ...string) (string, error) {
		switch got := strings.Join(args, " "); got {
		case "__complete help ":
			return "trace\tPrint\ncompletion\tGenerate\n:4\n", nil
		case "help":
			return "Root.\n\nAvailable Commands:\n  trace   Print\n", nil
		case "help trace":
			return helpOfTrace, nil
		case "help completion":
			return "of cobra's", nil
		default:
			return "", errors.New(got)
		}
	}
	got, err := readHelp(run)
	if err != nil {
		t.Fatal(err)
	}
	want := []passage{
		{"nsblame help", 1, "Root."},
		{"nsblame help", 4, "Print"},
		{"nsblame help trace", 1, "Print a line for each namespace."},
		{"nsblame help trace", 11, "only those of this unit"},
		{"nsblame help trace", 12, "help for trace"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(passage{})); diff != "" {
		t.Error(diff)
	}
}

func TestComments(t *testing.T) {
	for _, tc := range []struct {
		name, source string
		want         []passage
	}{
		{"a.go", "// One\n// two.\nx := 1 // three\n\n//go:embed x\ny", []passage{{"a.go", 1, "One two. three"}}},
		{"a.h", "/* One\n * two. */\nint x;\n\n// three", []passage{{"a.h", 1, "One two. */"}, {"a.h", 5, "three"}}},
		{"a.sh", "#!/bin/sh\n# One\necho $# # two", []passage{{"a.sh", 2, "One two"}}},
	} {
		if diff := cmp.Diff(tc.want, comments(tc.name, tc.source), cmp.AllowUnexported(passage{})); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

func TestCheck(t *testing.T) {
	long := strings.Repeat("word ", maxWords+1)
	short := strings.Repeat("word ", maxWords)
	for _, tc := range []struct {
		name           string
		read, comments string
		want           error
	}{
		{"short sentences", short + ". " + short + ".", "", nil},
		{"too many long ones", strings.Repeat(long+". ", maxLong+1), "", errProse},
		{"a phrase", "Look whence it came.", "", errProse},
		{"a phrase in code", "Look at `whence`.", "", nil},
		{"a phrase in a comment", "", strings.Repeat("whence ", 100), errProse},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			err := check(&out, []passage{{"a", 1, tc.read}}, []passage{{"b", 1, tc.comments}})
			if !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v\n%s", err, tc.want, out.String())
			}
		})
	}
}
