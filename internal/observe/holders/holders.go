package holders

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/inventory"
	"github.com/nsblame/nsblame/internal/observe/kernel"
	"github.com/nsblame/nsblame/internal/observe/procfs"
)

// Scan is a look at all processes.
type Scan struct {
	// Root is where procfs is mounted, /proc if empty.
	Root string
	// Hierarchy is that of the cgroups which name units.
	Hierarchy kernel.Hierarchy
	// Delegations tells which names of cgroups are not the machine's. If it is nil,
	// nobody knows.
	Delegations *Delegations
	// To takes what is found.
	To *inventory.Builder
	// FilesKnown is set if the open files are known already. Then only Writers
	// needs a look at them.
	FilesKnown bool
	// Only lists the namespaces to look for, all if nil.
	Only map[uint32]bool
	// Writers has files by their absolute path. A value becomes true if a
	// process has the file open for writing.
	Writers map[string]bool
	// BootOfNS turns a time of the wall clock into one since boot, both in
	// nanoseconds; 0 if it was before.
	BootOfNS func(wall int64) uint64

	proc     procfs.FS
	programs *procfs.Reader
	mounts   map[mountView]bool
	own      uint32 // the mount namespace of this process
	dated    map[uint32]bool
	// lines reads mountinfo, mountBytes counts what it has read.
	lines      *bufio.Reader
	mountBytes int
}

// mountView is a process's view of mounts: its mount namespace, and the hash of
// its root in it. A root's own path can be long, and processes have many.
type mountView struct {
	inum uint32
	root [sha256.Size]byte
}

// batch is how many entries of a directory are read at once.
const batch = 1024

// Run looks at each process once. What it may not read is counted as a gap. An
// error means that the processes could not be listed, or that ctx is done.
func (s *Scan) Run(ctx context.Context) error {
	s.open()
	s.mounts = make(map[mountView]bool)
	if own, err := s.inumAt("self/ns/mnt", "mnt"); err == nil {
		s.own = own
	}
	return s.each(s.Root, func(pid uint32) error {
		s.process(pid)
		return ctx.Err()
	})
}

func (s *Scan) open() {
	if s.Root == "" {
		s.Root = "/proc"
	}
	s.proc = procfs.At(s.Root)
	if s.programs == nil {
		s.programs = procfs.NewReader(s.proc, procfs.Patient)
	}
	if s.dated == nil {
		s.dated = make(map[uint32]bool)
	}
}

// maxFiles bounds how many open files of one process are looked at. What goes
// beyond is a gap. Processes can share a table of a million, at no cost.
const maxFiles = 1 << 16

// errTooMany ends a look at a directory with too many entries.
var errTooMany = fmt.Errorf("more than %d open files", maxFiles)

// each calls f for each entry of a directory that is a number.
func (s *Scan) each(dir string, f func(uint32) error) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(batch)
		for _, name := range names {
			n, notNumber := strconv.ParseUint(name, 10, 32)
			if notNumber != nil {
				continue
			}
			if err := f(uint32(n)); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *Scan) process(pid uint32) {
	st, err := s.proc.Stat(pid)
	if err != nil {
		s.fail(err)
		return
	}
	if st.Kernel {
		// kernel threads are in the initial namespace, and hold nothing else
		if inum, err := s.inumAt(join(pid, "ns/net"), "net"); err == nil && s.wants(inum) {
			s.To.Initial(inum)
		}
		return
	}
	s.threads(&st)
	if !s.FilesKnown || len(s.Writers) > 0 {
		s.files(&st)
	}
	s.mountsOf(&st)
}

// threads finds the namespaces of a process's threads.
func (s *Scan) threads(st *procfs.Stat) {
	type part struct {
		first, count uint32
		leads        bool
	}
	parts := make(map[uint32]part, 1)
	denied := false
	err := s.each(s.path(st.ID.PID, "task"), func(tid uint32) error {
		inum, err := s.inumAt(join(st.ID.PID, "task/"+strconv.FormatUint(uint64(tid), 10)+"/ns/net"), "net")
		switch {
		case isDenial(err):
			denied = true
		case err != nil:
			s.fail(err)
		case s.wants(inum):
			p := parts[inum]
			if p.count == 0 {
				p.first = tid
			}
			p.count++
			p.leads = p.leads || tid == st.ID.PID
			parts[inum] = p
		}
		return nil
	})
	if denied || isDenial(err) {
		s.To.Gaps.Processes++
	} else if err != nil {
		s.fail(err)
	}
	for inum, part := range parts {
		if s.To.IsInitial(inum) { // only the count is kept of it
			s.To.Occupant(inum, inventory.Process{ID: st.ID}, uint64(part.count))
			continue
		}
		p := s.known(st)
		if part.leads {
			s.date(inum, join(st.ID.PID, "ns/net"))
		} else {
			p.TID = part.first
		}
		s.To.Occupant(inum, p, uint64(part.count))
	}
}

// known is what is kept of each process.
func (s *Scan) known(st *procfs.Stat) inventory.Process {
	p := inventory.Process{ID: st.ID, Comm: st.Comm}
	cgroup, err := s.proc.Cgroup(st.ID.PID, s.Hierarchy)
	if err == nil && s.Delegations != nil {
		p.Delegated, err = s.Delegations.Of(cgroup)
	}
	if err == nil {
		p.Cgroup, p.CgroupKnown = cgroup, true
	}
	return p
}

// Known returns what is kept of a living process; false if it has ended.
func (s *Scan) Known(id event.ProcessID) (inventory.Process, bool) {
	s.open()
	st, err := s.proc.Stat(id.PID)
	if err != nil || st.ID.StartNS != id.StartNS/tick*tick {
		return inventory.Process{}, false
	}
	return s.known(&st), true
}

// files finds the namespaces that a process has open.
func (s *Scan) files(st *procfs.Stat) {
	denied, seen := false, 0
	err := s.each(s.path(st.ID.PID, "fd"), func(fd uint32) error {
		if seen++; seen > maxFiles {
			return errTooMany
		}
		at := join(st.ID.PID, "fd/"+strconv.FormatUint(uint64(fd), 10))
		target, err := os.Readlink(filepath.Join(s.Root, at))
		switch {
		case isDenial(err):
			denied = true
			return nil
		case err != nil: // it was closed meanwhile, most often
			s.fail(err)
			return nil
		}
		if inum, ok := parseLink(target, "net"); ok && s.wants(inum) && !s.FilesKnown {
			s.To.File(inum, inventory.File{Process: s.known(st), FD: fd})
			s.date(inum, at)
		}
		if open, asked := s.Writers[target]; asked && !open && s.proc.Writes(st.ID.PID, fd) {
			s.Writers[target] = true
		}
		return nil
	})
	switch {
	case s.FilesKnown:
	case denied || isDenial(err):
		s.To.Gaps.Files++
	case errors.Is(err, errTooMany):
		s.fail(fmt.Errorf("process %d has %w, the rest was not looked at", st.ID.PID, err))
	case err != nil:
		s.fail(err)
	}
}

// Date finds out how old the kernel's file of a namespace is, for one that a
// process has open.
func (s *Scan) Date(inum, pid, fd uint32) {
	s.open()
	s.date(inum, join(pid, "fd/"+strconv.FormatUint(uint64(fd), 10)))
}

// date finds out how old the kernel's file of a namespace is. The file is made
// when somebody opens or mounts it, and stays as long as anybody does. If
// nobody does, the question itself makes it.
func (s *Scan) date(inum uint32, link string) {
	if s.dated[inum] || s.BootOfNS == nil {
		return
	}
	st, ok := s.statNamespace(inum, link)
	if !ok {
		return
	}
	s.dated[inum] = true
	if ns := s.BootOfNS(st.Mtim.Nano()); ns > 0 {
		s.To.Existed(inum, ns, inventory.ByNsfs)
	}
}

// statNamespace asks about the file that a link of /proc leads to. The process may
// have put another file into its place by now, and a file system of its own might
// never answer. So the file is opened without effect, and asked only if it still
// is the namespace's.
func (s *Scan) statNamespace(inum uint32, link string) (st unix.Stat_t, ok bool) {
	fd, err := unix.Open(filepath.Join(s.Root, link), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return st, false
	}
	defer unix.Close(fd)
	target, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if s.Root != "/proc" {
		target = filepath.Base(target) // a tree made for a test
	}
	if is, named := parseLink(target, "net"); err != nil || !named || is != inum {
		return st, false
	}
	return st, unix.Fstat(fd, &st) == nil && uint32(st.Ino) == inum
}

func (s *Scan) wants(inum uint32) bool { return s.Only == nil || s.Only[inum] }

// inumAt reads which namespace a link names.
func (s *Scan) inumAt(link, kind string) (uint32, error) {
	target, err := os.Readlink(filepath.Join(s.Root, link))
	if err != nil {
		return 0, err
	}
	inum, ok := parseLink(target, kind)
	if target == "" {
		return 0, fs.ErrPermission // what 5.10 returns
	}
	if !ok {
		return 0, errors.New("read " + strconv.Quote(link) + ": unexpected form: " + strconv.Quote(target))
	}
	return inum, nil
}

// parseLink reads "net:[4026531840]". A path in a file system begins with a
// slash, so it cannot be confused with this.
func parseLink(target, kind string) (uint32, bool) {
	digits, ok := strings.CutPrefix(target, kind+":[")
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, "]")
	inum, err := strconv.ParseUint(digits, 10, 32)
	return uint32(inum), ok && err == nil
}

func (s *Scan) path(pid uint32, name string) string { return filepath.Join(s.Root, join(pid, name)) }

func join(pid uint32, name string) string { return strconv.FormatUint(uint64(pid), 10) + "/" + name }

func isDenial(err error) bool { return errors.Is(err, fs.ErrPermission) }

// fail counts what could not be read although nobody forbids it. A process or a
// thread that has ended is no failure.
func (s *Scan) fail(err error) {
	if errors.Is(err, procfs.ErrGone) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return
	}
	g := &s.To.Gaps
	g.Failed++
	if g.Why == "" {
		g.Why = err.Error()
	}
}

// Complete reads the rest about a process that is listed.
func (s *Scan) Complete(p *inventory.Process) {
	if p.Described {
		return
	}
	s.open()
	program, err := s.programs.Program(p.ID)
	if err != nil {
		program.ArgvUnread = true
	}
	uid, uidErr := s.proc.UID(p.ID.PID)
	if st, err := s.proc.Stat(p.ID.PID); err != nil || uidErr != nil || st.ID.StartNS != p.ID.StartNS/tick*tick {
		return // it has ended, or another process has its pid
	}
	p.Program, p.UID, p.Described = program, uid, true
}

// tick is the resolution of times in /proc, in nanoseconds.
const tick = 10_000_000
