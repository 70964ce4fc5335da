package holders

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/explain/inventory"
	"github.com/nsblame/nsblame/internal/observe/procfs"
)

// maxLine bounds a line of mountinfo: an overlay may have many layers.
const maxLine = 1 << 20

// mountsOf finds where namespaces are mounted, once for each view of mounts.
func (s *Scan) mountsOf(st *procfs.Stat) {
	pid := st.ID.PID
	inum, err := s.inumAt(join(pid, "ns/mnt"), "mnt")
	if err == nil {
		var root string
		if root, err = os.Readlink(s.path(pid, "root")); err == nil {
			view := mountView{inum, sha256.Sum256([]byte(root))}
			if s.mounts[view] {
				return
			}
			s.mounts[view] = true
		}
	}
	if isDenial(err) {
		s.To.Gaps.Mounts++
		return
	}
	if err != nil {
		s.fail(err)
		return
	}
	if err := s.readMounts(st, inum); err != nil {
		s.fail(fmt.Errorf("mount namespace %d: %w", inum, err))
	}
}

var errLongLine = errors.New("a line of mountinfo is too long")

const (
	// maxView bounds in bytes what is read of the mounts of one view. A mount
	// namespace can have 100,000 (fs.mount-max), each with paths of 4 KiB.
	maxView = 64 << 20
	// maxViews bounds that of all views together.
	maxViews = 512 << 20
)

var (
	errLongView  = fmt.Errorf("its mounts take more than %d MiB, the rest was not read", maxView>>20)
	errLongViews = fmt.Errorf("the mounts of all mount namespaces take more than %d MiB, the rest was not read", maxViews>>20)
)

func (s *Scan) readMounts(st *procfs.Stat, view uint32) error {
	if s.mountBytes > maxViews {
		return errLongViews
	}
	f, err := os.Open(s.path(st.ID.PID, "mountinfo"))
	if err != nil {
		return err
	}
	defer f.Close()
	if s.lines == nil {
		s.lines = bufio.NewReaderSize(nil, maxLine)
	}
	r := s.lines
	r.Reset(f)
	for read := 0; ; {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return errLongLine
		}
		read += len(line)
		s.mountBytes += len(line)
		switch {
		case s.mountBytes > maxViews:
			return errLongViews
		case read > maxView:
			return errLongView
		}
		if inum, point, ok := parseMount(string(line)); ok && s.wants(inum) {
			m := inventory.Mount{Path: point, MountInum: view, Own: view == s.own}
			if !m.Own {
				m.Process = s.known(st)
			}
			s.To.Mount(inum, m)
			s.dateMount(inum, &m)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// datedDirs are where only root mounts. So looking at a path in them never
// waits for somebody else's file system.
var datedDirs = map[string]bool{"/run/netns": true, "/run/docker/netns": true}

func (s *Scan) dateMount(inum uint32, m *inventory.Mount) {
	if !m.Own || s.Root != "/proc" || s.dated[inum] || s.BootOfNS == nil || !datedDirs[filepath.Dir(m.Path)] {
		return
	}
	var st unix.Stat_t
	if err := unix.Lstat(m.Path, &st); err != nil || uint32(st.Ino) != inum {
		return
	}
	s.dated[inum] = true
	if ns := s.BootOfNS(st.Mtim.Nano()); ns > 0 {
		s.To.Existed(inum, ns, inventory.ByNsfs)
	}
}

// parseMount reads a line of mountinfo (proc_pid_mountinfo(5)) that is about a
// network namespace: its number, and where it is mounted.
func parseMount(line string) (inum uint32, point string, ok bool) {
	before, after, cut := strings.Cut(line, " - ")
	if !cut || !strings.HasPrefix(after, "nsfs ") {
		return 0, "", false
	}
	fields := strings.Split(before, " ")
	if len(fields) < 5 {
		return 0, "", false
	}
	inum, ok = parseLink(fields[3], "net")
	return inum, unescape(fields[4]), ok
}

// unescape undoes the kernel's \NNN for blanks, line feeds and backslashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && isOctal(s[i+1:i+4]) {
			b.WriteByte((s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func isOctal(s string) bool {
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7'
}
