package systemd

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/filesystem"
	"github.com/nsblame/nsblame/internal/observe/hostroot"
	"github.com/nsblame/nsblame/internal/observe/systemd/unitfile"
)

var (
	// errNotRegular is returned for a path that is no regular file.
	errNotRegular = errors.New("not a regular file")
	// errFilesTooLarge is returned once a unit's files take more than maxFiles.
	errFilesTooLarge = fmt.Errorf("the unit's files take more than %d MiB", maxFiles>>20)
)

// maxFiles bounds in bytes what is read of all files of a unit.
const maxFiles = 1 << 20

// fileReader reads the files of one unit.
type fileReader struct{ left int }

func newFileReader() *fileReader { return &fileReader{left: maxFiles} }

// read reads a file whose path the manager gave. A user's manager, and so the
// user, may name any path. So the file is first opened without effect (O_PATH),
// and only read if it is a regular file of a file system that holds files.
// Opening a device can already act on it, and a FIFO would block. It reads no
// more than unitfile.Parse takes.
//
// A network file system can still make it hang: see fileReads.
func (r *fileReader) read(name string) ([]byte, error) {
	fd, err := retry(func() (int, error) { return hostroot.Open(name, unix.O_PATH|unix.O_CLOEXEC) })
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	if masked, err := checkFile(fd); err != nil || masked {
		return nil, wrapPath("read", name, err)
	}
	text, err := r.content(fd)
	return text, wrapPath("read", name, err)
}

// checkFile refuses what is not read. masked is set for /dev/null, to which a
// masked unit's file leads.
func checkFile(fd int) (masked bool, err error) {
	var st, null unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFCHR {
		err := unix.Stat(os.DevNull, &null)
		if err == nil && null.Mode&unix.S_IFMT == unix.S_IFCHR && null.Rdev == st.Rdev {
			return true, nil
		}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false, errNotRegular
	}
	return false, filesystem.Check(fd)
}

// content opens what an O_PATH descriptor refers to for reading, and reads it.
func (r *fileReader) content(path int) ([]byte, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(fmt.Sprintf("/proc/self/fd/%d", path), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	})
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	text := make([]byte, 0, 4<<10)
	for {
		if len(text) == cap(text) {
			text = append(make([]byte, 0, 4*cap(text)), text...)
		}
		n, err := retry(func() (int, error) { return unix.Read(fd, text[len(text):cap(text)]) })
		if err != nil {
			return nil, err
		}
		text = text[:len(text)+n]
		if r.left -= n; r.left < 0 {
			return nil, errFilesTooLarge
		}
		if n == 0 || len(text) > unitfile.MaxSize {
			return text, nil
		}
	}
}

func wrapPath(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: name, Err: err}
}

// retry repeats a system call that a signal interrupted: Go's runtime sends them
// to its own threads.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
