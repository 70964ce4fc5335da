package rootfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/filesystem"
)

const limit = 1 << 16

// tree returns a tree with a file, and its directory.
func tree(t *testing.T) (*Tree, string) {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "var/lib/x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/x/file"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	return At(root, uint32(os.Getuid())), root
}

func TestRead(t *testing.T) {
	tr, root := tree(t)
	for _, links := range [][2]string{{"/var/lib", "abs"}, {"var/lib", "rel"}, {"../var/lib/x", "var/up"}, {"abs", "twice"}} {
		if err := os.Symlink(links[0], filepath.Join(root, links[1])); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"/var/lib/x/file", "/abs/x/file", "rel/x/file", "/var/up/file", "twice/x/file", "/var//lib/../lib/x/file"} {
		if text, err := tr.Read(name, limit); string(text) != "text" || err != nil {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if !tr.HasDir("/abs/x") || tr.HasDir("/var/lib/x/file") || tr.HasDir("/nowhere") {
		t.Error("a directory is none, or another way round")
	}
	// a path leads out of the tree neither by itself nor by a link
	if err := os.Symlink("../../../../../../../../etc/passwd", filepath.Join(root, "out")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../../../../../../../etc/passwd", "out"} {
		if _, err := tr.Read(name, limit); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What others may write to is not read, wherever on the way that is, nor what is no
// regular file, or too large.
func TestRefuses(t *testing.T) {
	chmod := func(name string, mode fs.FileMode) func(string) error {
		return func(root string) error { return os.Chmod(filepath.Join(root, name), mode) }
	}
	replace := func(with func(name string) error) func(string) error {
		return func(root string) error {
			name := filepath.Join(root, "var/lib/x/file")
			return errors.Join(os.Remove(name), with(name))
		}
	}
	for name, c := range map[string]struct {
		do   func(root string) error
		want error
	}{
		"file of the group":     {chmod("var/lib/x/file", 0o660), ErrWritable},
		"file of all":           {chmod("var/lib/x/file", 0o602), ErrWritable},
		"directory of the file": {chmod("var/lib/x", 0o775), ErrWritable},
		"directory above":       {chmod("var", 0o777), ErrWritable},
		"sticky directory":      {chmod("var/lib", 0o777|fs.ModeSticky), ErrWritable},
		"root":                  {chmod("", 0o777), ErrWritable},
		"pipe":                  {replace(func(name string) error { return unix.Mkfifo(name, 0o600) }), ErrNotRegular},
		"directory":             {replace(func(name string) error { return os.Mkdir(name, 0o700) }), ErrNotRegular},
		"loop":                  {replace(func(name string) error { return os.Symlink("file", name) }), errLinks},
		"dangling link":         {replace(func(name string) error { return os.Symlink("/gone", name) }), fs.ErrNotExist},
		"nothing":               {replace(func(string) error { return nil }), fs.ErrNotExist},
		"too large":             {replace(func(name string) error { return os.WriteFile(name, make([]byte, limit+1), 0o600) }), ErrTooLarge},
		"without end":           {replace(func(name string) error { return sparse(name, 1<<40) }), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			tr, root := tree(t)
			if err := c.do(root); err != nil {
				t.Fatal(err)
			}
			text, err := tr.Read("/var/lib/x/file", limit)
			var at *fs.PathError
			if !errors.Is(err, c.want) || !errors.As(err, &at) || text != nil {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

func sparse(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return errors.Join(f.Chmod(0o600), f.Truncate(size))
}

// A file of exactly the limit is read, and one of another owner is not.
func TestLimitAndOwner(t *testing.T) {
	tr, root := tree(t)
	want := bytes.Repeat([]byte("x"), limit)
	if err := os.WriteFile(filepath.Join(root, "var/lib/x/file"), want, 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := tr.Read("/var/lib/x/file", limit); !bytes.Equal(text, want) || err != nil {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	tr.owner++
	if _, err := tr.Read("/var/lib/x/file", limit); !errors.Is(err, ErrWritable) {
		t.Error(err)
	}
}

// Files of /proc are none.
func TestPseudoFiles(t *testing.T) {
	if _, err := At("/proc", 0).Read("/version", limit); !errors.Is(err, filesystem.ErrKind) {
		t.Error(err)
	}
}
