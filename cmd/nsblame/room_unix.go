//go:build linux || darwin

package main

import "golang.org/x/sys/unix"

// errQuota says that a user has no more room.
const errQuota = unix.EDQUOT

// roomOf is how large a directory's file system is and how much of it is free for its
// user, both in bytes, if that is known.
func roomOf(dir string) (free, size uint64, known bool) {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return 0, 0, false
	}
	return fs.Bavail * uint64(fs.Bsize), fs.Blocks * uint64(fs.Bsize), true
}
