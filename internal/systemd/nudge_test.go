package systemd

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// gluedConn keeps the end of the authentication back, and sends it in one piece
// with what comes next.
type gluedConn struct {
	net.Conn
	kept []byte
}

func (c *gluedConn) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("BEGIN")) {
		c.kept = bytes.Clone(p)
		return len(p), nil
	}
	n, err := c.Conn.Write(append(c.kept, p...))
	n -= len(c.kept)
	c.kept = nil
	return max(n, 0), err
}

// glue connects as connect does, without its wait for the authentication's end
// to be read.
func glue(t *testing.T) *dbus.Conn {
	t.Helper()
	raw, err := net.Dial("unix", privateSystem)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dbus.NewConn(&gluedConn{Conn: raw})
	if err == nil {
		err = conn.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestLiveNudge shows that a manager forgets a question that it read along with
// the authentication, and that a nudge reminds it.
func TestLiveNudge(t *testing.T) {
	live(t)
	conn := glue(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := unitProperties(ctx, conn, "GetUnit", "-.slice"); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	} else if err == nil {
		t.Log("this manager answers without")
	}

	conn = glue(t)
	ctx, cancel = context.WithTimeout(t.Context(), answerTimeout)
	defer cancel()
	defer nudge(ctx, conn)()
	if _, err := unitProperties(ctx, conn, "GetUnit", "-.slice"); err != nil {
		t.Error(err)
	}
}
