package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// screenPrompt begins a screen of a document: what follows is what the command prints on
// a terminal of 80 columns, up to the end of the indented text. A last line of cutMark
// stands for the rest.
const (
	screenIndent = "    "
	screenPrompt = screenIndent + "$ ./nsblame "
	cutMark      = screenIndent + "…"
)

// TestDocumentedScreens holds the screens of documents against what is printed. Run it
// with -update to renew them.
func TestDocumentedScreens(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	t.Chdir(filepath.Join("..", "..")) // who reads them is there
	t.Setenv("FAKE", "growing")
	survey, day := takeSurvey, today
	takeSurvey, today = fakeSurvey, func() time.Time { return time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) }
	t.Cleanup(func() { takeSurvey, today = survey, day })
	for _, name := range []string{"README.md", "docs/screens.md"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		renewed, screens := renewScreens(t, string(text))
		if screens < 2 {
			t.Errorf("%s has %d screens", name, screens)
		}
		if *update && renewed != string(text) {
			if err := os.WriteFile(name, []byte(renewed), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// renewScreens returns a document with its screens as they are now.
func renewScreens(t *testing.T, text string) (renewed string, screens int) {
	t.Helper()
	lines := strings.Split(text, "\n")
	var out []string
	for i := 0; i < len(lines); i++ {
		out = append(out, lines[i])
		command, ok := strings.CutPrefix(lines[i], screenPrompt)
		if !ok {
			continue
		}
		var old []string
		for i+1 < len(lines) && strings.HasPrefix(lines[i+1], screenIndent) {
			i++
			old = append(old, lines[i])
		}
		now := screenOf(t, command)
		if n := len(old); n > 1 && old[n-1] == cutMark {
			now = append(now[:min(len(now), n-1)], cutMark)
		}
		if got, want := strings.Join(now, "\n"), strings.Join(old, "\n"); got != want && !*update {
			t.Errorf("%s\nnow:\n%s\nthe document has:\n%s", command, got, want)
		}
		out = append(out, now...)
		screens++
	}
	return strings.Join(out, "\n"), screens
}

// screenOf is what a command line prints, indented. top is shown as it begins.
func screenOf(t *testing.T, command string) []string {
	t.Helper()
	args := strings.Fields(command)
	var text []byte
	if args[0] == "top" {
		text = []byte(openTop(t, 80, 24, args[len(args)-1]).text())
	} else {
		text, _ = answerOf(t, args)
	}
	var lines []string
	for line := range strings.Lines(strings.TrimRight(string(text), "\n")) {
		lines = append(lines, strings.TrimRight(screenIndent+line, " \n"))
		if lines[len(lines)-1] == "" {
			lines[len(lines)-1] = screenIndent // stays a part of the screen
		}
	}
	return lines
}
