package main

import (
	"regexp"
	"strings"
	"unicode"
)

// sentence is one that is too long.
type sentence struct {
	passage
	words int
}

// longSentences returns the sentences that are too long.
func longSentences(passages []passage) []sentence {
	var long []sentence
	for _, p := range passages {
		for _, text := range sentences(p.text) {
			if n := words(text); n > maxWords {
				long = append(long, sentence{passage{p.file, p.line, text}, n})
			}
		}
	}
	return long
}

var (
	// codeSpan is what stands between back quotes.
	codeSpan = regexp.MustCompile("``[^`](?:.*?[^`])?``|`[^`]+`")
	// linked is a link or an image; its address is no text.
	linked = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	// abbreviation is a word whose full stop ends no sentence.
	abbreviation = regexp.MustCompile(`(?i)(^|[\s(])(e\.g|i\.e|etc|vs|cf|fig|approx|resp|incl)\.$`)
	// closing is what may follow a full stop before the sentence is over.
	closing = "\"')]*_”’"
)

// sentences splits a passage. A sentence ends with a full stop, a question or an
// exclamation mark before a blank. What follows may begin with a small letter,
// as names of programs do. Semicolons and colons end none.
func sentences(text string) []string {
	text = codeSpan.ReplaceAllStringFunc(text, oneWord)
	text = linked.ReplaceAllString(text, "$1")
	var all []string
	var current []string
	for _, word := range strings.Fields(text) {
		current = append(current, word)
		bare := strings.TrimRight(word, closing)
		if strings.HasSuffix(bare, "...") || strings.HasSuffix(bare, "…") {
			continue
		}
		if endsSentence(bare) {
			all = append(all, strings.Join(current, " "))
			current = nil
		}
	}
	if len(current) > 0 {
		all = append(all, strings.Join(current, " "))
	}
	return all
}

func endsSentence(word string) bool {
	switch {
	case strings.HasSuffix(word, "?"), strings.HasSuffix(word, "!"):
		return true
	case strings.HasSuffix(word, "."):
		return !abbreviation.MatchString(word)
	}
	return false
}

// oneWord makes a code span one word in which no sentence ends.
func oneWord(span string) string {
	return "`" + strings.Join(strings.Fields(strings.Trim(span, "`")), "_") + "`"
}

// words counts the words that have a letter or a digit.
func words(text string) int {
	n := 0
	for _, word := range strings.Fields(text) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			n++
		}
	}
	return n
}
