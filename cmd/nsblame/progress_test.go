package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// openTerminal returns a terminal and the other side of it, on which what is written to
// the terminal can be read.
func openTerminal(t *testing.T, columns uint16) (terminal, screen *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no terminals here: ", err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	fd := int(screen.Fd())
	must(unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	must(err)
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	must(err)
	must(unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}))
	t.Cleanup(func() { _ = terminal.Close(); _ = screen.Close() })
	return terminal, screen
}

// await reads a screen until it shows a text.
func await(t *testing.T, screen io.Reader, text string) {
	t.Helper()
	var shown strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(shown.String(), text) {
		n, err := screen.Read(buf)
		if err != nil {
			t.Fatalf("%v; shown was %q", err, shown.String())
		}
		shown.Write(buf[:n])
	}
}

func TestTerminalWidth(t *testing.T) {
	t.Setenv("COLUMNS", "")
	for columns, want := range map[uint16]int{120: 120, 0: 80, 10: 40, 5000: 1000} {
		terminal, _ := openTerminal(t, columns)
		if got := terminalWidth(newOutput(terminal)); got != want {
			t.Errorf("%d columns: %d", columns, got)
		}
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := terminalWidth(newOutput(file)); got != 0 {
		t.Errorf("a file: %d", got)
	}
	t.Setenv("COLUMNS", "132")
	if got := terminalWidth(newOutput(file)); got != 132 {
		t.Errorf("COLUMNS: %d", got)
	}
}

func TestShowWatching(t *testing.T) {
	terminal, screen := openTerminal(t, 80)
	var s seen
	for _, errno := range []uint32{0, 0, 28} {
		c := &finding.Created{Attribution: &finding.Attribution{Creation: &lineage.Creation{}}, Selected: true}
		c.Netns.Errno = errno
		if err := s.Consume(c); err != nil {
			t.Fatal(err)
		}
	}
	end := (&liveFlags{duration: time.Hour}).showWatching(terminal, &s)
	await(t, screen, "watching: 2 created, 1 failed, ")
	await(t, screen, " of 1h, until ")
	end()
	await(t, screen, clearLine)
}

func TestShowBar(t *testing.T) {
	terminal, screen := openTerminal(t, 80)
	end := showBar(terminal, 1000, 0, func() int64 { return 500 })
	await(t, screen, "reading  50%")
	end()
}

// Neither a file nor what is no terminal gets any of it.
func TestNoProgress(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	showLine(file, func() string { return "shown" })()
	showReading(file, &recorded{names: []string{file.Name()}})()
	if info, err := file.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("%v, %v", info.Size(), err)
	}
}

// Only whole files have a size that stays.
func TestRecordedSize(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(name, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		r    *recorded
		want int64
	}{
		{&recorded{names: []string{name, name}}, 10},
		{&recorded{names: []string{name}, follow: true}, 0},
		{&recorded{names: []string{"-"}}, 0},
	} {
		if got := tc.r.size(); got != tc.want {
			t.Errorf("%q: %d", tc.r.names, got)
		}
	}
}

func TestShortDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		10 * time.Millisecond: "10ms", 90 * time.Second: "1m30s", time.Hour: "1h", 10 * time.Minute: "10m",
		20 * time.Second: "20s", 24 * time.Hour: "24h", time.Hour + time.Second: "1h0m1s", 30 * time.Minute: "30m",
	} {
		if got := shortDuration(d); got != want {
			t.Errorf("%v: %q", d, got)
		}
	}
}
