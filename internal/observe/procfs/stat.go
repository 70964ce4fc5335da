package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/kernel"
)

// Stat is what every user may see of a process.
type Stat struct {
	// ID is its identity, StartNS being the beginning of the clock tick (10 ms)
	// in which it started.
	ID event.ProcessID
	// Comm is its name.
	Comm string
	// Kernel is set for a kernel thread.
	Kernel bool
}

// Stat reads it. The error is ErrGone if the process does not exist.
func (f FS) Stat(pid uint32) (Stat, error) {
	st, err := f.stat(pid)
	return Stat{
		ID: event.ProcessID{PID: pid, StartNS: st.ticks * tickNS}, Comm: st.comm, Kernel: st.flags&pfKthread != 0,
	}, err
}

// pfKthread is PF_KTHREAD (include/linux/sched.h).
const pfKthread = 0x00200000

// stat is the fields of /proc/PID/stat (fs/proc/array.c, do_task_stat) that are
// used.
type stat struct {
	comm         string
	flags, ticks uint64
}

func (f FS) stat(pid uint32) (stat, error) {
	raw, err := f.read(pid, "stat", maxStat)
	if err != nil {
		return stat{}, err
	}
	st, err := parseStat(raw)
	if err != nil {
		return stat{}, fmt.Errorf("read start time of process %d from /proc/%d/stat: %w", pid, pid, err)
	}
	return st, nil
}

var errStat = errors.New("unexpected form")

// parseStat counts the fields after the comm, which may contain anything.
func parseStat(raw []byte) (stat, error) {
	begin, end := bytes.IndexByte(raw, '('), bytes.LastIndexByte(raw, ')')
	fields := bytes.Fields(raw[end+1:])
	const flags, starttime = 9 - 3, 22 - 3 // the first field after the comm is the third
	if begin < 0 || end < begin || len(fields) <= starttime {
		return stat{}, errStat
	}
	st := stat{comm: string(raw[begin+1 : end])}
	var err error
	if st.flags, err = strconv.ParseUint(string(fields[flags]), 10, 64); err != nil {
		return stat{}, err
	}
	st.ticks, err = strconv.ParseUint(string(fields[starttime]), 10, 64)
	return st, err
}

// Cgroup returns the path of a process's cgroup in a hierarchy.
func (f FS) Cgroup(pid uint32, h kernel.Hierarchy) (string, error) {
	raw, err := f.read(pid, "cgroup", maxCgroup)
	if err != nil {
		return "", err
	}
	if len(raw) == maxCgroup {
		return "", fmt.Errorf("read the cgroup of process %d: /proc/%d/cgroup is longer than %d bytes", pid, pid, maxCgroup)
	}
	controllers := string(h)
	if h == kernel.HierarchyUnified {
		controllers = ""
	}
	for line := range strings.Lines(string(raw)) {
		// id:controllers:path; the path may hold colons
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) == 3 && fields[1] == controllers {
			return fields[2], nil
		}
	}
	return "", fmt.Errorf("read the cgroup of process %d: it is not in the hierarchy %s", pid, h)
}

// Writes reports whether a process has a file open for writing. What follows the
// flags can be long: an epoll instance lists all that it watches.
func (f FS) Writes(pid, fd uint32) bool {
	info, err := f.read(pid, "fdinfo/"+strconv.FormatUint(uint64(fd), 10), maxStatus)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(info)) {
		if octal, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseUint(strings.TrimSpace(octal), 8, 64)
			return err == nil && flags&unix.O_ACCMODE != unix.O_RDONLY
		}
	}
	return false
}

// UID returns the real user id of a process, in this process's user namespace.
func (f FS) UID(pid uint32) (uint32, error) {
	raw, err := f.read(pid, "status", maxStatus)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Uid:" {
			uid, err := strconv.ParseUint(fields[1], 10, 32)
			return uint32(uid), err
		}
	}
	return 0, fmt.Errorf("read the user of process %d: unexpected form of /proc/%d/status", pid, pid)
}
