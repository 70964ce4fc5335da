package render

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Wrap breaks a text at its spaces into rows of at most so many cells. A word that is
// longer is broken after a slash, or where the row ends. With a width of 0 there is one row.
//
// The library's own wrapping also breaks at hyphens, and so within an option. Ours
// keeps "--static" whole.
func Wrap(text string, width int) []string {
	if width <= 0 || ansi.StringWidth(text) <= width {
		return []string{text}
	}
	var rows []string
	row, used := strings.Builder{}, 0
	flush := func() {
		rows = append(rows, strings.TrimRight(row.String(), " "))
		row.Reset()
		used = 0
	}
	for word := range strings.SplitAfterSeq(text, " ") {
		bare := ansi.StringWidth(strings.TrimSuffix(word, " "))
		if used > 0 && used+bare > width {
			flush()
		}
		for bare > width {
			head := headOf(word, width)
			if i := strings.LastIndexByte(head, '/'); i > 0 {
				head = head[:i+1] // between the names of a path, if that goes
			}
			row.WriteString(head)
			flush()
			word = word[len(head):]
			bare = ansi.StringWidth(strings.TrimSuffix(word, " "))
		}
		row.WriteString(word)
		used += ansi.StringWidth(word)
	}
	if row.Len() > 0 {
		flush()
	}
	return rows
}

// headOf is as much of a text as fits into so many cells: a character at least, and
// what stands over and under it.
func headOf(text string, cells int) string {
	if head := ansi.Truncate(text, cells, ""); head != "" {
		return head
	}
	cluster, _ := ansi.FirstGraphemeCluster(text, ansi.GraphemeWidth)
	return cluster
}
