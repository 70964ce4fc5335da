package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"

	"github.com/godbus/dbus/v5"
)

// manage takes the place of whoever listens on a socket, and answers there.
func manage(socket, path string) error {
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				if err := answer(conn, path); err != nil {
					fmt.Fprintln(os.Stderr, "vexer:", err)
				}
				_ = conn.Close()
			}()
		}
	}()
	return nil
}

// answer answers all that comes over a connection.
func answer(conn net.Conn, path string) error {
	in := bufio.NewReader(conn)
	if _, err := in.ReadByte(); err != nil { // the zero for credentials
		return err
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if strings.TrimSpace(line) == "BEGIN" {
			break
		}
		if _, err := conn.Write([]byte("OK 0123456789abcdef0123456789abcdef\r\n")); err != nil {
			return err
		}
	}
	for serial := uint32(1); ; serial++ {
		question, err := dbus.DecodeMessage(in)
		if errors.Is(err, io.EOF) {
			return nil // hung up
		}
		if err != nil {
			return err
		}
		if question.Flags&dbus.FlagNoReplyExpected != 0 {
			continue
		}
		if err := reply(conn, question, serial, path); err != nil {
			return err
		}
	}
}

// reply says of each unit that its file is path.
func reply(conn net.Conn, question *dbus.Message, serial uint32, path string) error {
	var value any = dbus.MakeVariant("")
	switch question.Headers[dbus.FieldMember].Value() {
	case "GetUnit", "LoadUnit":
		value = dbus.ObjectPath("/org/freedesktop/systemd1/unit/x")
	case "GetAll":
		value = map[string]dbus.Variant{
			"Id": dbus.MakeVariant("own.service"), "LoadState": dbus.MakeVariant("loaded"), "ActiveState": dbus.MakeVariant("active"),
			"FragmentPath": dbus.MakeVariant(path), "PrivateNetwork": dbus.MakeVariant(true),
		}
	}
	m := &dbus.Message{
		Type: dbus.TypeMethodReply,
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldReplySerial: dbus.MakeVariant(question.Serial()),
			dbus.FieldSignature:   dbus.MakeVariant(dbus.SignatureOf(value)),
		},
		Body: []any{value},
	}
	var raw bytes.Buffer
	if err := m.EncodeTo(&raw, binary.LittleEndian); err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(raw.Bytes()[8:], serial) // godbus leaves it to its connection
	_, err := conn.Write(raw.Bytes())
	return err
}
