// Package filesystem tells file systems that hold files from those that act on the
// machine when they are read.
package filesystem

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// ErrKind is returned for a file on a file system that does not just hold files:
// reading one of /proc or /sys can act on the machine, and some have no end.
var ErrKind = errors.New("not on a file system for files")

// Check returns an ErrKind unless an open file, also one that was opened with O_PATH,
// is on a file system that holds files. What is not known is refused: so is a file of
// procfs, sysfs, tracefs, debugfs, cgroup and the like, of kernels to come, too. FUSE
// is refused, because every user can mount a file system of his own that never
// answers.
func Check(fd int) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return err
	}
	if kind := fs.Type & math.MaxUint32; !holdFiles[kind] {
		return fmt.Errorf("%w (type %#x)", ErrKind, kind)
	}
	return nil
}

// holdFiles are the file systems that hold files, by their magic number (statfs(2)).
var holdFiles = map[int64]bool{
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
