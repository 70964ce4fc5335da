package probe

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// tracepointGroups are so many groups at the beginning, which need nothing but
// tracepoints.
const tracepointGroups = 5

// watchProcesses attaches the probes on fork, exec and exit.
func watchProcesses(tb testing.TB) *collection {
	tb.Helper()
	coll, err := newCollection(choose(Options{Life: true}, kernel.HierarchyUnified))
	skipIfRefused(tb, err)
	tb.Cleanup(func() { _ = coll.Close() })
	skipIfRefused(tb, coll.attachGroups(groups[:tracepointGroups]))
	return coll
}

// shell is a running shell, which ends when its input does. The commands before it
// run it.
type shell struct {
	*exec.Cmd
	stdin  io.Closer
	output *bufio.Reader
}

func startShell(t *testing.T, as *syscall.SysProcAttr, script string, before ...string) *shell {
	t.Helper()
	argv := append(before, "sh", "-c", script+"\necho ready; read line")
	s := &shell{Cmd: exec.CommandContext(t.Context(), argv[0], argv[1:]...)}
	s.SysProcAttr = as
	stdin, err := s.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); errors.Is(err, fs.ErrPermission) {
		t.Skip("these rights don't allow it: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
	s.stdin, s.output = stdin, bufio.NewReader(stdout)
	t.Cleanup(func() { _ = errors.Join(s.stdin.Close(), s.Wait()) })
	if _, err := s.output.ReadString('\n'); err != nil {
		if len(before) == 0 {
			t.Fatal(err)
		}
		t.Skip("the kernel does not allow it: ", err)
	}
	return s
}

// innermost is the youngest descendant of a process in the table.
func (coll *collection) innermost(t *testing.T, pid uint32) bpfProcess {
	t.Helper()
	key, ok := coll.living(pid)
	if !ok {
		t.Fatal("the process is not in the table")
	}
	for {
		var found, child bpfProcessKey
		var p bpfProcess
		for it := coll.maps[bpfMapProcesses].Iterate(); it.Next(&child, &p); {
			if p.Parent == key && !has(p.Flags, bpfProcessFlagsPROCESS_EXITED) {
				found = child
			}
		}
		if found.Pid == 0 {
			break
		}
		key = found
	}
	var p bpfProcess
	if err := coll.maps[bpfMapProcesses].Lookup(key, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// A user has one owner, whatever namespaces he makes, and so has a container. Whose
// namespaces they are decides.
func TestOwnerOfProcess(t *testing.T) {
	initial, err := kernel.InInitialPIDNamespace()
	if err != nil || !initial {
		t.Skip("not in the machine's pid namespace: ", err)
	}
	const alice = 1000
	as := func(uid uint32, clone uintptr) *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}, Cloneflags: clone}
	}
	coll := watchProcesses(t)
	for _, tc := range []struct {
		name      string
		as        *syscall.SysProcAttr
		before    []string
		uid       uint32
		container bool
	}{
		{"root", as(0, 0), nil, 0, false},
		{"a user", as(alice, 0), nil, alice, false},
		{"a user in a user namespace", as(alice, 0), []string{"unshare", "-U"}, alice, false},
		{"as root there", as(alice, 0), []string{"unshare", "-Ur"}, alice, false},
		{"in one within that", as(alice, 0), []string{"unshare", "-Ur", "unshare", "-U"}, alice, false},
		{"with a pid namespace", as(alice, 0), []string{"unshare", "-Ur", "-p", "-f", "--kill-child"}, alice, false},
		{
			"with one more", as(alice, 0),
			[]string{"unshare", "-Ur", "-p", "-f", "--kill-child", "unshare", "-p", "-f", "--kill-child"},
			alice, false,
		},
		{"a container", as(0, unix.CLONE_NEWPID), nil, 0, true},
		{"a user in a container", as(alice, unix.CLONE_NEWPID), nil, 0, true},
		{"a container in a container", as(0, unix.CLONE_NEWPID), []string{"unshare", "-p", "-f", "--kill-child"}, 0, true},
		{"a user namespace in a container", as(alice, unix.CLONE_NEWPID), []string{"unshare", "-Ur"}, 0, true},
		{
			"a container with a user namespace",
			&syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWUSER}, nil, 0, true,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startShell(t, tc.as, "", tc.before...)
			p := coll.innermost(t, uint32(s.Process.Pid))
			got := owner(p.Owner)
			if got.UID != tc.uid || got.IsZero() || (got.PIDNamespace != machinePIDNamespace) != tc.container {
				t.Errorf("the owner is %+v, want uid %d, of a container: %v", got, tc.uid, tc.container)
			}
		})
	}
}

// The owner of a container is the same for all that is in it, and that of another
// container is another.
func TestContainersAreOwners(t *testing.T) {
	coll := watchProcesses(t)
	seen := make(map[event.Owner]bool)
	for range 2 {
		s := startShell(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}, "(:)")
		seen[owner(coll.innermost(t, uint32(s.Process.Pid)).Owner)] = true
	}
	if len(seen) != 2 {
		t.Errorf("two containers have the owners %v", seen)
	}
}
