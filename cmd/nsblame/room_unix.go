//go:build linux || darwin

package main

import "golang.org/x/sys/unix"

// errQuota says that a user has no more room.
const errQuota = unix.EDQUOT

// freeBytes is how much room a directory's file system has for its user, if that is
// known.
func freeBytes(dir string) (n uint64, known bool) {
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil {
		return 0, false
	}
	return fs.Bavail * uint64(fs.Bsize), true
}
