// Package hostroot finds the machine's own files where nsblame runs in a container
// that shares the machine's processes.
//
// There pid 1 is the machine's, and /proc/1/root its root directory. That takes
// CAP_SYS_PTRACE (proc(5)). It is opened once, so that it stays open when rights are
// given up.
package hostroot

import (
	"io"
	"os"
	"path"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// ofInit is the root directory of pid 1.
const ofInit = "/proc/1/root/."

// root is the machine's root directory.
type root struct {
	// fd is open without effect (O_PATH), and -1 where "/" is the machine's root.
	fd int
}

var machine = sync.OnceValue(func() root { return find("/", ofInit) })

// find compares two root directories. A service of systemd's with a mount namespace of
// its own has the same one as pid 1.
func find(own, init string) root {
	var a, b unix.Stat_t
	fd, err := unix.Open(init, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return root{-1}
	}
	if unix.Stat(own, &a) != nil || unix.Fstat(fd, &b) != nil || a.Dev == b.Dev && a.Ino == b.Ino {
		unix.Close(fd)
		return root{-1}
	}
	return root{fd}
}

// Apart reports whether nsblame has another root directory than the machine.
func Apart() bool { return machine().fd >= 0 }

// Path returns a path at which this process finds a file of the machine, given the
// absolute path that it has there. No symbolic link on the way may be absolute, for it
// would lead into the container: see Open.
func Path(name string) string { return machine().path(name) }

func (r root) path(name string) string {
	if r.fd < 0 {
		return name
	}
	return "/proc/self/fd/" + strconv.Itoa(r.fd) + path.Clean("/"+name)
}

// Open opens a file of the machine with the flags of open(2), and follows symbolic
// links as a process of the machine does. It returns a file descriptor.
func Open(name string, flags int) (int, error) { return machine().open(name, flags) }

func (r root) open(name string, flags int) (int, error) {
	if r.fd < 0 {
		return unix.Open(name, flags, 0)
	}
	return unix.Openat2(r.fd, path.Clean("/"+name), &unix.OpenHow{
		Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// ReadFile reads a small file of the machine whole, as os.ReadFile does.
func ReadFile(name string) ([]byte, error) { return machine().readFile(name) }

func (r root) readFile(name string) ([]byte, error) {
	fd, err := r.open(name, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	return io.ReadAll(file)
}
