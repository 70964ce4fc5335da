package main

import (
	"regexp"
	"strings"
)

var (
	fence     = regexp.MustCompile("^ {0,3}(```+|~~~+)")
	heading   = regexp.MustCompile(`^ {0,3}#{1,6}\s+(.*?)\s*#*$`)
	listItem  = regexp.MustCompile(`^\s*(?:[-*+]|\d+[.)])\s+(.*)$`)
	tableRule = regexp.MustCompile(`^\s*\|?[\s:|-]*-[\s:|-]*$`)
	indented  = regexp.MustCompile(`^(?: {4}|\t)`)
	quote     = regexp.MustCompile(`^ {0,3}>\s?`)
)

// markdown returns the passages of a Markdown file: headings, paragraphs, items
// of lists, cells of tables. Code blocks and comments are left out.
func markdown(file, source string) []passage {
	r := reader{file: file}
	for i, line := range strings.Split(source, "\n") {
		r.read(i+1, line)
	}
	r.end()
	return r.passages
}

// reader reads Markdown line by line.
type reader struct {
	file     string
	passages []passage

	// open is the passage that further lines may belong to.
	open []string
	line int
	// fence closes the code block that the reader is in, empty outside.
	fence string
	// comment is set within a comment of HTML.
	comment bool
	// list is set within a list, in which an indented line is no code.
	list bool
}

func (r *reader) read(number int, line string) {
	switch {
	case r.skip(line):
	case strings.TrimSpace(line) == "":
		r.end()
	case r.open == nil && !r.list && indented.MatchString(line):
		// A block of code.
	default:
		r.text(number, quote.ReplaceAllString(line, ""))
	}
}

// skip reports whether a line is part of a fenced code block or a comment.
func (r *reader) skip(line string) bool {
	switch {
	case r.fence != "":
		if strings.HasPrefix(strings.TrimSpace(line), r.fence) {
			r.fence = ""
		}
	case r.comment:
		r.comment = !strings.Contains(line, "-->")
	case fence.MatchString(line):
		r.end()
		r.fence = fence.FindStringSubmatch(line)[1]
	case strings.HasPrefix(strings.TrimSpace(line), "<!--"):
		r.end()
		r.comment = !strings.Contains(line, "-->")
	default:
		return false
	}
	return true
}

func (r *reader) text(number int, line string) {
	trimmed := strings.TrimSpace(line)
	if m := heading.FindStringSubmatch(line); m != nil {
		r.end()
		r.list = false
		r.passages = append(r.passages, passage{r.file, number, m[1]})
		return
	}
	if strings.HasPrefix(trimmed, "|") {
		r.end()
		r.row(number, trimmed)
		return
	}
	if m := listItem.FindStringSubmatch(line); m != nil {
		r.end()
		r.list = true
		trimmed = m[1]
	} else if r.open == nil {
		r.list = r.list && (line[0] == ' ' || line[0] == '\t')
	}
	if r.open == nil {
		r.line = number
	}
	r.open = append(r.open, trimmed)
}

// row takes the cells of a row of a table, each a passage of its own.
func (r *reader) row(number int, line string) {
	if tableRule.MatchString(line) {
		return
	}
	for _, cell := range cells(line) {
		if cell != "" {
			r.passages = append(r.passages, passage{r.file, number, cell})
		}
	}
}

// cells splits a row at its bars; one behind a backslash is part of a cell.
func cells(line string) []string {
	const bar = "\x00"
	line = strings.ReplaceAll(line, `\|`, bar)
	all := strings.Split(strings.Trim(line, "|"), "|")
	for i := range all {
		all[i] = strings.TrimSpace(strings.ReplaceAll(all[i], bar, "|"))
	}
	return all
}

// end closes the passage.
func (r *reader) end() {
	if r.open != nil {
		r.passages = append(r.passages, passage{r.file, r.line, strings.Join(r.open, " ")})
		r.open = nil
	}
}
