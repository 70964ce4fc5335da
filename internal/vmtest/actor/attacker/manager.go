package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/vmtest/rawbus"
)

// manager takes the place of the user's own at its private socket.
func manager(how string, began func()) error {
	path := filepath.Join(runtimeDir(), "systemd", "private")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.RemoveAll(path)); err != nil {
		return err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		return err
	}
	began()
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return err
		}
		go func() { _ = serve(conn, how) }()
	}
}

// serve answers one client.
func serve(conn *net.UnixConn, how string) error {
	r := bufio.NewReader(conn)
	if err := authenticate(conn, r); err != nil {
		return err
	}
	for serial := uint32(1); ; serial++ {
		m, asked, err := receive(r)
		if err != nil {
			return err
		}
		if err := reply(conn, serial, asked, member(m), how); err != nil {
			return err
		}
	}
}

// authenticate lets anybody in.
func authenticate(conn *net.UnixConn, r *bufio.Reader) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.Trim(line, "\x00\r\n")
		answer := "OK 00112233445566778899aabbccddeeff\r\n"
		switch {
		case line == "BEGIN":
			return nil
		case line == "AUTH":
			answer = "REJECTED EXTERNAL\r\n"
		case line == "AUTH EXTERNAL":
			answer = "DATA\r\n"
		case strings.HasPrefix(line, "NEGOTIATE"):
			answer = "AGREE_UNIX_FD\r\n"
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return err
		}
	}
}

// receive reads a message, and its serial.
func receive(r *bufio.Reader) (*dbus.Message, uint32, error) {
	head, err := r.Peek(12)
	if err != nil {
		return nil, 0, err
	}
	serial := binary.LittleEndian.Uint32(head[8:])
	m, err := dbus.DecodeMessage(r)
	return m, serial, err
}

func member(m *dbus.Message) string {
	name, _ := m.Headers[dbus.FieldMember].Value().(string)
	return name
}

func reply(conn *net.UnixConn, serial, to uint32, member, how string) error {
	body := any(map[string]dbus.Variant{})
	switch member {
	case "GetUnit", "LoadUnit", "GetUnitByPID":
		body = dbus.ObjectPath("/org/freedesktop/systemd1/unit/x")
	case "GetAll":
		body = properties(how)
	case "Get":
		body = dbus.MakeVariant(uint64(1))
	}
	raw, err := rawbus.Encode(serial, &dbus.Message{
		Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(to)},
	}, body)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	_, err = conn.Write(raw)
	return err
}

// properties are those of any unit.
func properties(how string) map[string]dbus.Variant {
	p := map[string]dbus.Variant{
		"Id": dbus.MakeVariant("x.service"), "LoadState": dbus.MakeVariant("loaded"),
		"ActiveState": dbus.MakeVariant("active"), "Type": dbus.MakeVariant("simple"),
	}
	switch how {
	case "big":
		p["Description"] = dbus.MakeVariant(strings.Repeat("x", 7<<20))
	case "names":
		const many = 500_000
		list := make([]string, many)
		for i := range list {
			list[i] = fmt.Sprintf("x%d", i)
		}
		p["Names"] = dbus.MakeVariant(list)
	}
	return p
}
