package systemd

import (
	"errors"
	"fmt"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/systemd/unitfile"
)

var (
	// errNotRegular is returned for a path that is no regular file.
	errNotRegular = errors.New("not a regular file")
	// errFileSystem is returned for a file on a file system that does not just
	// hold files: reading one of /proc or /sys can act on the machine, and some
	// have no end.
	errFileSystem = errors.New("not on a file system for files")
	// errFilesTooLarge is returned once a unit's files take more than maxFiles.
	errFilesTooLarge = fmt.Errorf("the unit's files take more than %d MiB", maxFiles>>20)
)

// maxFiles bounds in bytes what is read of all files of a unit.
const maxFiles = 1 << 20

// fileSystems are those on which unit files may be, by their magic number
// (statfs(2)). What is not in the list is not read: so neither is a file of
// procfs, sysfs, tracefs, debugfs, cgroup and the like, of kernels to come, too.
// FUSE is not in it, because every user can mount a file system of his own
// that never answers.
var fileSystems = map[int64]bool{
	unix.EXT4_SUPER_MAGIC:      true, // and ext2, ext3
	unix.XFS_SUPER_MAGIC:       true,
	unix.BTRFS_SUPER_MAGIC:     true,
	unix.TMPFS_MAGIC:           true,
	unix.RAMFS_MAGIC:           true,
	unix.OVERLAYFS_SUPER_MAGIC: true,
	unix.SQUASHFS_MAGIC:        true,
	unix.EROFS_SUPER_MAGIC_V1:  true,
	unix.F2FS_SUPER_MAGIC:      true,
	unix.NILFS_SUPER_MAGIC:     true,
	unix.REISERFS_SUPER_MAGIC:  true,
	unix.ECRYPTFS_SUPER_MAGIC:  true,
	unix.ISOFS_SUPER_MAGIC:     true,
	unix.MSDOS_SUPER_MAGIC:     true,
	unix.NFS_SUPER_MAGIC:       true,
	unix.CIFS_SUPER_MAGIC:      true,
	unix.SMB2_SUPER_MAGIC:      true,
	unix.V9FS_MAGIC:            true,
	unix.CEPH_SUPER_MAGIC:      true,
	unix.AFS_SUPER_MAGIC:       true,
	unix.OCFS2_SUPER_MAGIC:     true,
	0x2FC12FC1:                 true, // ZFS
	0xCA451A4E:                 true, // bcachefs
	0x3153464A:                 true, // JFS
	0x01161970:                 true, // GFS2
	0x0BD00BD0:                 true, // Lustre
	0x47504653:                 true, // GPFS
}

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
	fd, err := retry(func() (int, error) { return unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0) })
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
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return false, err
	}
	if kind := fs.Type & math.MaxUint32; !fileSystems[kind] {
		return false, fmt.Errorf("%w (type %#x)", errFileSystem, kind)
	}
	return false, nil
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
