package render

import (
	"fmt"
	"strings"
	"unicode"
)

// markdown lays a report out as CommonMark, in lists and fenced blocks: in a
// table a "|" would have to be escaped even within code.
type markdown struct{}

func (m markdown) document(d *document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Network namespaces\n\n%s.\n\n", m.phrase(d.title))
	for _, gap := range d.gaps {
		if d.complete {
			fmt.Fprintf(&b, "- %s\n", m.phrase(gap))
			continue
		}
		fmt.Fprintf(&b, "- **Missing**: %s\n", m.phrase(gap))
	}
	if d.costs != nil {
		fmt.Fprintf(&b, "\n## Costs\n\n%s.\n\n", m.phrase(d.costs.title))
		for _, p := range d.costs.items {
			fmt.Fprintf(&b, "- %s\n", m.phrase(p))
		}
	}
	for i := range d.causes {
		m.section(&b, &d.causes[i])
	}
	if d.more != "" {
		fmt.Fprintf(&b, "\n%s.\n", markWords(d.more))
	}
	if len(d.loads) > 0 {
		fmt.Fprintf(&b, "\n## Modules\n\n%s:\n\n", loadsTitle)
	}
	for _, p := range d.loads {
		fmt.Fprintf(&b, "- %s\n", m.phrase(p))
	}
	b.WriteString("\n## Units that created none\n\n")
	for _, p := range d.suspects {
		fmt.Fprintf(&b, "%s.\n", m.phrase(p))
	}
	b.WriteByte('\n')
	for _, p := range d.units {
		fmt.Fprintf(&b, "- %s\n", m.phrase(p))
	}
	return b.String()
}

func (m markdown) section(b *strings.Builder, s *section) {
	fmt.Fprintf(b, "\n## %d. %s\n\n", s.number, m.phrase(s.title))
	last := ""
	for _, r := range s.rows {
		if r.title != "" {
			last = r.title
		}
		fmt.Fprintf(b, "- **%s**: %s\n", last, m.phrase(r.text))
	}
	fmt.Fprintf(b, "\nFor example:\n\n%s", fenced("", s.example))
	if len(s.remedies) > 0 {
		b.WriteString("\nWhat ends it:\n")
	}
	for i := range s.remedies {
		m.action(b, &s.remedies[i])
	}
}

func (m markdown) action(b *strings.Builder, a *action) {
	fmt.Fprintf(b, "\n- %s.\n", m.phrase(a.do))
	if a.file != "" {
		fmt.Fprintf(b, "\n  Write %s:\n\n%s", code(a.file), fenced("  ", a.contents))
	}
	if len(a.commands) > 0 {
		fmt.Fprintf(b, "\n%s", fenced("  ", strings.Join(a.commands, "\n")))
	}
	if len(a.cost) > 0 {
		fmt.Fprintf(b, "\n  Costs: %s.\n", m.phrase(a.cost))
	}
}

func (m markdown) phrase(p phrase) string {
	var b strings.Builder
	for _, s := range p {
		switch {
		case s.value:
			b.WriteString(code(s.text))
		case b.Len() == 0:
			b.WriteString(opening(strings.TrimLeft(s.text, " ")))
		default:
			b.WriteString(markWords(s.text))
		}
	}
	return b.String()
}

// opening is markWords at the beginning of a line, where also a dash or a number
// could be markup.
func opening(text string) string {
	first, rest, _ := strings.Cut(text, " ")
	alphanumeric := strings.IndexFunc(first, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) == 0
	item := strings.TrimLeft(first, "0123456789")
	if first == "" || !isPlain(first) || alphanumeric && item != "." && item != ")" {
		return markWords(text)
	}
	return code(first) + " " + markWords(rest)
}

// markWords puts the words of a sentence that are names or could be markup into
// code spans. Of several blanks in a row one is left.
func markWords(text string) string {
	list := strings.Fields(text)
	for i, w := range list {
		// what follows a name belongs to the sentence
		name := strings.TrimRight(w, ".,;:)")
		front := name[:len(name)-len(strings.TrimLeft(name, "("))]
		if name = name[len(front):]; !isPlain(name) {
			list[i] = front + code(name) + w[len(front)+len(name):]
		}
	}
	out := strings.Join(list, " ")
	if strings.HasPrefix(text, " ") && out != "" {
		out = " " + out
	}
	if strings.HasSuffix(text, " ") {
		out += " "
	}
	return out
}

// isPlain reports whether a word means nothing to Markdown, wherever it stands
// in a line but at its beginning.
func isPlain(word string) bool {
	for _, r := range word {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".,;:()'/=-+%…", r) {
			return false
		}
	}
	// a host or an address that would become a link, a name for a picture
	if strings.Trim(word, "0123456789:") == "" {
		return true // a time of day
	}
	return !strings.Contains(word, "://") && !strings.HasPrefix(strings.ToLower(word), "www.") && strings.Count(word, ":") < 2
}

// code is a code span around text that has no line breaks. The fence is longer
// than any within.
func code(text string) string {
	if text == "" {
		return ""
	}
	fence := strings.Repeat("`", longest(text)+1)
	if strings.Trim(text, " ") != text || strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

// fenced is a code block, each line behind the indent of the list it is in.
func fenced(indent, text string) string {
	fence := strings.Repeat("`", max(3, longest(text)+1))
	var b strings.Builder
	b.WriteString(indent + fence + "\n")
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		b.WriteString(indent + line)
	}
	b.WriteString(indent + fence + "\n")
	return b.String()
}

// longest is the length of the longest run of backticks.
func longest(text string) int {
	most, run := 0, 0
	for i := range len(text) {
		if text[i] != '`' {
			run = 0
			continue
		}
		run++
		most = max(most, run)
	}
	return most
}
