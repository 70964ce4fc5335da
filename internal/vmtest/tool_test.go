package vmtest

import (
	"path/filepath"
	"testing"
)

func TestToolPackage(t *testing.T) {
	const mod = `module example.org/m

tool example.org/cmd/alone

tool (
	example.org/cmd/first
	example.org/cmd/second // of two
)

require (
	example.org/required v1.0.0
)
`
	for name, want := range map[string]string{
		"alone": "example.org/cmd/alone", "first": "example.org/cmd/first", "second": "example.org/cmd/second",
		"required": "", "m": "", "third": "",
	} {
		if got := toolPackage([]byte(mod), name); got != want {
			t.Errorf("tool %s: got %q, want %q", name, got, want)
		}
	}
}

// The tools that boots need are all in a module.
func TestBootsHaveTheirTools(t *testing.T) {
	for _, b := range boots {
		for _, name := range b.Tools {
			if _, _, err := findTool(filepath.Join("..", "..", "tools"), name); err != nil {
				t.Errorf("boot %s: %v", b.Name, err)
			}
		}
	}
}
