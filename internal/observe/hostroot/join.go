package hostroot

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// joined are the namespaces in which nsblame sees the machine as pid 1 does. In a
// container, paths of /proc/PID/cgroup begin at the container's own cgroup
// (cgroup_namespaces(7)), and the host name is the container's.
var joined = []struct {
	name string
	flag int
}{{"cgroup", unix.CLONE_NEWCGROUP}, {"uts", unix.CLONE_NEWUTS}}

// Join has nsblame join the namespaces of pid 1 that it reads the machine by, if it is
// apart from the machine. That takes CAP_SYS_ADMIN. A namespace is a thread's, so the
// program is executed anew. Join returns only if there is nothing to do, or it fails.
func Join() error {
	if !Apart() {
		return nil
	}
	var others []int
	for i, ns := range joined {
		own, err := os.Readlink("/proc/self/ns/" + ns.name)
		if err != nil {
			continue // a kernel without them
		}
		if machines, err := os.Readlink("/proc/1/ns/" + ns.name); err == nil && own != machines {
			others = append(others, i)
		}
	}
	if len(others) == 0 {
		return nil
	}
	runtime.LockOSThread() // it ends in another namespace, or the program does
	for _, i := range others {
		if err := join(joined[i].name, joined[i].flag); err != nil {
			return err
		}
	}
	return fmt.Errorf("execute nsblame in the machine's namespaces: %w", unix.Exec("/proc/self/exe", os.Args, os.Environ()))
}

func join(name string, flag int) error {
	fd, err := unix.Open("/proc/1/ns/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = unix.Setns(fd, flag)
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("join the machine's %s namespace: %w; give nsblame CAP_SYS_ADMIN and CAP_SYS_PTRACE", name, err)
	}
	return nil
}
