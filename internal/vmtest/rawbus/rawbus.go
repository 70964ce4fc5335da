// Package rawbus speaks D-Bus byte by byte, for actors that send what no library
// would.
package rawbus

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/godbus/dbus/v5"
)

// System is where the system bus listens.
const System = "/run/dbus/system_bus_socket"

// Bus is the name of the bus itself.
const Bus = "org.freedesktop.DBus"

// Dial returns a connection to a bus on which messages can be sent. It does not wait
// for more than the bus demands. The first message, with the serial 1, is sent.
func Dial(path string) (*net.UnixConn, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		return nil, err
	}
	auth := fmt.Sprintf("\x00AUTH EXTERNAL %x\r\n", fmt.Sprint(os.Getuid()))
	if _, err := io.WriteString(conn, auth); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return nil, err
	}
	if line[:2] != "OK" {
		return nil, fmt.Errorf("the bus says %q", line)
	}
	hello, err := Call{Serial: 1, Name: Bus, Path: "/", Interface: Bus, Member: "Hello"}.Bytes()
	if err != nil {
		return nil, err
	}
	_, err = conn.Write(append([]byte("BEGIN\r\n"), hello...))
	return conn, err
}

// Call is a method call.
type Call struct {
	Serial                        uint32
	Name, Path, Interface, Member string
	Flags                         dbus.Flags
	Args                          []any
}

// Bytes is the message.
func (c Call) Bytes() ([]byte, error) {
	return Encode(c.Serial, &dbus.Message{
		Type: dbus.TypeMethodCall, Flags: c.Flags,
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath:        dbus.MakeVariant(dbus.ObjectPath(c.Path)),
			dbus.FieldDestination: dbus.MakeVariant(c.Name),
			dbus.FieldInterface:   dbus.MakeVariant(c.Interface),
			dbus.FieldMember:      dbus.MakeVariant(c.Member),
		},
	}, c.Args...)
}

// Encode turns a message into bytes, with that serial.
func Encode(serial uint32, m *dbus.Message, args ...any) ([]byte, error) {
	if len(args) > 0 {
		m.Body = args
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
	}
	var b bytes.Buffer
	if err := m.EncodeTo(&b, binary.LittleEndian); err != nil {
		return nil, err
	}
	raw := b.Bytes()
	binary.LittleEndian.PutUint32(raw[8:], serial) // which the library keeps to itself
	return raw, nil
}
