package probe

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// cgroupsUnder makes cgroups of version 2, which are removed at the end.
func cgroupsUnder(t *testing.T, names ...string) []string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		field := strings.Fields(line)
		if len(field) < 3 || field[2] != "cgroup2" {
			continue
		}
		var dirs []string
		for _, name := range names {
			dir := filepath.Join(field[1], fmt.Sprintf("nsblame-test-%d-%s", os.Getpid(), name))
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Skip("these rights don't allow it: ", err)
			}
			t.Cleanup(func() { removeCgroup(t, dir) })
			dirs = append(dirs, dir)
		}
		return dirs
	}
	t.Skip("this machine has no cgroups of version 2")
	return nil
}

// removeCgroup waits until nobody is in a cgroup any more, which can be a moment after
// the last process was waited for.
func removeCgroup(t *testing.T, dir string) {
	t.Helper()
	for range 1_000_000 {
		if err := unix.Rmdir(dir); !errors.Is(err, unix.EBUSY) {
			return
		}
	}
	t.Errorf("%s cannot be removed", dir)
}

// cgroupID is the identity of a cgroup: the inode number of its directory.
func cgroupID(t *testing.T, dir string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

// heldPaths returns how many holds there are on the paths of cgroups, and how many
// processes in the table are there.
func (coll *collection) heldPaths(ids []uint64) (holds, processes map[uint64]int64) {
	holds, processes = make(map[uint64]int64), make(map[uint64]int64)
	var id uint64
	var path bpfCgroupPath
	for it := coll.maps[bpfMapCgroups].Iterate(); it.Next(&id, &path); {
		if slices.Contains(ids, id) {
			holds[id] = path.Refs
		}
	}
	// while others come and go, one may be met twice
	found := make(map[bpfProcessKey]uint64)
	var key bpfProcessKey
	var p bpfProcess
	for it := coll.maps[bpfMapProcesses].Iterate(); it.Next(&key, &p); {
		if slices.Contains(ids, p.Cgroup) {
			found[key] = p.Cgroup
		}
	}
	for _, id := range found {
		processes[id]++
	}
	return holds, processes
}

// Two CPUs find at the same time that a process is in another cgroup: one moves it, the
// other sees it fork, say. Each path has as many holds as there are processes: none is kept
// for ever, and none goes while somebody is there.
func TestTwoCPUsTakeInACgroupOnce(t *testing.T) {
	dirs := cgroupsUnder(t, "a", "b")
	ids := []uint64{cgroupID(t, dirs[0]), cgroupID(t, dirs[1])}
	coll, err := newCollection(choose(Options{}, kernel.HierarchyUnified))
	skipIfRefused(t, err)
	t.Cleanup(func() { _ = coll.Close() })
	const untilExec = 4 // groups; the next one is moves
	skipIfRefused(t, coll.attachGroups(groups[:untilExec]))
	moved, find := coll.runnable(t, bpfProgProcessMoved), tasks(t)
	s := startShell(t, nil, "")
	pid := s.Process.Pid
	task := find(pid)
	for i := range 1_000 {
		if err := os.WriteFile(filepath.Join(dirs[i%2], "cgroup.procs"), []byte(strconv.Itoa(pid)), 0o644); err != nil {
			t.Fatal(err)
		}
		if i == 1 { // another CPU is at it
			coll.whileLocked(t, uint32(pid), func() { run(t, moved, 0, 0, task) })
			if holds, processes := coll.heldPaths(ids); holds[ids[0]] != 1 || processes[ids[0]] != 1 {
				t.Fatalf("it does not wait its turn: paths have %v holds, of %v processes", holds, processes)
			}
		}
		atOnce(t, moved, 0, 0, task)
		holds, processes := coll.heldPaths(ids)
		if !maps.Equal(holds, processes) || processes[ids[i%2]] != 1 {
			t.Fatalf("move %d: paths have %v holds, of %v processes; it is in %d", i, holds, processes, ids[i%2])
		}
	}
	_ = unix.Kill(pid, unix.SIGKILL)
	_ = s.Wait()
}

// whileLocked does something while a CPU seems to change the cgroup of a process.
func (coll *collection) whileLocked(t *testing.T, pid uint32, do func()) {
	t.Helper()
	key, ok := coll.living(pid)
	if !ok {
		t.Fatal("the process is not in the table")
	}
	lock := bpfLock{Id: key.StartNs, Pid: key.Pid}
	if err := coll.maps[bpfMapLocks].Put(lock, uint8(1)); err != nil {
		t.Fatal(err)
	}
	do()
	if err := coll.maps[bpfMapLocks].Delete(lock); err != nil {
		t.Fatal(err)
	}
}
