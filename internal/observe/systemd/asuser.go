package systemd

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// credentials are as whom a manager's files are read: the manager's own.
type credentials struct{ uid, gid uint32 }

// errRights is why the files of a user's units are not read: as anybody else than
// the user they must not be.
var errRights = errors.New("the right to read files as that user is missing (CAP_SETUID, CAP_SETGID)")

// asUser runs f in a goroutine of its own, with that user's access to files and
// no rights beyond. done is called at its end, with an error if f did not run.
//
// Linux keeps access by thread. The goroutine keeps its thread to itself, and
// that ends with it: what it gave up, nothing else of nsblame lacks.
func asUser(who credentials, f func(), done func(error)) {
	go func() {
		runtime.LockOSThread() // and never unlocked
		err := becomeUser(who)
		if err == nil {
			f()
		}
		done(err)
	}()
}

// becomeUser gives the present thread that user's access to files. Of the system
// calls, those of package unix would change all threads.
func becomeUser(who credentials) error {
	if uint32(unix.Geteuid()) == who.uid {
		return nil // it is nsblame's own
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return fmt.Errorf("%w: %w", errRights, errno)
	}
	// These two return the id before, and say nothing of a failure.
	_, _, _ = unix.RawSyscall(unix.SYS_SETFSGID, uintptr(who.gid), 0, 0)
	_, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, uintptr(who.uid), 0, 0)
	const ask = ^uintptr(0)
	gid, _, _ := unix.RawSyscall(unix.SYS_SETFSGID, ask, 0, 0)
	uid, _, _ := unix.RawSyscall(unix.SYS_SETFSUID, ask, 0, 0)
	if uint32(gid) != who.gid || uint32(uid) != who.uid {
		return errRights
	}
	// The kernel takes away some of the capabilities along with the uid. None
	// is needed.
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return fmt.Errorf("give up rights to read files as user %d: %w", who.uid, err)
	}
	return nil
}
