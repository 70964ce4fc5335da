package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func spawn(argv ...string) error {
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		return err
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		return err
	}
	if status.ExitStatus() != 0 {
		return fmt.Errorf("%s ended with %d", argv[0], status.ExitStatus())
	}
	return nil
}

func repeat(n int, do func() error) error {
	for range n {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

func create() error { return spawn("/usr/bin/unshare", "-n", "true") }

// pingpong sends something to and fro over a socket that listens on a path, as
// services do. A process of its own answers. Neither informs the Go runtime of
// its system calls, because the runtime's reaction would be measured, too.
type pingpong struct {
	near    int
	message []byte
	buf     []byte // for what comes back
	far     *exec.Cmd
}

func newPingpong(path string, message []byte) (*pingpong, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(path); err != nil { // of the previous turn
		return nil, err
	}
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(listener) }()
	address := &unix.SockaddrUnix{Name: path}
	if err := errors.Join(unix.Bind(listener, address), unix.Listen(listener, 1)); err != nil {
		return nil, err
	}
	near, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(near, address); err != nil {
		return nil, err
	}
	accepted, _, err := unix.Accept(listener)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(accepted), path)
	defer func() { _ = file.Close() }()
	far := exec.Command("/proc/self/exe", answerVerb, "3")
	far.ExtraFiles, far.Stderr = []*os.File{file}, os.Stderr
	return &pingpong{near, message, make([]byte, messageMax), far}, far.Start()
}

// answerVerb has meter send back what comes from a file.
const answerVerb = "answer"

// messageMax is how much is read at once.
const messageMax = 1 << 12

func answer(number string) error {
	fd, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	buf := make([]byte, messageMax)
	for {
		n, err := rawRead(fd, buf)
		if n == 0 || err != nil {
			return err
		}
		if err := rawWrite(fd, buf[:n]); err != nil {
			return err
		}
	}
}

func rawRead(fd int, buf []byte) (int, error) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func rawWrite(fd int, data []byte) error {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)))
	if errno != 0 {
		return errno
	}
	if int(n) != len(data) {
		return io.ErrShortWrite
	}
	return nil
}

func (p *pingpong) send() error {
	if err := rawWrite(p.near, p.message); err != nil {
		return err
	}
	for left := len(p.message); left > 0; {
		n, err := rawRead(p.near, p.buf)
		if err != nil {
			return err
		}
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		left -= n
	}
	return nil
}

func (p *pingpong) close() error { return errors.Join(unix.Close(p.near), p.far.Wait()) }

// What clients that poll ask engines again and again, where engines listen.
var polls = []struct {
	row, path string
	message   []byte
}{
	{"poll", "/run/docker.sock", []byte("GET /v1.45/containers/json HTTP/1.1\r\nHost: api.moby.localhost\r\nUser-Agent: Docker-Client/27.0 (linux)\r\n\r\n")},
	{"status", "/run/containerd/containerd.sock", statusCall()},
}

// statusCall is a call of gRPC as a kubelet makes it to ask for the state of a
// container: a frame of headers, which is an index into a table by then, and one of data.
func statusCall() []byte {
	id := bytes.Repeat([]byte("0123456789abcdef"), 4)
	request := append([]byte{0x0a, byte(len(id))}, id...)
	data := append([]byte{0, 0, 0, 0, byte(len(request))}, request...)
	headers := bytes.Repeat([]byte{0xc0}, 12)
	frame := func(kind, flags byte, content []byte) []byte {
		return append([]byte{0, 0, byte(len(content)), kind, flags, 0, 0, 0, 1}, content...)
	}
	return append(frame(1, 4, headers), frame(0, 1, data)...)
}

// loopVerb has meter be one of the loops that create namespaces.
const loopVerb = "create-loop"

// createLoop creates namespaces, each by a thread of its own. Both end
// together.
func createLoop(count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	return repeat(n, func() error {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends
			done <- unshare()
		}()
		return <-done
	})
}

// unshare creates a namespace as soon as there is room for one. The kernel
// tears them down one by one, more slowly than some loops create them.
func unshare() error {
	for {
		err := unix.Unshare(unix.CLONE_NEWNET)
		if !errors.Is(err, unix.ENOSPC) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// createLoops runs several loops at once and returns how many each of them, by
// its pid, has created.
func createLoops(loops, creations int) (map[int]int, error) {
	pids := make(map[int]int)
	var cmds []*exec.Cmd
	for range loops {
		cmd := exec.Command("/proc/self/exe", loopVerb, strconv.Itoa(creations))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		cmds = append(cmds, cmd)
		pids[cmd.Process.Pid] = creations
	}
	var errs []error
	for _, cmd := range cmds {
		errs = append(errs, cmd.Wait())
	}
	return pids, errors.Join(errs...)
}

// paced does something at a given rate for a time, or at the highest rate that
// it can reach.
func paced(perSecond, seconds int, do func() error) error {
	begin := time.Now()
	for i := range perSecond * seconds {
		due := begin.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		time.Sleep(time.Until(due))
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// created is the needed part of a line that nsblame prints.
type created struct {
	Type    string
	Process *struct{ PID int }
	Error   *json.RawMessage // of a failed attempt
	Seen    uint64
	Printed uint64
	Lost    uint64
	// LostByKind has what was lost of each kind.
	LostByKind map[string]uint64 `json:"lost_by_kind"`
}

// attributed reads nsblame's output: how many creations each process has.
func attributed(path string) (map[int]int, *created, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	counts := make(map[int]int)
	var summary *created
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "{") {
			continue
		}
		var c created
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, nil, err
		}
		switch {
		case c.Type == "netns_create" && c.Process != nil && c.Error == nil:
			counts[c.Process.PID]++
		case c.Type == "summary":
			summary = &c
		}
	}
	if summary == nil {
		return nil, nil, errors.New("nsblame has printed no summary")
	}
	return counts, summary, lines.Err()
}
