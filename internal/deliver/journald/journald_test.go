package journald_test

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/nsblame/nsblame/internal/deliver/journald"
)

func notice(n uint64) []byte { return fmt.Appendf(nil, "dropped %d", n) }

func listen(t *testing.T) (string, *net.UnixConn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		t.Skip("no unix datagrams here: ", err)
	}
	t.Cleanup(func() { conn.Close() })
	return path, conn
}

func read(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	var b [1 << 17]byte
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(b[:])
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestWritten(t *testing.T) {
	path, conn := listen(t)
	w, err := journald.Open(path, notice)
	if err != nil {
		t.Fatal(err)
	}
	large := make([]byte, 64<<10)
	w.Put([]byte("a"))
	w.Put(large)
	if got := read(t, conn); got != "a" {
		t.Errorf("%q", got)
	}
	if got := read(t, conn); len(got) != len(large) {
		t.Errorf("%d bytes", len(got))
	}
	if n := w.Close(time.Minute); n != 0 {
		t.Errorf("%d dropped", n)
	}
}

// A journal that reads nothing holds nobody up. What it does not take is counted, to it
// as well.
func TestStuck(t *testing.T) {
	path, conn := listen(t)
	w, err := journald.Open(path, notice)
	if err != nil {
		t.Fatal(err)
	}
	const sent = 4 * journald.MaxQueued
	for i := range sent {
		w.Put(fmt.Append(nil, i))
	}
	var got, told uint64
	for got+told < sent {
		var more uint64
		if _, err := fmt.Sscanf(read(t, conn), "dropped %d", &more); err != nil {
			more, got = 0, got+1
		}
		told += more
	}
	dropped := w.Close(time.Minute)
	if got+dropped != sent || told != dropped || dropped == 0 {
		t.Errorf("%d written, %d dropped, %d told, of %d", got, dropped, told, sent)
	}
}

func TestCloseOfStuck(t *testing.T) {
	path, _ := listen(t)
	w, err := journald.Open(path, notice)
	if err != nil {
		t.Fatal(err)
	}
	const sent = journald.MaxQueued
	for range sent {
		w.Put([]byte("x"))
	}
	if n := w.Close(0); n == 0 || n > sent {
		t.Errorf("%d dropped", n)
	}
}

func TestNoJournal(t *testing.T) {
	if _, err := journald.Open(filepath.Join(t.TempDir(), "none"), notice); !errors.Is(err, journald.ErrNone) {
		t.Errorf("%v", err)
	}
}
