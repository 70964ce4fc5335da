package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/stream/recording"
)

// serviceManager receives that nsblame is ready, as systemd does.
func serviceManager(t *testing.T) *net.UnixConn {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	return conn
}

// told returns what the service manager has received, if anything.
func told(t *testing.T, manager *net.UnixConn) string {
	t.Helper()
	// What was sent is there: a datagram is delivered when it is written.
	if err := manager.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 100)
	n, err := manager.Read(text)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return string(text[:n])
}

// Whoever waits until nsblame is ready may open the recording next. So without
// one nobody hears that nsblame is ready.
func TestReadyAfterRecording(t *testing.T) {
	for name, args := range map[string][]string{
		"record": {"record", "--duration", "1ms", "-o"},
		"trace":  {"trace", "--duration", "1ms", "--record"},
	} {
		t.Run(name, func(t *testing.T) {
			manager, dir := serviceManager(t), t.TempDir()
			run := func(recording string) error {
				return exec.Command("nsblame-fake", append(args, filepath.Join(dir, recording))...).Run()
			}
			var exited *exec.ExitError
			if err := run("missing/r.avro"); !errors.As(err, &exited) || exited.ExitCode() != exitFailed {
				t.Fatalf("without a directory for the recording: %v", err)
			}
			if text := told(t, manager); text != "" {
				t.Errorf("without a recording the service manager was told %q", text)
			}
			if err := run("r.avro"); err != nil {
				t.Fatal(err)
			}
			if text := told(t, manager); text != "READY=1" {
				t.Errorf("with a recording the service manager was told %q", text)
			}
		})
	}
}

// What is announced is there: the recording has its beginning by then.
func TestReadyWithBeginning(t *testing.T) {
	file := filepath.Join(t.TempDir(), "r.avro")
	stop := errors.New("looked")
	err := recordTo(t.Context(), &fakeSource{}, func() error {
		begun, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = begun.Close() }()
		if _, err := recording.NewReader(begun); err != nil {
			t.Error(err)
		}
		return stop
	}, recordTarget{file: file}, nil)
	if !errors.Is(err, stop) {
		t.Error(err)
	}
}
