package procfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// How much is read of each file, in bytes. What nsblame looks for stands at the
// beginning, except in cgroup: a longer one counts as unreadable.
const (
	// maxStat: some 50 numbers and a name of at most 64 bytes.
	maxStat = 4 << 10
	// maxStatus reaches far beyond the user ids. The groups behind them can be
	// 65,536 (NGROUPS_MAX).
	maxStatus = 4 << 10
	// maxCgroup: a line for each hierarchy, with a path of at most PATH_MAX.
	maxCgroup = 256 << 10
)

// read returns at most the first most bytes of a process's file.
func (f FS) read(pid uint32, name string, most int) ([]byte, error) {
	path := f.path(pid, name)
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	})
	if err != nil {
		return nil, gone(&os.PathError{Op: "open", Path: path, Err: err})
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, min(most, 1<<10))
	for len(buf) < most {
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, min(most, 8*cap(buf))), buf...)
		}
		n, err := retry(func() (int, error) { return unix.Read(fd, buf[len(buf):cap(buf)]) })
		if err != nil {
			return nil, gone(&os.PathError{Op: "read", Path: path, Err: err})
		}
		if n == 0 {
			break
		}
		buf = buf[:len(buf)+n]
	}
	return buf, nil
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
