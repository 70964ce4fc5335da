package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"github.com/nsblame/nsblame/internal/vmtest/rawbus"
)

const target = "systemd-hostnamed.service"

// start is a request to the manager about the unit that others ask for.
func start(serial uint32, member string, flags dbus.Flags) ([]byte, error) {
	return rawbus.Call{
		Serial: serial, Name: "org.freedesktop.systemd1", Path: "/org/freedesktop/systemd1",
		Interface: "org.freedesktop.systemd1.Manager", Member: member, Flags: flags, Args: []any{target, "replace"},
	}.Bytes()
}

// client is a connection to the system bus. Each attack on that waits until what it sent
// was dealt with, so that there is no more of it than the machine can take.
type client struct {
	*net.UnixConn
	in     *bufio.Reader
	serial uint32
}

func onSystemBus() (*client, error) {
	conn, err := rawbus.Dial(rawbus.System)
	return &client{conn, bufio.NewReader(conn), 1}, err
}

// next is a call with the next serial.
func (c *client) next(call rawbus.Call) ([]byte, error) {
	c.serial++
	call.Serial = c.serial
	return call.Bytes()
}

// answered waits for the answer to the latest call. An error is one, too.
func (c *client) answered() error {
	for {
		m, err := dbus.DecodeMessage(c.in)
		if err != nil {
			return err
		}
		if to, _ := m.Headers[dbus.FieldReplySerial].Value().(uint32); to == c.serial {
			return nil
		}
	}
}

// ping waits until a service has dealt with what was sent to it before.
func (c *client) ping(name string) error {
	call, err := c.next(rawbus.Call{Name: name, Path: "/", Interface: "org.freedesktop.DBus.Peer", Member: "Ping"})
	if err != nil {
		return err
	}
	if _, err := c.Write(call); err != nil {
		return err
	}
	return c.answered()
}

func pieces(_ string, began func()) error {
	bus, err := onSystemBus()
	if err != nil {
		return err
	}
	sizes := []int{1, 3, 16, 100}
	return again(slow, began, func() error {
		call, err := bus.next(rawbus.Call{Name: rawbus.Bus, Path: "/", Interface: rawbus.Bus, Member: "GetId"})
		if err != nil {
			return err
		}
		for piece := range slices.Chunk(call, sizes[int(bus.serial)%len(sizes)]) {
			if _, err := bus.Write(piece); err != nil {
				return err
			}
		}
		return bus.answered()
	})
}

func names(_ string, began func()) error {
	bus, err := onSystemBus()
	if err != nil {
		return err
	}
	const atOnce = 10 // far more, and some of the user's are lost
	return again(slowest, began, func() error {
		var calls bytes.Buffer
		for range atOnce {
			call, err := bus.next(rawbus.Call{
				Name: fmt.Sprintf("org.example.Nobody%d", bus.serial), Path: "/",
				Interface: "org.freedesktop.DBus.Peer", Member: "Ping",
			})
			if err != nil {
				return err
			}
			calls.Write(call)
		}
		if _, err := bus.Write(calls.Bytes()); err != nil {
			return err
		}
		return bus.answered()
	})
}

// unsent gives an address, which the kernel refuses on a connected socket
// (net/unix/af_unix.c, unix_stream_sendmsg: EISCONN).
func unsent(_ string, began func()) error {
	bus, err := onSystemBus()
	if err != nil {
		return err
	}
	raw, err := bus.SyscallConn()
	if err != nil {
		return err
	}
	serial := uint32(1)
	return again(quick, began, func() error {
		serial++
		request, err := start(serial, "StartUnit", 0)
		if err != nil {
			return err
		}
		var sent error
		err = raw.Write(func(fd uintptr) bool {
			sent = unix.Sendto(int(fd), request, 0, &unix.SockaddrUnix{Name: rawbus.System})
			return true
		})
		if !errors.Is(sent, unix.EISCONN) {
			err = errors.Join(err, fmt.Errorf("send with an address: %w", sent))
		}
		return err
	})
}

func noReply(_ string, began func()) error {
	bus, err := onSystemBus()
	if err != nil {
		return err
	}
	return again(rare, began, func() error {
		for _, member := range []string{"StartUnit", "RestartUnit"} {
			bus.serial++
			request, err := start(bus.serial, member, dbus.FlagNoReplyExpected)
			if err != nil {
				return err
			}
			if _, err := bus.Write(request); err != nil {
				return err
			}
		}
		return bus.ping("org.freedesktop.systemd1")
	})
}

// ownBus is a listening socket and a connection to it. Nobody reads what is sent.
type ownBus struct {
	listener *net.UnixListener
	client   *net.UnixConn
	server   *net.UnixConn
}

func newBus(path string) (*ownBus, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		return nil, err
	}
	client, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		return nil, err
	}
	server, err := l.AcceptUnix()
	return &ownBus{l, client, server}, err
}

func (b *ownBus) close() {
	_ = b.client.Close()
	_ = b.server.Close()
	_ = b.listener.Close()
}

// ownFlood sends so much at once, again and again, and writes now and then how much
// that was.
func ownFlood(arg string, began func()) error {
	atOnce, err := strconv.Atoi(arg)
	if err != nil {
		return err
	}
	bus, err := newBus(filepath.Join(runtimeDir(), "bus"))
	if err != nil {
		return err
	}
	go func() { _, _ = io.Copy(io.Discard, bus.server) }()
	request, err := start(7, "StartUnit", 0)
	if err != nil {
		return err
	}
	const many = 10_000
	sent := 0
	return again(quick, began, func() error {
		for range atOnce {
			if _, err := bus.client.Write(request); err != nil {
				return err
			}
			if sent++; sent%many == 0 {
				fmt.Println(sent, "sent")
			}
		}
		return nil
	})
}

// inside is set for the process in namespaces of its own.
const inside = "ATTACKER_INSIDE"

func forged(arg string, began func()) error {
	if os.Getenv(inside) == "" {
		return enter()
	}
	const dir = "/run/dbus"
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount a directory of its own: %w", err)
	}
	// of the same size class as the other (kmalloc), so that the kernel gives the one's
	// place to the other
	decoy := filepath.Join(dir, "systemd_bus_socket.")
	request, err := start(7, "StartUnit", 0)
	if err != nil {
		return err
	}
	call, err := rawbus.Call{
		Serial: 8, Name: "org.freedesktop.hostname1", Path: "/org/freedesktop/hostname1",
		Interface: "org.freedesktop.DBus.Peer", Member: "Ping",
	}.Bytes()
	if err != nil {
		return err
	}
	return again(quick, began, func() error {
		for _, path := range []string{decoy, rawbus.System} {
			bus, err := newBus(path)
			if err != nil {
				return err
			}
			_, err = bus.client.Write(request)
			_, second := bus.client.Write(call)
			bus.close()
			if err := errors.Join(err, second); err != nil {
				return err
			}
		}
		return nil
	})
}

// enter runs this program in a user and a mount namespace of its own.
func enter() error {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return cmd.Run()
}

// namespaces creates one after the other.
func namespaces(_ string, began func()) error {
	return again(slowest, began, newNamespace)
}

// newNamespace has a child be born in a network namespace.
func newNamespace() error {
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET}
	return cmd.Run()
}
