//go:build !linux && !darwin

package main

import "errors"

// errQuota is nothing that is returned here.
var errQuota = errors.New("no room by the quota")

// freeBytes is not known here.
func freeBytes(string) (n uint64, known bool) { return 0, false }
