package systemd

import (
	"context"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	// firstPing is after how long without an answer a manager is pinged; a
	// manager that isn't busy answers within a few milliseconds.
	firstPing = 100 * time.Millisecond
	// lastPing bounds the time between two, each twice as long as the one before.
	lastPing = 2 * time.Second

	ping = "org.freedesktop.DBus.Peer.Ping"
)

// pingUntilAnswered pings the manager, at ever longer intervals, until stop is called. A
// manager that has read a message along with the end of the authentication
// looks at it once there is more to read (see untilRead, which leaves a gap: a
// read that has taken all there was looks once more before it returns, in
// net/unix/af_unix.c, unix_stream_read_generic). No answer is wanted.
func pingUntilAnswered(ctx context.Context, conn *dbus.Conn) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for wait := firstPing; ; wait = min(2*wait, lastPing) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
				conn.Object(busName, managerPath).Go(ping, dbus.FlagNoReplyExpected|dbus.FlagNoAutoStart, nil)
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}
