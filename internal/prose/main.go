// Prose holds what a reader has to read against two rules: a sentence has 25
// words at most, and no phrase is from another century. It reads Markdown files
// and the help of each verb. In comments it looks for phrases only.
//
// It is a program and not a test, so that it is part of make lint: a long
// sentence must not keep the tests of a change from passing.
//
//	go run ./internal/prose README.md 'docs/*.md'
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

const (
	// maxWords is how many words a sentence may have.
	maxWords = 25
	// maxLong is how many longer sentences there may be in all.
	maxLong = 5
)

// passage is a run of text that no sentence leaves: a paragraph, an item of a
// list, a cell of a table, the usage of a flag.
type passage struct {
	file string
	line int
	text string
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		os.Exit(1)
	}
}

func run(patterns []string, out io.Writer) error {
	read, err := readMarkdown(patterns)
	if err != nil {
		return err
	}
	help, err := readHelpOfTree()
	if err != nil {
		return err
	}
	comments, err := readComments(".")
	if err != nil {
		return err
	}
	return check(out, append(read, help...), comments)
}

var errProse = errors.New("say it in plain English: see Prose in CONTRIBUTING.md")

// check reports to out what breaks the rules.
func check(out io.Writer, read, comments []passage) error {
	long := longSentences(read)
	for _, s := range long {
		fmt.Fprintf(out, "%s:%d: %d words: %s\n", s.file, s.line, s.words, s.text)
	}
	fmt.Fprintf(out, "prose: %d sentences have more than %d words, %d may\n", len(long), maxWords, maxLong)
	if bad := checkPhrases(out, read, comments); bad || len(long) > maxLong {
		return errProse
	}
	return nil
}

// readHelpOfTree reads the help of the program in this tree.
func readHelpOfTree() ([]passage, error) {
	folder, err := os.MkdirTemp("", "prose-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	nsblame, err := buildNsblame(folder)
	if err != nil {
		return nil, err
	}
	return readHelp(nsblame)
}

// readMarkdown reads the files that the patterns name.
func readMarkdown(patterns []string) ([]passage, error) {
	var all []passage
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		slices.Sort(names)
		for _, name := range names {
			source, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			all = append(all, markdown(name, string(source))...)
		}
	}
	return all, nil
}

// buildNsblame builds nsblame into a folder and returns what runs it.
func buildNsblame(folder string) (func(args ...string) (string, error), error) {
	program := filepath.Join(folder, "nsblame")
	if out, err := exec.Command("go", "build", "-o", program, "./cmd/nsblame").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build nsblame: %w: %s", err, out)
	}
	return func(args ...string) (string, error) {
		out, err := exec.Command(program, args...).Output()
		return string(out), err
	}, nil
}
