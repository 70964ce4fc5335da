package probe

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// include finds what a header of ours includes.
var include = regexp.MustCompile(`(?m)^#include "(\w+\.h)"$`)

// A header includes only what stands above it in the list of nsblame.bpf.c, so
// there is no circle, and a hook is included by the object alone.
func TestHeadersStandInOrder(t *testing.T) {
	const dir = "../../../bpf"
	object, err := os.ReadFile(filepath.Join(dir, "nsblame.bpf.c"))
	if err != nil {
		t.Fatal(err)
	}
	place := make(map[string]int)
	for i, m := range regexp.MustCompile(`(?m)^ \*   (\w+\.h) `).FindAllStringSubmatch(string(object), -1) {
		place[m[1]] = i
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.h"))
	if err != nil || len(files) != len(place) {
		t.Errorf("%d headers, %d in the list (%v)", len(files), len(place), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		own, listed := place[filepath.Base(file)]
		if !listed {
			t.Errorf("%s is not in the list", file)
		}
		for _, m := range include.FindAllStringSubmatch(string(text), -1) {
			if place[m[1]] >= own || strings.HasPrefix(m[1], "hook_") {
				t.Errorf("%s includes %s", file, m[1])
			}
		}
	}
}
