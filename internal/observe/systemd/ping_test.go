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
	replies := map[string]string{"AUTH": "OK 0\r\n"}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimSpace(line)
		if line == "BEGIN" {
			return nil
		}
		verb, _, _ := strings.Cut(line, " ")
		if _, err := conn.Write([]byte(replies[verb])); err != nil {
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
	var raw bytes.Buffer
	if err := answer.EncodeTo(&raw, binary.LittleEndian); err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(raw.Bytes()[8:], 1) // godbus leaves the serial to its connection
	_, err := conn.Write(raw.Bytes())
	return err
}

// listen returns where a manager of the test's own is asked, and who asks it. He waits for
// as long as it takes, for the race detector and a busy machine make it slow.
func listen(t *testing.T) (net.Listener, *Client) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "private")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener, &Client{private: endpoint{path: path, uid: uint32(os.Geteuid())}, files: &fileReads{}, timeout: time.Hour}
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

	p := make(properties)
	err := c.ask(t.Context(), func(ctx context.Context, s *session, _ credentials) error {
		first, err := s.send(getProperty(managerPath, managerIfc, "Version"))
		return errors.Join(err, p.take(ctx, s, first, "Version", newRoom()))
	})
	if err != nil || p.str("Version") != "252" {
		t.Errorf("version %q, %v", p.str("Version"), err)
	}
	if err := <-ended; err != nil {
		t.Error("the manager: ", err)
	}
}

// glue connects as connect does, but sends the end of the authentication in one
// piece with what comes next.
func glue(t *testing.T) *session {
	t.Helper()
	raw, err := net.Dial("unix", privateSystem)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	if _, err := raw.Write([]byte("\x00AUTH EXTERNAL 30\r\n")); err != nil {
		t.Fatal(err)
	}
	s := newSession(&gluedConn{Conn: raw, kept: []byte("BEGIN\r\n")})
	if line, err := s.in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "OK") {
		t.Fatalf("%q, %v", line, err)
	}
	return s
}

// gluedConn sends something in front of the first write, in one piece with it.
type gluedConn struct {
	net.Conn
	kept []byte
}

func (c *gluedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(append(c.kept, p...))
	n -= len(c.kept)
	c.kept = nil
	return max(n, 0), err
}

// TestLivePing shows that a manager which reads a question along with the end of
// the authentication answers it all the same, after a ping if need be.
func TestLivePing(t *testing.T) {
	live(t)
	ctx, cancel := context.WithTimeout(t.Context(), answerTimeout)
	defer cancel()
	if _, err := unitState(ctx, glue(t), "-.slice", nil, newRoom()); err != nil {
		t.Error(err)
	}
}
