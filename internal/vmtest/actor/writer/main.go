// Command writer connects to the system bus, and for each line that it reads
// calls a name there, in the way that the line says:
//
//	whole      in one write
//	pieces     in three, of which the first two are the fixed part of the header
//	pieces N   in pieces of N bytes
//	behind     in one write with another call before it
//	splice     out of a pipe, by splice
//	address    with an address, which a connected socket refuses
//	swap       as an answer, which turns into the call while the socket is full
//
// At the line large it asks the bus itself something, at greater length than a socket
// takes at once, and at reply it answers in pieces what nobody has asked.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/vmtest/rawbus"
)

const theBus = "org.freedesktop.DBus"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: writer NAME")
	}
	conn, err := rawbus.Dial("/run/dbus/system_bus_socket")
	if err != nil {
		return err
	}
	defer conn.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn) // who does not read its answers is left waiting
		ended <- err
	}()
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := send(conn, lines.Text(), args[0]); err != nil {
			return err
		}
		fmt.Println("sent")
	}
	if err := lines.Err(); err != nil {
		return err
	}
	select {
	case err := <-ended:
		return fmt.Errorf("the bus ended the connection: %w", err)
	default:
		return nil
	}
}

// send calls a name.
func send(conn *net.UnixConn, way, name string) error {
	odd := map[string]func(*net.UnixConn, []byte) error{"splice": splice, "address": withAddress, "swap": swap}[way]
	if odd != nil {
		call, err := message(3, name, "org.freedesktop.DBus.Peer", "Ping")
		if err != nil {
			return err
		}
		return odd(conn, call)
	}
	writes, err := split(way, name)
	if err != nil {
		return err
	}
	for _, w := range writes {
		if _, err := conn.Write(w); err != nil {
			return err
		}
	}
	return nil
}

// split returns the writes by which a name is called.
func split(way, name string) ([][]byte, error) {
	call, err := message(3, name, "org.freedesktop.DBus.Peer", "Ping")
	if err != nil {
		return nil, err
	}
	other, err := message(2, theBus, theBus, "GetId")
	if err != nil {
		return nil, err
	}
	large, err := message(4, theBus, theBus, "NameHasOwner", strings.Repeat("long", 1<<18))
	if err != nil {
		return nil, err
	}
	answer, err := encode(5, &dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldDestination: dbus.MakeVariant(":1.0"),
		dbus.FieldReplySerial: dbus.MakeVariant(uint32(1)),
	}}, strings.Repeat("long", 1<<5))
	if err != nil {
		return nil, err
	}
	if n, ok := strings.CutPrefix(way, "pieces "); ok {
		size, err := strconv.Atoi(n)
		if err != nil {
			return nil, err
		}
		return slices.Collect(slices.Chunk(call, size)), nil
	}
	switch way {
	case "whole":
		return [][]byte{call}, nil
	case "pieces":
		return pieces(call), nil
	case "behind":
		return [][]byte{slices.Concat(other, call)}, nil
	case "large":
		return [][]byte{large}, nil
	case "reply":
		return pieces(answer), nil
	}
	return nil, fmt.Errorf("%q is no way to send", way)
}

// pieces divides a message as some libraries send it.
func pieces(m []byte) [][]byte {
	return [][]byte{m[:4], m[4:16], m[16:]}
}

// message is a call.
func message(serial uint32, name, iface, member string, args ...any) ([]byte, error) {
	return encode(serial, &dbus.Message{Type: dbus.TypeMethodCall, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath:        dbus.MakeVariant(dbus.ObjectPath("/")),
		dbus.FieldDestination: dbus.MakeVariant(name),
		dbus.FieldInterface:   dbus.MakeVariant(iface),
		dbus.FieldMember:      dbus.MakeVariant(member),
	}}, args...)
}

func encode(serial uint32, m *dbus.Message, args ...any) ([]byte, error) {
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
