package systemd

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/observe/filesystem"
	"github.com/nsblame/nsblame/internal/observe/systemd/unitfile"
)

// A manager can name any path. Of those that are no plain files none is read,
// and none holds nsblame up.
func TestOnlyFilesOfFileSystemsForFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	fifo, link, plain := filepath.Join(dir, "fifo"), filepath.Join(dir, "link"), filepath.Join(dir, "a.service")
	if err := errors.Join(
		syscall.Mkfifo(fifo, 0o644), os.Symlink("/proc/kmsg", link),
		os.WriteFile(plain, []byte("[Unit]\n"), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		want error // nil: it is read
	}{
		{plain, nil},
		{"/proc/kmsg", filesystem.ErrKind},
		{link, filesystem.ErrKind},
		{"/proc/self/mem", filesystem.ErrKind},
		{"/proc/self/environ", filesystem.ErrKind},
		{"/proc/sys/kernel/random/uuid", filesystem.ErrKind},
		{"/sys/kernel/uevent_seqnum", filesystem.ErrKind},
		{"/sys/kernel/tracing/trace_pipe", filesystem.ErrKind},
		{"/sys/kernel/debug/tracing/trace_pipe", filesystem.ErrKind},
		{"/sys/fs/cgroup/cgroup.procs", filesystem.ErrKind},
		{"/dev/zero", errNotRegular},
		{"/dev/kmsg", errNotRegular},
		{fifo, errNotRegular},
		{dir, errNotRegular},
	} {
		t.Run(tt.path, func(t *testing.T) {
			text, err := newFileReader().read(tt.path)
			if errors.Is(err, fs.ErrNotExist) {
				t.Skip(err)
			}
			if !errors.Is(err, tt.want) || tt.want != nil && text != nil {
				t.Errorf("%d bytes, error %v, want %v", len(text), err, tt.want)
			}
		})
	}
	if text, err := newFileReader().read(os.DevNull); text != nil || err != nil {
		t.Errorf("a masked unit: %q, %v", text, err)
	}
}

// What is read of one file, and of all files of a unit, has a bound.
func TestUnitFilesAreReadToABound(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large.service")
	if err := os.WriteFile(large, make([]byte, 8<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	r := newFileReader()
	read := 0
	for {
		text, err := r.read(large)
		if read += len(text); errors.Is(err, errFilesTooLarge) {
			break
		}
		if err != nil || len(text) > 4*unitfile.MaxSize || read > maxFiles {
			t.Fatalf("%d bytes, %d of all files, %v", len(text), read, err)
		}
	}
	if read == 0 {
		t.Error("nothing was read")
	}
}

// A user's files are read as that user: what the user may not read, nsblame does
// not read for him.
func TestAUsersFilesAreReadAsThatUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("takes root, to read as somebody else")
	}
	const nobody = 65534
	dir := t.TempDir()
	secret, own, open := filepath.Join(dir, "secret"), filepath.Join(dir, "own"), filepath.Join(dir, "open")
	for file, mode := range map[string]os.FileMode{secret: 0o640, own: 0o600, open: 0o644} {
		if err := os.WriteFile(file, []byte("[Unit]\nJoinsNamespaceOf=x.service\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(own, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		want bool
	}{{secret, false}, {own, true}, {open, true}, {"/etc/shadow", false}, {"/proc/1/environ", false}} {
		f := &fileReads{asUser: true}
		u := &event.UnitState{Name: "a.service", FragmentPath: tt.path}
		found := f.read(t.Context(), u, credentials{nobody, nobody})
		if errors.Is(found.err, errRights) {
			t.Skip(found.err)
		}
		if got := len(found.settings) > 0; got != tt.want || got == (found.err != nil) {
			t.Errorf("%s: %+v, %v", tt.path, found.settings, found.err)
		}
	}
	// nsblame itself has lost nothing
	if _, err := os.ReadFile(secret); err != nil {
		t.Error(err)
	}
}

// Files that never come hold up neither the answer nor the ones after it.
func TestFilesThatHangAreLeftAlone(t *testing.T) {
	release := make(chan struct{})
	f := &fileReads{open: func() readFile {
		return func(string) ([]byte, error) {
			<-release
			return nil, nil
		}
	}}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errEnded)
	u := event.UnitState{Name: "a.service", FragmentPath: "/a", PrivateNetwork: true}
	f.locate(ctx, &u, credentials{}, newRoom())
	if len(u.Problems) != 1 || u.Problems[0] != errEnded.Error() || len(u.Settings) != 1 {
		t.Errorf("%+v", u)
	}
	second := event.UnitState{Name: "b.service", FragmentPath: "/b"}
	f.locate(t.Context(), &second, credentials{}, newRoom())
	if len(second.Problems) != 1 || second.Problems[0] != errFilesHang.Error() {
		t.Errorf("%+v", second)
	}
	close(release)
	for end := time.Now().Add(time.Minute); f.hangs.Load(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it hangs though the read has returned")
		}
	}
	f.open = nil
	third := event.UnitState{Name: "c.service", FragmentPath: "/nowhere"}
	f.locate(t.Context(), &third, credentials{}, newRoom())
	if len(third.Problems) != 1 || !strings.Contains(third.Problems[0], "/nowhere") {
		t.Errorf("%+v", third)
	}
}
