package holders

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// Whose names those of a path are is shown by the outermost directory that is not the
// machine's. What is in there is not looked at: it may be longer than a path can be.
func TestDelegationsAreThoseOfTheOutermostDirectory(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "a/b/c/d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for dir, uid := range map[string]int{"a/b": 1000, "a/b/c/d": 1001} {
		if err := os.Chown(filepath.Join(root, dir), uid, uid); err != nil {
			t.Skip("these rights don't allow it: ", err)
		}
	}
	d, err := NewDelegations(root)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time, what is known already counts
		for path, want := range map[string]event.Delegation{
			"/":                                    {},
			"/a":                                   {},
			"/a/b":                                 {},
			"/a/b/c":                               {Names: 1, UID: 1000},
			"/a/b/c/d":                             {Names: 2, UID: 1000},
			"/../a":                                {},
			"/a/b" + strings.Repeat("/long", 2000): {Names: 2000, UID: 1000},
		} {
			if got, err := d.Of(path); err != nil || got != want {
				t.Errorf("%.20s: %+v (%v), want %+v", path, got, err, want)
			}
		}
	}
	if got, err := d.Of("/a/gone"); err == nil {
		t.Errorf("what is not there has %+v", got)
	}
}
