// Package rootfile reads files that nobody but root can have written, and nothing else:
// no device, no pipe, no file of /proc, and no more of a file than was asked for.
//
// All directories that lead to a file must be root's, too, and nobody else may write
// to them. Then nobody can have put another file in its place, and nobody can do so
// while it is read. A symbolic link in such a directory is root's own choice, and is
// followed by the same rules: many machines keep /var/lib/docker on another disk.
package rootfile

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/filesystem"
	"github.com/nsblame/nsblame/internal/observe/hostroot"
)

var (
	// ErrWritable is returned where others than root can have written a file, or can
	// have put it where it is.
	ErrWritable = errors.New("others than root may write to it")
	// ErrNotRegular is returned for what is no regular file, or no directory in a path.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge is returned for a file beyond the limit.
	ErrTooLarge = errors.New("too large")
	// errLinks is returned for a path of too many symbolic links.
	errLinks = errors.New("too many symbolic links")
)

// maxLinks bounds the symbolic links on the way to a file.
const maxLinks = 8

// Tree is a tree of files.
type Tree struct {
	root  string
	owner uint32
}

// System returns the machine's own tree.
func System() *Tree { return &Tree{root: hostroot.Path("/")} }

// At returns the tree below a directory in which that user stands for root, for tests.
func At(root string, owner uint32) *Tree { return &Tree{root: root, owner: owner} }

// Read reads a file of at most limit bytes. Its error is an *fs.PathError with the
// path at which it failed.
func (t *Tree) Read(name string, limit int) ([]byte, error) {
	fd, at, err := t.open(name, unix.S_IFREG)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: at, Err: err}
	}
	defer unix.Close(fd)
	if err := filesystem.Check(fd); err != nil {
		return nil, &fs.PathError{Op: "open", Path: at, Err: err}
	}
	text, err := content(fd, limit)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: at, Err: err}
	}
	return text, nil
}

// HasDir reports whether there is a directory of that name that is root's alone.
func (t *Tree) HasDir(name string) bool {
	fd, _, err := t.open(name, unix.S_IFDIR)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// open returns what is at a path, which must be of that kind, without effect on it
// (O_PATH). It also returns where it failed.
func (t *Tree) open(name string, kind uint32) (fd int, at string, err error) {
	at = path.Clean("/" + name)
	for range maxLinks {
		var link string
		fd, at, link, err = t.walk(at, kind)
		if link == "" {
			return fd, at, err
		}
		at = link
	}
	return -1, at, errLinks
}

// walk goes down a path, up to the first symbolic link. link is the path that it leads
// to.
func (t *Tree) walk(name string, kind uint32) (fd int, at, link string, err error) {
	const flags = unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC
	if fd, err = retry(func() (int, error) { return unix.Open(t.root, flags|unix.O_DIRECTORY, 0) }); err != nil {
		return -1, "/", "", err
	}
	at = "/"
	rest := strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
	if err = t.check(fd, unix.S_IFDIR); err != nil {
		unix.Close(fd)
		return -1, at, "", err
	}
	for i, part := range rest {
		parent := fd
		fd, err = retry(func() (int, error) { return unix.Openat(parent, part, flags, 0) })
		unix.Close(parent)
		next := path.Join(at, part)
		if err != nil {
			return -1, next, "", err
		}
		want := uint32(unix.S_IFDIR)
		if i == len(rest)-1 {
			want = kind
		}
		target, err := t.link(fd)
		if err == nil && target == "" {
			err = t.check(fd, want)
		}
		if err != nil || target != "" {
			unix.Close(fd)
			return -1, next, follow(at, target, rest[i+1:]), err
		}
		at = next
	}
	return fd, at, "", nil
}

// follow is the path behind a symbolic link in that directory. All directories up to
// there are no links themselves, so that ".." is what it looks like.
func follow(dir, target string, rest []string) string {
	if target == "" {
		return ""
	}
	if !path.IsAbs(target) {
		target = path.Join(dir, target)
	}
	return path.Join(append([]string{target}, rest...)...)
}

// link returns where a symbolic link leads to, empty if it is none.
func (t *Tree) link(fd int) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return "", err
	}
	if st.Uid != t.owner {
		return "", ErrWritable
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", target)
	if err == nil && n == 0 {
		err = unix.ENOENT
	}
	if err != nil {
		return "", err
	}
	return string(target[:n]), nil
}

// check refuses what is not of that kind, and what others than root may write to. An
// access control list that lets others write shows as a right of the group (acl(5)).
func (t *Tree) check(fd int, kind uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != kind {
		return ErrNotRegular
	}
	if st.Uid != t.owner {
		return fmt.Errorf("%w: it is user %d's", ErrWritable, st.Uid)
	}
	if st.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0 {
		return fmt.Errorf("%w: its mode is %#o", ErrWritable, st.Mode&0o7777)
	}
	return nil
}

// content reads what an O_PATH descriptor refers to.
func content(file, limit int) ([]byte, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(fmt.Sprintf("/proc/self/fd/%d", file), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	})
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	text := make([]byte, 0, min(8<<10, limit+1))
	for {
		if len(text) == cap(text) {
			text = append(make([]byte, 0, min(4*cap(text), limit+1)), text...)
		}
		n, err := retry(func() (int, error) { return unix.Read(fd, text[len(text):cap(text)]) })
		if err != nil {
			return nil, err
		}
		text = text[:len(text)+n]
		if len(text) > limit {
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
		}
		if n == 0 {
			return text, nil
		}
	}
}

// retry repeats a system call that a signal interrupted: Go's runtime sends them to its
// own threads.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
