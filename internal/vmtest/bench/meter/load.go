package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

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

// pingpong sends a byte to and fro over a socket that listens on a path, as
// services do.
type pingpong struct{ near, far int }

func newPingpong(path string) (*pingpong, error) {
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(listener) }()
	address := &unix.SockaddrUnix{Name: path}
	if err := errors.Join(unix.Bind(listener, address), unix.Listen(listener, 1)); err != nil {
		return nil, err
	}
	p := &pingpong{}
	if p.near, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0); err != nil {
		return nil, err
	}
	if err := unix.Connect(p.near, address); err != nil {
		return nil, err
	}
	if p.far, _, err = unix.Accept(listener); err != nil {
		return nil, err
	}
	go p.answer()
	return p, nil
}

func (p *pingpong) answer() {
	runtime.LockOSThread()
	var b [1]byte
	for {
		if n, err := unix.Read(p.far, b[:]); n != 1 || err != nil {
			return
		}
		if _, err := unix.Write(p.far, b[:]); err != nil {
			return
		}
	}
}

func (p *pingpong) send() error {
	b := [1]byte{'p'}
	if _, err := unix.Write(p.near, b[:]); err != nil {
		return err
	}
	_, err := unix.Read(p.near, b[:])
	return err
}

func (p *pingpong) close() { _ = errors.Join(unix.Close(p.near), unix.Close(p.far)) }

// loopVerb has meter be one of the loops that create namespaces.
const loopVerb = "create-loop"

// createLoop creates namespaces, each by a thread of its own, with which it
// ends.
func createLoop(count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	return repeat(n, func() error {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends
			done <- unix.Unshare(unix.CLONE_NEWNET)
		}()
		return <-done
	})
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

// paced does something so many times a second, as far as it can, for a time.
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

// created is what is read of a line of nsblame's.
type created struct {
	Type    string
	Process *struct{ PID int }
	Seen    uint64
	Printed uint64
	Lost    uint64
	// LostByKind has what was lost of each kind.
	LostByKind map[string]uint64 `json:"lost_by_kind"`
}

// attributed reads what nsblame has printed: how many creations of each
// process.
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
		case c.Type == "netns_create" && c.Process != nil:
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
