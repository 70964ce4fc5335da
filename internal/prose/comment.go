package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// marks begin a comment, by the extension of the file.
var marks = map[string]*regexp.Regexp{
	".go": regexp.MustCompile(`(?:^|\s)//(?:\s|$)(.*)`),
	".c":  regexp.MustCompile(`(?:^\s*/?\*+|\s//|^//)(?:\s|$)(.*)`),
	".h":  regexp.MustCompile(`(?:^\s*/?\*+|\s//|^//)(?:\s|$)(.*)`),
	".sh": regexp.MustCompile(`(?:^|\s)#\s(.*)`),
}

// readComments reads the comments of all sources below a folder. Lines that
// follow each other are one passage.
func readComments(root string) ([]passage, error) {
	var all []passage
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && strings.HasPrefix(d.Name(), "."), d.IsDir() && path == "internal/prose":
			return filepath.SkipDir
		case d.IsDir() || marks[filepath.Ext(path)] == nil:
			return nil
		}
		source, err := os.ReadFile(path)
		all = append(all, comments(path, string(source))...)
		return err
	})
	return all, err
}

func comments(path, source string) []passage {
	mark := marks[filepath.Ext(path)]
	var all []passage
	last := -1
	for i, line := range strings.Split(source, "\n") {
		m := mark.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if i == last+1 && len(all) > 0 {
			all[len(all)-1].text += " " + m[1]
		} else {
			all = append(all, passage{path, i + 1, m[1]})
		}
		last = i
	}
	return all
}
