package main

import (
	"fmt"
	"io"
	"regexp"
)

// phrase is a turn of speech that a reader has to read twice.
type phrase struct {
	pattern *regexp.Regexp
	instead string
	// comments is how many there still are in comments. It may only become
	// smaller; in documents and help there is none.
	comments int
}

var phrases = []phrase{
	{regexp.MustCompile(`(?i)\bso manieth\b`), "the ordinal of", 0},
	{regexp.MustCompile(`(?i)\b(?:whence|thence|hither|thither)\b`), "from where", 0},
	{regexp.MustCompile(`(?i)\bbe it\b`), "whether", 0},
	{regexp.MustCompile(`(?i)\bas far as\b`), "what, where, until", 0},
	{regexp.MustCompile(`(?i)\bfor want of\b`), "without", 0},
	{regexp.MustCompile(`(?i)\bfor the sake of\b`), "for", 0},
	{regexp.MustCompile(`(?i)\b(?:is|are|was|were|be|been) told\b`), "reported", 0},
	{regexp.MustCompile(`(?i)\blest\b`), "so that not", 0},
}

// checkPhrases reports to out which phrases there are, and returns true if
// there are too many.
func checkPhrases(out io.Writer, read, comments []passage) (bad bool) {
	for _, p := range phrases {
		found := p.in(read)
		old := p.in(comments)
		switch {
		case len(old) > p.comments:
			found = append(found, old...)
			fmt.Fprintf(out, "prose: %d comments have %s, %d may\n", len(old), p.pattern, p.comments)
		case len(old) < p.comments:
			fmt.Fprintf(out, "prose: only %d comments have %s: lower the number in phrase.go\n", len(old), p.pattern)
		}
		for _, at := range found {
			bad = true
			fmt.Fprintf(out, "%s:%d: %q: say %q\n", at.file, at.line, at.text, p.instead)
		}
	}
	return bad
}

// in returns the places of the phrase; code is left out.
func (p phrase) in(passages []passage) []passage {
	var found []passage
	for _, at := range passages {
		for _, m := range p.pattern.FindAllString(codeSpan.ReplaceAllString(at.text, "`"), -1) {
			found = append(found, passage{at.file, at.line, m})
		}
	}
	return found
}
