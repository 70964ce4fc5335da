package kernel

import (
	"fmt"
	"io/fs"
)

// initialNamespace is the link target under /proc/self/ns of an initial
// namespace. The kernel fixes these inode numbers (include/linux/proc_ns.h,
// PROC_USER_INIT_INO and PROC_PID_INIT_INO).
type initialNamespace struct{ file, target string }

var (
	userNamespace = initialNamespace{"proc/self/ns/user", "user:[4026531837]"}
	pidNamespace  = initialNamespace{"proc/self/ns/pid", "pid:[4026531836]"}
)

// InInitialPIDNamespace reports whether the pids that this process sees are
// those that the kernel's probes report.
func InInitialPIDNamespace() (bool, error) { return running().inInitialNamespace(pidNamespace) }

func (x *examiner) inInitialNamespace(ns initialNamespace) (bool, error) {
	target, err := fs.ReadLink(x.root, ns.file)
	if err != nil {
		return false, fmt.Errorf("which namespace this process is in: %w", err)
	}
	return target == ns.target, nil
}
