//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/gliderlabs/ssh"
)

// sshServer is a machine on this one's loopback that runs any command line by a shell,
// as sshd does. It asks for no password. It returns its port.
func sshServer(t *testing.T, path string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &ssh.Server{Handler: func(s ssh.Session) {
		code, err := serveTerminal(s, path)
		if err != nil {
			fmt.Fprintln(s.Stderr(), err)
		}
		_ = s.Exit(code) // the client may be gone
	}}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, ssh.ErrServerClosed) {
			t.Error(err)
		}
	})
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// serveTerminal runs what a client asks for on a terminal of the size of the client's.
func serveTerminal(s ssh.Session, path string) (code int, err error) {
	asked, sizes, ok := s.Pty()
	if !ok {
		return 255, errors.New("no terminal was asked for: ssh -t")
	}
	cmd := exec.CommandContext(s.Context(), "sh", "-c", s.RawCommand())
	cmd.Env = append(os.Environ(), "TERM="+asked.Term, "PATH="+path)
	terminal, err := pty.StartWithSize(cmd, size(asked.Window))
	if err != nil {
		return 255, err
	}
	defer terminal.Close()
	over, resized := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(resized)
		follow(terminal, sizes, over)
	}()
	go func() { _, _ = io.Copy(terminal, s) }() // ends with the session
	_, _ = io.Copy(s, terminal)                 // Linux ends it with EIO
	close(over)
	<-resized
	if err := cmd.Wait(); err != nil && cmd.ProcessState == nil {
		return 255, err
	}
	return cmd.ProcessState.ExitCode(), nil
}

// follow gives a terminal the sizes that come, until it is over.
func follow(terminal *os.File, sizes <-chan ssh.Window, over <-chan struct{}) {
	for {
		select {
		case w, ok := <-sizes:
			if !ok {
				return
			}
			_ = pty.Setsize(terminal, size(w)) // its program may have ended
		case <-over:
			return
		}
	}
}

func size(w ssh.Window) *pty.Winsize {
	return &pty.Winsize{Rows: uint16(w.Height), Cols: uint16(w.Width)}
}

// Over ssh top is the same, and follows the size of the terminal that is far away.
func TestTopOverSSH(t *testing.T) {
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("there is no ssh: make deps installs it")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "nsblame")); err != nil {
		t.Fatal(err)
	}
	recording := filepath.Join(examplesPath(t), "kubernetes.avro")
	m := openTmux(t, 80, 24, strings.Join([]string{
		"ssh -F none -tt -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
		"-p", sshServer(t, dir+":"+os.Getenv("PATH")), "127.0.0.1", "nsblame top --from", recording,
	}, " "))
	m.until("> 1     11  79", "pod broken/job-node1", "since 2026-11-30 06:52:39", "$ kubectl --namespace broken describe pod job-node1")
	m.press("Enter")
	m.until("WHAT ENDS IT", "THE LAST 60 MINUTES")
	m.press("Escape")
	m.until("> 1     11")
	m.run("resize-window", "-x", "120", "-y", "40")
	m.until("PER HOUR", "> 1     11")
	m.run("resize-window", "-x", "60", "-y", "15")
	m.until("> 1     11", "$ kubectl")
	m.press("q")
	m.until("left with 0")
}
