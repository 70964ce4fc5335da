//go:build !linux && !darwin

package main

import "errors"

// errQuota is nothing that is returned here.
var errQuota = errors.New("no room by the quota")

// roomOf is not known here.
func roomOf(string) (free, size uint64, known bool) { return 0, 0, false }
