package survey

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/explain/inventory"
)

// kept is a namespace that a test keeps in one way.
type kept struct {
	inum uint32
	fd   int // of nsfs, -1 once closed
}

// makeNetns creates a namespace, does something there and leaves it; it is kept
// by an open file.
func makeNetns(t *testing.T, inside func() error) kept {
	t.Helper()
	type result struct {
		kept
		err error
	}
	made := make(chan result)
	go func() {
		runtime.LockOSThread()
		r := result{kept: kept{fd: -1}}
		var home int
		home, r.err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if r.err == nil {
			r.err = unix.Unshare(unix.CLONE_NEWNET)
		}
		if r.err == nil {
			r.fd, r.err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		var st unix.Stat_t
		if r.err == nil {
			r.err = unix.Fstat(r.fd, &st)
			r.inum = uint32(st.Ino)
		}
		if r.err == nil && inside != nil {
			r.err = inside()
		}
		if err := errors.Join(unix.Setns(home, unix.CLONE_NEWNET), unix.Close(home)); err != nil {
			r.err = errors.Join(r.err, err)
		} else {
			runtime.UnlockOSThread()
		}
		made <- r
	}()
	r := <-made
	if r.err != nil {
		t.Fatalf("make a namespace: %v", r.err)
	}
	return r.kept
}

func (k *kept) close(t *testing.T) {
	t.Helper()
	if err := unix.Close(k.fd); err != nil {
		t.Fatal(err)
	}
	k.fd = -1
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("namespaces are made by root; the rest of the tests plays them")
	}
}

// see takes surveys until the namespaces are as a function wants them: a child
// that was cloned becomes its program in its own time.
func see(t *testing.T, ready func(map[uint32]*inventory.Namespace, *inventory.Gaps) error) {
	t.Helper()
	var last error
	for range 100 {
		s, err := Take(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		inv := s.Builder.Build(s.NowNS)
		all := make(map[uint32]*inventory.Namespace)
		for _, n := range inv.Namespaces {
			all[n.Inum] = n
		}
		if last = ready(all, &inv.Gaps); last == nil {
			return
		}
	}
	t.Fatal(last)
}

func TestProcessFileAndMount(t *testing.T) {
	needRoot(t)
	inside := exec.Command("cat")
	stdin, err := inside.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	inside.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	if err := inside.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inside.Wait() }()
	defer func() { _ = stdin.Close() }()
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/net", inside.Process.Pid), &st); err != nil {
		t.Fatal(err)
	}
	file := makeNetns(t, nil)
	defer file.close(t)

	mounted := makeNetns(t, nil)
	point := filepath.Join(t.TempDir(), "odd name\n")
	if err := os.WriteFile(point, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", mounted.fd), point, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount(point, unix.MNT_DETACH) }()
	mounted.close(t)

	see(t, func(all map[uint32]*inventory.Namespace, _ *inventory.Gaps) error {
		n := all[uint32(st.Ino)]
		if n == nil || n.Processes != 1 || int(n.Listed[0].ID.PID) != inside.Process.Pid || n.Listed[0].Comm != "cat" ||
			n.Age.Bound != inventory.Inferred && n.Age.Bound != inventory.AtLeast { // there is a younger one
			return fmt.Errorf("of a process: %+v", n)
		}
		if n = all[file.inum]; n == nil || n.Threads != 0 || n.FileCount != 1 || int(n.Files[0].FD) != file.fd ||
			int(n.Files[0].Process.ID.PID) != os.Getpid() || n.Age.Bound != inventory.AtLeast || n.Unheld {
			return fmt.Errorf("of a file: %+v", n)
		}
		if n = all[mounted.inum]; n == nil || n.Threads != 0 || n.FileCount != 0 || n.MountCount != 1 ||
			n.Mounts[0].Path != point || n.Unheld {
			return fmt.Errorf("of a mount: %+v", n)
		}
		return nil
	})
}

// A socket that was left in a namespace, and a message that nobody has received,
// are known to the kernel alone. What is in a message in a message is only in
// the list.
func TestSocketAndFlight(t *testing.T) {
	needRoot(t)
	sock := -1
	left := makeNetns(t, func() (err error) {
		sock, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	})
	defer func() { _ = unix.Close(sock) }()
	left.close(t)

	waits, nested := newPair(t), newPair(t)
	outer := newPair(t)
	sent, deep := makeNetns(t, nil), makeNetns(t, nil)
	send(t, waits[0], sent.fd)
	sent.close(t)
	send(t, nested[0], deep.fd)
	deep.close(t)
	// the socket in which the message waits is itself in a message
	send(t, outer[0], nested[1])
	for _, fd := range nested {
		if err := unix.Close(fd); err != nil {
			t.Fatal(err)
		}
	}

	see(t, func(all map[uint32]*inventory.Namespace, gaps *inventory.Gaps) error {
		if gaps.Kernel != "" {
			if gaps.Remedy == "" || all[deep.inum] != nil && all[deep.inum].Unheld {
				return fmt.Errorf("without the kernel's list: %+v, gaps %+v", all[deep.inum], gaps)
			}
			return nil
		}
		n := all[left.inum]
		if n == nil || n.Threads != 0 || n.SockCount != 1 || int(n.Sockets[0].FD) != sock || n.Sockets[0].Family != unix.AF_INET ||
			int(n.Sockets[0].Process.ID.PID) != os.Getpid() || n.Sockets[0].Ino == 0 || n.Unheld {
			return fmt.Errorf("of a socket: %+v", n)
		}
		if n = all[sent.inum]; n == nil || n.MessageCount != 1 || int(n.Messages[0].FD) != waits[1] || n.Unheld {
			return fmt.Errorf("of a message: %+v", n)
		}
		if n = all[deep.inum]; n == nil || !n.Unheld || n.Kernel == nil || n.Kernel.References != 1 {
			return fmt.Errorf("of a message in a socket in a message: %+v", n)
		}
		return nil
	})
}

// newPair returns two connected sockets.
func newPair(t *testing.T) [2]int {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// send puts a descriptor into a message that nobody receives.
func send(t *testing.T, to, fd int) {
	t.Helper()
	if err := unix.Sendmsg(to, []byte{0}, unix.UnixRights(fd), nil, 0); err != nil {
		t.Fatal(err)
	}
}

func TestWriters(t *testing.T) {
	at := filepath.Join(t.TempDir(), "r.avro")
	f, err := os.Create(at)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if at, err = filepath.EvalSymlinks(at); err != nil {
		t.Fatal(err)
	}
	s, err := Take(context.Background(), []string{at, "/nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	if !s.Writers[at] || s.Writers["/nowhere"] {
		t.Errorf("writers %v", s.Writers)
	}
}
