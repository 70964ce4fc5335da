package main

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	// helpTitle begins a part of a help text that cobra writes.
	helpTitle = regexp.MustCompile(`^[A-Z][A-Za-z, ]*:$`)
	// helpFlag is a flag whose name leaves no room beside it.
	helpFlag = regexp.MustCompile(`^ {2,6}-\S+(?: \S+)*$`)
	// helpRow is a row with a name and what it means: a flag, a verb, a code.
	helpRow = regexp.MustCompile(`^\s+\S.*?(?:\s{2,}|\t)(\S.*)$`)
)

// readHelp reads the help of each verb, as the program prints it.
func readHelp(run func(args ...string) (string, error)) ([]passage, error) {
	// What the shell would offer behind "nsblame help" are the verbs.
	verbs, err := run("__complete", "help", "")
	if err != nil {
		return nil, fmt.Errorf("ask nsblame for its verbs: %w", err)
	}
	names := []string{""}
	for line := range strings.Lines(verbs) {
		if name, _, ok := strings.Cut(line, "\t"); ok {
			names = append(names, name)
		}
	}
	var all []passage
	for _, name := range names {
		args := strings.Fields("help " + name)
		text, err := run(args...)
		if err != nil {
			return nil, fmt.Errorf("nsblame %s: %w", strings.Join(args, " "), err)
		}
		// cobra wrote the help of completion.
		if name != "completion" {
			all = append(all, helpText("nsblame "+strings.Join(args, " "), text)...)
		}
	}
	return all, nil
}

// helpText returns the passages of one help text: its paragraphs, and what is
// said of each flag, verb and code. Usage and examples are left out.
func helpText(name, text string) []passage {
	var all []passage
	var open []string
	begin, code := 0, false
	end := func() {
		if open != nil {
			all = append(all, passage{name, begin, strings.Join(open, " ")})
			open = nil
		}
	}
	for i, line := range strings.Split(text, "\n") {
		row := helpRow.FindStringSubmatch(line)
		switch {
		case strings.TrimSpace(line) == "":
			end()
		case helpFlag.MatchString(line):
			end() // what it does is below
		case helpTitle.MatchString(line):
			end()
			code = line == "Usage:" || line == "Examples:"
		case code:
		case row != nil:
			end()
			begin, open = i+1, []string{row[1]}
		default:
			if open == nil {
				begin = i + 1
			}
			open = append(open, strings.TrimSpace(line))
		}
	}
	end()
	return all
}
