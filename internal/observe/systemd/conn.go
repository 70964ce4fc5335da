package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/observe/hostroot"
)

const (
	// privateSystem is where the system's manager listens (src/core/dbus.c,
	// bus_init_private).
	privateSystem = "/run/systemd/private"
	// privateUser is where a user's does, in the user's XDG_RUNTIME_DIR.
	privateUser = "/run/user/%d/systemd/private"
	// systemBus is the system bus, by its one well-known address.
	systemBus = "/run/dbus/system_bus_socket"
)

// endpoint is a socket on which a manager answers.
type endpoint struct {
	path string
	// uid is whose process has to be at the other end.
	uid uint32
	// bus is set for a message bus, which wants a Hello first.
	bus bool
}

// connect opens and authenticates a connection. It is closed when ctx is done. It
// also returns as whom the other end runs.
func (e endpoint) connect(ctx context.Context) (*session, credentials, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "unix", hostroot.Path(e.path))
	if err != nil {
		return nil, credentials{}, e.explain(err)
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	s := newSession(raw)
	who, err := e.handshake(ctx, s)
	if err != nil {
		stop()
		raw.Close()
		return nil, credentials{}, err
	}
	return s, who, nil
}

// explain tells apart why there is no connection.
func (e endpoint) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("%w: %w", ErrNoManager, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; run nsblame as root", err)
	}
	return err
}

func (e endpoint) handshake(ctx context.Context, s *session) (credentials, error) {
	who, err := e.checkPeer(s.conn)
	if err != nil {
		return who, err
	}
	err = s.authenticate()
	if err != nil && e.refuses(os.Geteuid()) {
		err = fmt.Errorf("%w: %w", fs.ErrPermission, err)
	}
	if err == nil {
		err = untilRead(ctx, s.conn)
	}
	s.greets = e.bus
	if err != nil {
		return who, fmt.Errorf("authenticate at %s: %w", e.path, err)
	}
	return who, nil
}

// refuses reports whether a manager hangs up on whoever has that uid: on its
// private socket, whose mode lets anybody connect in systemd 247, it answers to
// root and to its own user (src/shared/bus-util.c, bus_check_peercred).
func (e endpoint) refuses(uid int) bool { return !e.bus && uid != 0 && uint32(uid) != e.uid }

// untilRead waits until the other end has read all that was sent. A manager
// that reads our first message along with the last line of the authentication
// keeps it in a buffer and goes on waiting for the socket to become readable,
// which it never does (src/libsystemd/sd-bus/bus-socket.c,
// bus_socket_read_auth; seen with systemd 252).
func untilRead(ctx context.Context, conn net.Conn) error {
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return err
	}
	for wait := 50 * time.Microsecond; ; wait = min(2*wait, 10*time.Millisecond) {
		var unread int
		var askErr error
		err := raw.Control(func(fd uintptr) { unread, askErr = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		if err := errors.Join(err, askErr); err != nil {
			return fmt.Errorf("ask what the manager has not read yet: %w", err)
		}
		if unread == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// checkPeer makes sure that the socket is the manager's own user's. A user owns
// the directory of his manager's socket, and could let it lead to another's.
func (e endpoint) checkPeer(conn net.Conn) (credentials, error) {
	if e.bus {
		return credentials{}, nil // the daemon's own user differs from one distribution to the next
	}
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return credentials{}, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, credErr); err != nil {
		return credentials{}, fmt.Errorf("ask who listens on %s: %w", e.path, err)
	}
	if cred.Uid != e.uid {
		return credentials{}, fmt.Errorf("%w: %s is a socket of user %d instead of %d", ErrNoManager, e.path, cred.Uid, e.uid)
	}
	return credentials{uid: cred.Uid, gid: cred.Gid}, nil
}
