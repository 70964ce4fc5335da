// Package procfs reads from /proc what the BPF programs do not know of a
// process: the command line and executable of one that is older than nsblame,
// and the rest of a command line that was cut.
package procfs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
)

// ErrGone is returned for a process that has ended, or whose pid another
// process has taken since.
var ErrGone = errors.New("process has ended")

// tickNS is the length of the clock tick in which /proc/PID/stat gives the
// start time: USER_HZ is 100 on every architecture that nsblame is built for.
const tickNS = 10_000_000

// maxArgv bounds how much of a command line is read and kept. A process can make
// its own as long as its address space (prctl(2), PR_SET_MM_ARG_END).
const maxArgv = 1 << 16

// FS is a mounted procfs.
type FS struct{ root string }

// Default is the procfs at its usual place.
func Default() FS { return FS{root: "/proc"} }

// At is one that is mounted elsewhere.
func At(root string) FS { return FS{root: root} }

// Program reads the command line and the executable of a living process. The
// start time is compared afterwards: a process that still has the pid had it all
// the time. It is compared to the clock tick (10 ms), which is as exact as /proc
// is. It returns ErrGone if the process is not there.
//
// The kernel waits for the process's own memory map where the process keeps that
// locked: see Reader for reads that nobody has to wait for.
func (f FS) Program(id event.ProcessID) (event.Program, error) {
	prog := event.Program{ID: event.ProgramID{Process: id}, Source: event.SourceProc}
	raw, err := f.read(id.PID, "cmdline", maxArgv+1)
	if err != nil {
		return prog, err
	}
	prog.Argv, prog.ArgvTruncated = SplitArgv(raw)
	// kernel threads have no executable, and others may be hidden
	prog.Exe, _ = os.Readlink(f.path(id.PID, "exe"))
	return prog, f.same(id)
}

// SplitArgv cuts a block of arguments, each ended by NUL, into its parts.
// truncated is set if the block was longer than what is kept.
func SplitArgv(raw []byte) (argv []string, truncated bool) {
	if len(raw) > maxArgv {
		raw, truncated = raw[:maxArgv], true
	}
	if len(raw) == 0 {
		return nil, truncated
	}
	return strings.Split(string(bytes.TrimSuffix(raw, []byte{0})), "\x00"), truncated
}

// same returns ErrGone unless the process with that pid is the one that
// started then.
func (f FS) same(id event.ProcessID) error {
	ticks, err := f.startTicks(id.PID)
	if err != nil {
		return err
	}
	if ticks != id.StartNS/tickNS {
		return ErrGone
	}
	return nil
}

func (f FS) startTicks(pid uint32) (uint64, error) {
	st, err := f.stat(pid)
	return st.ticks, err
}

func (f FS) path(pid uint32, name string) string {
	return filepath.Join(f.root, strconv.FormatUint(uint64(pid), 10), name)
}

func gone(err error) error {
	// ESRCH comes from a file that was opened before the process ended
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return ErrGone
	}
	return err
}
