// Package journald writes entries to systemd's journal, through its socket.
//
// An entry is a datagram of the native protocol
// (https://systemd.io/JOURNAL_NATIVE_PROTOCOL). The Send of go-systemd has the path of
// the socket fixed and waits for the journal; nsblame may be in a container, where the
// machine's socket has another path, and must never wait.
package journald

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// Socket is where the journal listens.
const Socket = "/run/systemd/journal/socket"

const (
	// MaxQueued bounds the entries that wait for the journal.
	MaxQueued = 1024
	// patience is how long the journal may take for one.
	patience = time.Second
)

// ErrNone says that no journal is there.
var ErrNone = errors.New("no journal listens there: is systemd-journald running?")

// Writer writes entries, from a goroutine of its own.
type Writer struct {
	conn    *net.UnixConn
	to      *net.UnixAddr
	queue   chan []byte
	notice  func(dropped uint64) []byte
	dropped atomic.Uint64
	done    chan struct{}
	stop    chan struct{}
}

// Open returns a writer to the socket at a path. notice makes the entry that says how
// many were dropped. Open fails with ErrNone if there is no socket. The path must stay
// valid: it is looked up for each entry, so that a journal that starts anew gets them.
func Open(path string, notice func(dropped uint64) []byte) (*Writer, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("%s: %w", path, ErrNone)
	}
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("make a socket for the journal: %w", err)
	}
	w := &Writer{
		conn: conn, to: &net.UnixAddr{Net: "unixgram", Name: path}, notice: notice,
		queue: make(chan []byte, MaxQueued), done: make(chan struct{}), stop: make(chan struct{}),
	}
	go w.run()
	return w, nil
}

// Put queues an entry, which the writer keeps. It never waits: if the queue is full, the
// entry is dropped and counted.
func (w *Writer) Put(entry []byte) {
	select {
	case w.queue <- entry:
	default:
		w.dropped.Add(1)
	}
}

// Close writes what is queued, for wait at most, and returns how many entries were dropped
// in all. No Put may follow.
func (w *Writer) Close(wait time.Duration) (dropped uint64) {
	close(w.queue)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
		close(w.stop)
		_ = w.conn.SetWriteDeadline(time.Unix(1, 0))
		<-w.done
	}
	w.conn.Close()
	return w.dropped.Load()
}

func (w *Writer) run() {
	defer close(w.done)
	var told uint64
	for entry := range w.queue {
		if !w.write(entry) {
			w.dropped.Add(1)
			continue
		}
		if n := w.dropped.Load(); n > told && w.write(w.notice(n-told)) {
			told = n
		}
	}
}

func (w *Writer) write(entry []byte) bool {
	if w.conn.SetWriteDeadline(time.Now().Add(patience)) != nil {
		return false
	}
	select {
	case <-w.stop: // after the deadline, which Close may have set before
		return false
	default:
	}
	_, err := w.conn.WriteToUnix(entry, w.to)
	return err == nil
}
