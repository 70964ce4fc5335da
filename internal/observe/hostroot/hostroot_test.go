package hostroot

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSameRoot(t *testing.T) {
	dir := t.TempDir()
	r := find(dir, dir)
	if r.fd >= 0 {
		t.Fatal("a directory is said to be apart from itself")
	}
	if got := r.path("/etc/x"); got != "/etc/x" {
		t.Errorf("path is %q", got)
	}
	if r := find(dir, filepath.Join(dir, "missing")); r.fd >= 0 {
		t.Error("a root that can't be opened counts")
	}
}

// Of a machine's files, links are followed within the machine's tree.
func TestOtherRoot(t *testing.T) {
	own, host := t.TempDir(), t.TempDir()
	for _, dir := range []string{"run", "lib"} {
		if err := os.Mkdir(filepath.Join(host, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(host, "lib/unit"), []byte("host"), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"alias": "/lib/unit", "up": "../../../lib/unit", "magic": "/proc/self/exe"} {
		if err := os.Symlink(to, filepath.Join(host, link)); err != nil {
			t.Fatal(err)
		}
	}
	r := find(own, host)
	if r.fd < 0 {
		t.Fatal("another root isn't found to be apart")
	}
	defer unix.Close(r.fd)
	for _, name := range []string{"/lib/unit", "/alias", "/up", "lib/unit", "/../lib/unit"} {
		text, err := r.readFile(name)
		if err != nil || string(text) != "host" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := r.readFile("/magic"); err == nil {
		t.Error("a link leads out of the tree")
	}
	if text, err := os.ReadFile(r.path("/lib/unit")); err != nil || string(text) != "host" {
		t.Errorf("by its path: %q, %v", text, err)
	}
}
