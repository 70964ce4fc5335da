// Package privilege drops the rights that this process no longer needs.
//
// Linux keeps rights by thread, and a Go program does not choose its threads.
// So all threads must drop the same rights at the same moment. libcap's Go
// package does that, whether or not the program is linked with C.
// AllThreadsSyscall of syscall refuses if it is.
package privilege

import (
	"fmt"

	"golang.org/x/sys/unix"
	libcap "kernel.org/pub/linux/libs/security/libcap/cap"
)

// Keep leaves this process only the given capabilities, if it has them. It also
// sets no_new_privs, so no program that it runs gains rights. Root keeps its
// rights to what root owns.
func Keep(list ...libcap.Value) error {
	now, left := libcap.GetProc(), libcap.NewSet()
	for _, c := range list {
		has, err := now.GetFlag(libcap.Permitted, c)
		if err != nil || !has {
			continue // this kernel does not know it, or the process does not have it
		}
		for _, flag := range []libcap.Flag{libcap.Permitted, libcap.Effective} {
			if err := left.SetFlag(flag, true, c); err != nil {
				return fmt.Errorf("keep %s: %w", c, err)
			}
		}
	}
	// The kernel also removes from the ambient set what is no longer permitted.
	if err := left.SetProc(); err != nil {
		return fmt.Errorf("give up capabilities: %w", err)
	}
	if _, err := libcap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	return nil
}
