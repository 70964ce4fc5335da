package systemd

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/systemd/unitfile"
)

// errNotRegular is returned for a path that is no regular file.
var errNotRegular = errors.New("not a regular file")

// readUnitFile reads a file whose path the manager gave. A user's manager, and
// so the user, may name any path. So the file is first opened without effect
// (O_PATH), and only read if it is a regular file. Opening a device can already
// act on it, and a FIFO would block. It reads no more than unitfile.Parse
// takes. A file system that never answers makes it hang. That needs a FUSE
// mount which root may enter (user_allow_other).
func readUnitFile(name string) ([]byte, error) {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	handle := os.NewFile(uintptr(fd), name)
	defer handle.Close()
	info, err := handle.Stat()
	if err != nil {
		return nil, err
	}
	if os.SameFile(info, devNull()) {
		return nil, nil // a masked unit
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "read", Path: name, Err: errNotRegular}
	}
	return readHandle(fd, name)
}

// readHandle opens what an O_PATH descriptor refers to for reading, and reads it.
func readHandle(fd int, name string) ([]byte, error) {
	file, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, unitfile.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return text, nil
}

// devNull is what a masked unit's file leads to. Without it only a better
// message is lost.
func devNull() os.FileInfo {
	info, err := os.Stat(os.DevNull)
	if err != nil {
		return nil
	}
	return info
}
