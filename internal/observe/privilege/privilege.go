// Package privilege gives up the rights of this process that it needs no longer.
//
// Linux keeps rights by thread, and a Go program doesn't choose its threads: all
// of them have to give up the same at the same moment. libcap's own Go package
// does that, whether the program is linked with C or not; syscall's
// AllThreadsSyscall refuses where it is.
package privilege

import (
	"fmt"

	"golang.org/x/sys/unix"
	libcap "kernel.org/pub/linux/libs/security/libcap/cap"
)

// Keep leaves this process no capabilities but those given, of which it may have
// any or none, and no way to get others: no program that it runs from now on
// gains rights by being run (no_new_privs). The rights of root to what is root's
// stay.
func Keep(list ...libcap.Value) error {
	now, left := libcap.GetProc(), libcap.NewSet()
	for _, c := range list {
		has, err := now.GetFlag(libcap.Permitted, c)
		if err != nil || !has {
			continue // this kernel doesn't know it, or the process hasn't got it
		}
		for _, flag := range []libcap.Flag{libcap.Permitted, libcap.Effective} {
			if err := left.SetFlag(flag, true, c); err != nil {
				return fmt.Errorf("keep %s: %w", c, err)
			}
		}
	}
	// What is no longer permitted the kernel takes out of the ambient set, too.
	if err := left.SetProc(); err != nil {
		return fmt.Errorf("give up capabilities: %w", err)
	}
	if _, err := libcap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	return nil
}
