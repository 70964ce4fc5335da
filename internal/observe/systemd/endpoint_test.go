package systemd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// answerers are what can be at the other end of an endpoint.
var answerers = map[string]func(net.Conn) error{
	"the manager": func(conn net.Conn) error {
		return talkativeManager(conn, map[string]dbus.Variant{"Id": dbus.MakeVariant("x.service")})
	},
	"a bus without the manager": func(conn net.Conn) error {
		in := bufio.NewReader(conn)
		if err := authenticate(in, conn); err != nil {
			return err
		}
		for {
			question, err := dbus.DecodeMessage(in)
			if err != nil {
				return nil // it was hung up
			}
			if err := refuse(conn, question, "org.freedesktop.DBus.Error.NameHasNoOwner"); err != nil {
				return err
			}
		}
	},
	"nobody who answers": func(conn net.Conn) error {
		in := bufio.NewReader(conn)
		if err := authenticate(in, conn); err != nil {
			return err
		}
		_, _ = in.ReadString(0) // until it is hung up
		_, _ = in.WriteTo(discard{})
		return nil
	},
	"who hangs up": func(net.Conn) error { return nil },
	"not to be started": func(net.Conn) error {
		panic("a connection that starts the bus")
	},
	"who does not know the unit": func(conn net.Conn) error {
		in := bufio.NewReader(conn)
		if err := authenticate(in, conn); err != nil {
			return err
		}
		for {
			question, err := dbus.DecodeMessage(in)
			if err != nil {
				return nil
			}
			if err := refuse(conn, question, noSuchUnit); err != nil {
				return err
			}
		}
	},
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// refuse answers a question with an error.
func refuse(conn net.Conn, question *dbus.Message, name string) error {
	m := &dbus.Message{Type: dbus.TypeError, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(question.Serial()), dbus.FieldErrorName: dbus.MakeVariant(name),
	}}
	var raw bytes.Buffer
	if err := m.EncodeTo(&raw, binary.LittleEndian); err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(raw.Bytes()[8:], 1)
	_, err := conn.Write(raw.Bytes())
	return err
}

// serve has all who connect answered in one way; none answers if that is empty.
func serve(t *testing.T, how string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	if how == "" {
		return path
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_ = answerers[how](conn)
			}()
		}
	}()
	return path
}

// The bus is asked first, for it costs the manager least. Whatever becomes of it,
// the manager's own socket is asked then.
func TestTheBusIsAskedFirst(t *testing.T) {
	for _, tt := range []struct {
		bus, private string
		want         error
	}{
		{"the manager", "who hangs up", nil},
		{"who does not know the unit", "who hangs up", errNoUnit},
		{"", "the manager", nil},
		{"a bus without the manager", "the manager", nil},
		{"not to be started", "the manager", nil},
		{"who hangs up", "the manager", nil},
		{"nobody who answers", "the manager", nil},
		{"a bus without the manager", "who does not know the unit", errNoUnit},
		{"a bus without the manager", "", ErrNoManager},
		{"", "", ErrNoManager},
	} {
		t.Run(tt.bus+"/"+tt.private, func(t *testing.T) {
			t.Parallel()
			c := &Client{
				bus: &endpoint{path: serve(t, tt.bus), bus: true}, busRuns: func() bool { return tt.bus != "not to be started" },
				private: endpoint{path: serve(t, tt.private), uid: uint32(os.Geteuid())}, files: &fileReads{},
			}
			u, err := c.unitNamed(t.Context(), "x.service")
			if !errors.Is(err, tt.want) || tt.want == nil && u.Name != "x.service" {
				t.Errorf("%q, %v; want %v", u.Name, err, tt.want)
			}
			if tt.bus != "nobody who answers" {
				return
			}
			// it is not waited for again and again
			if c.busNotBefore.Load() < time.Now().UnixNano() {
				t.Error("the next question would wait for the bus again")
			}
		})
	}
}
