package probe

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

func TestParseUnixListeners(t *testing.T) {
	const list = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 17223 /run/docker.sock
0000000000000000: 00000003 00000000 00000000 0001 03 17224 /run/docker.sock
0000000000000000: 00000002 00000000 00010000 0005 01 17225 /run/udev/control
0000000000000000: 00000002 00000000 00010000 0001 01 17226 @abstract
0000000000000000: 00000002 00000000 00010000 0001 01 17227
0000000000000000: 00000002 00000000 00010000 0001 01 x /run/x
0000000000000000: 00000002 00000000 00010000 0001 01 17228 /run/with a space.sock
`
	want := []unixListener{{17223, "/run/docker.sock"}, {17228, "/run/with a space.sock"}}
	got := parseUnixListeners(strings.NewReader(list + "0: 2 0 00010000 0001 01 9 /" + strings.Repeat("x", 120)))
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestEngineOf(t *testing.T) {
	for exe, want := range map[string]event.Engine{
		"/usr/bin/dockerd": event.EngineDocker, "/usr/bin/containerd (deleted)": event.EngineContainerd,
		"/snap/microk8s/7/bin/containerd": event.EngineContainerd, "/var/lib/rancher/k3s/data/x/bin/k3s": event.EngineContainerd,
		"/usr/libexec/incus/incusd": event.EngineIncus, "/usr/lib/systemd/systemd": "", "/usr/bin/containerd-shim-runc-v2": noEngine,
		"/usr/bin/docker": noEngine,
	} {
		if got := engineOf(exe); got != want {
			t.Errorf("%s is %q, want %q", exe, got, want)
		}
	}
}

// asEngine names the socket on which the test listens that is an engine.
const asEngine = "NSBLAME_TEST_ENGINE"

// An engine that listens elsewhere is found by its executable, and forgotten when it is
// gone.
func TestEngineIsFoundByItsExecutable(t *testing.T) {
	if path := os.Getenv(asEngine); path != "" {
		serve(t, path)
		return
	}
	socket, pid, end := startEngine(t, "dockerd", nil)
	found, gap := make(map[string]engineListener), ""
	w := newEngineWatch(
		func(l engineListener) error { found[l.path] = l; return nil },
		func(path string) error { delete(found, path); return nil },
		func(why string) { gap = why },
	)
	if l, ok := found["/run/containerd/containerd.sock"]; !ok || !l.grpc || l.uid != 0 {
		t.Errorf("containerd's socket is watched as %+v, %v", l, ok)
	}
	w.look()
	if _, err := executable(pid); err != nil {
		t.Skip("only root's executables are engines: ", err)
	}
	want := engineListener{path: socket, uid: uint32(os.Geteuid()), holder: pid}
	if diff := cmp.Diff(want, found[socket], cmp.AllowUnexported(engineListener{})); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(gap, "TCP") {
		t.Errorf("it listens on TCP as well, and the gap is %q", gap)
	}
	end()
	w.look()
	if l, ok := found[socket]; ok {
		t.Errorf("it is gone, and still watched as %+v", l)
	}
	if gap != "" {
		t.Errorf("it is gone, and the gap is %q", gap)
	}
}

// startEngine starts the test as a program of that name that listens on a socket. end ends
// it.
func startEngine(t *testing.T, name string, attr *syscall.SysProcAttr) (socket string, pid uint32, end func()) {
	t.Helper()
	dir := t.TempDir()
	socket, exe := filepath.Join(dir, "engine.sock"), filepath.Join(dir, name)
	copyFile(t, os.Args[0], exe)
	engine := exec.CommandContext(t.Context(), exe, "-test.run=^TestEngineIsFoundByItsExecutable$")
	engine.Env = append(os.Environ(), asEngine+"="+socket)
	engine.SysProcAttr = attr
	stdin, err := engine.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := engine.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(); err != nil {
		t.Skip("nothing can be run there: ", err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return socket, uint32(engine.Process.Pid), func() {
		_ = stdin.Close()
		_ = engine.Wait()
	}
}

// An engine is watched as soon as somebody connects to it, without a look at all processes.
// Whatever else has its name is not.
func TestEngineIsNoticed(t *testing.T) {
	for name, isEngine := range map[string]bool{"podman": true, "docker": false} {
		t.Run(name, func(t *testing.T) {
			socket, pid, end := startEngine(t, name, nil)
			defer end()
			if _, err := executable(pid); err != nil {
				t.Skip("only root's executables are engines: ", err)
			}
			put := make(chan engineListener, 100)
			w := newEngineWatch(
				func(l engineListener) error { put <- l; return nil }, func(string) error { return nil }, func(string) {},
			)
			for range wellKnownListeners() {
				<-put
			}
			w.listed = 1 // the look finds nothing
			w.notice(noticed{pid: pid, path: socket})
			w.notice(noticed{pid: pid, path: socket})
			go w.run()
			defer w.Close()
			if !isEngine {
				for len(w.noticed) > 0 {
					runtime.Gosched()
				}
				w.Close()
				if len(put) > 0 {
					t.Errorf("%+v is watched", <-put)
				}
				return
			}
			want := engineListener{path: socket, uid: uint32(os.Geteuid()), holder: pid}
			if diff := cmp.Diff(want, <-put, cmp.AllowUnexported(engineListener{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// An engine that is root in a user namespace of its own is not heard, and that is a gap.
func TestEngineInAUserNamespaceIsAGap(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root's executables are engines")
	}
	root := []syscall.SysProcIDMap{{Size: 1}}
	_, pid, end := startEngine(t, "podman", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: root, GidMappings: root})
	defer end()
	if !isApart(pid) || isApart(uint32(os.Getpid())) {
		t.Error("it is not told from root outside")
	}
}

// Too many sockets that may be engines' hold nothing up.
func TestNoticesAreBounded(t *testing.T) {
	w := newEngineWatch(
		func(engineListener) error { return nil }, func(string) error { return nil }, func(string) {},
	)
	for range 2 * maxNoticed {
		w.notice(noticed{pid: 1, path: "/run/x"})
	}
	if len(w.noticed) != maxNoticed {
		t.Errorf("%d wait", len(w.noticed))
	}
}

// A socket of which the kernel cannot learn is a gap until it can.
func TestEngineTableThatCannotBeWritten(t *testing.T) {
	const socket = "/run/engine.sock"
	var refusal error
	table := make(map[string]engineListener)
	w := newEngineWatch(
		func(l engineListener) error {
			if refusal == nil {
				table[l.path] = l
			}
			return refusal
		},
		func(path string) error {
			if refusal == nil {
				delete(table, path)
			}
			return refusal
		},
		func(string) {},
	)
	there := map[string]engineListener{socket: {path: socket}}
	for _, step := range []struct {
		now     map[string]engineListener
		refusal error
		heard   bool
	}{
		{there, errors.New("refused"), false},
		{there, nil, true},
		{nil, errors.New("refused"), true},
		{nil, nil, false},
	} {
		refusal = step.refusal
		gaps := strings.Join(w.update(step.now), "; ")
		if strings.Contains(gaps, "refused") != (refusal != nil) {
			t.Errorf("%+v: the gaps are %q", step, gaps)
		}
		if _, heard := table[socket]; heard != step.heard {
			t.Errorf("%+v: it is in the table: %v", step, heard)
		}
	}
}

// Processes that are not looked at are reported.
func TestMoreProcessesThanAreLookedAt(t *testing.T) {
	w := newEngineWatch(
		func(engineListener) error { return nil }, func(string) error { return nil }, func(string) {},
	)
	if _, all := w.engineProcesses(); !all {
		t.Error("not all processes are looked at")
	}
	w.listed = 1
	if _, all := w.engineProcesses(); all {
		t.Error("one is all")
	}
}

// serve listens until the standard input ends.
func serve(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, _ = os.Stdout.WriteString("!")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o755); err != nil {
		t.Fatal(err)
	}
}
