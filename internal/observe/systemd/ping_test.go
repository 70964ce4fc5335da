package systemd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// sleepyManager answers a question once something more comes, as a manager does
// that has read the question along with the end of the authentication.
func sleepyManager(conn net.Conn) error {
	in := bufio.NewReader(conn)
	if err := authenticate(in, conn); err != nil {
		return err
	}
	question, err := dbus.DecodeMessage(in)
	if err != nil {
		return err
	}
	more, err := dbus.DecodeMessage(in)
	if err != nil {
		return err
	}
	if more.Flags&dbus.FlagNoReplyExpected == 0 || more.Flags&dbus.FlagNoAutoStart == 0 {
		return fmt.Errorf("the ping wants a reply, or starts something: %v", more)
	}
	return reply(conn, question, dbus.MakeVariant("252"))
}

// authenticate is the manager's side of what goes before the first message.
func authenticate(in *bufio.Reader, conn net.Conn) error {
	if _, err := in.ReadByte(); err != nil { // the zero for credentials
		return err
	}
	replies := map[string]string{"AUTH": "REJECTED EXTERNAL\r\n", "AUTH EXTERNAL": "DATA\r\n", "DATA": "OK 0\r\n"}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimSpace(line)
		if line == "BEGIN" {
			return nil
		}
		if verb, _, _ := strings.Cut(line, " "); verb == "DATA" {
			line = verb
		}
		if _, err := conn.Write([]byte(replies[line])); err != nil {
			return err
		}
	}
}

// reply answers a question with one value.
func reply(conn net.Conn, question *dbus.Message, value any) error {
	answer := &dbus.Message{
		Type: dbus.TypeMethodReply,
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldReplySerial: dbus.MakeVariant(question.Serial()),
			dbus.FieldSignature:   dbus.MakeVariant(dbus.SignatureOf(value)),
		},
		Body: []any{value},
	}
	return answer.EncodeTo(conn, binary.LittleEndian)
}

// listen returns where a manager of the test's own is asked, and who asks it.
func listen(t *testing.T) (net.Listener, *Client) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "private")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener, &Client{endpoints: []endpoint{{path: path, uid: uint32(os.Geteuid())}}}
}

func TestPing(t *testing.T) {
	listener, c := listen(t)
	ended := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			err = errors.Join(sleepyManager(conn), conn.Close())
		}
		ended <- err
	}()

	var version string
	err := c.ask(t.Context(), func(ctx context.Context, conn *dbus.Conn) error {
		return getProperty(ctx, conn, managerPath, managerIfc, "Version").store(&version)
	})
	if err != nil || version != "252" {
		t.Errorf("version %q, %v", version, err)
	}
	if err := <-ended; err != nil {
		t.Error("the manager: ", err)
	}
}

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

// TestLivePing shows that a manager forgets a question that it read along with
// the authentication, and that a ping reminds it.
func TestLivePing(t *testing.T) {
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
	defer pingUntilAnswered(ctx, conn)()
	if _, err := unitProperties(ctx, conn, "GetUnit", "-.slice"); err != nil {
		t.Error(err)
	}
}
