//go:build !unix

package spool

import (
	"io/fs"
	"os"
)

// private cannot tell: permissions are of another kind here.
func private(fs.FileInfo) bool { return true }

// lockFile does nothing here.
func lockFile(*os.File) error { return nil }
