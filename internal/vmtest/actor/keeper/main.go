// Command keeper creates a network namespace, keeps it in one of the ways that
// its first argument names, and leaves it. It writes the namespace's inode number
// and its own pid to $VARS, as INUM_way and PID_way, and waits for its end.
//
//	thread  a thread other than the leader stays in it
//	file    it is open
//	socket  a socket is left in it
//	flight  it is open in a message that nobody has received
//	nested  likewise, and so is the socket that the message is for
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// The main goroutine keeps the leader, so that the other can't get it. That it has it
// holds only until the end of the initialization.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: keeper thread|file|socket|flight|nested")
		os.Exit(2)
	}
	kept := make(chan error)
	go func() { kept <- keep(os.Args[1]) }()
	if err := <-kept; err != nil {
		fmt.Fprintln(os.Stderr, "keeper:", err)
		os.Exit(1)
	}
	pause()
}

// pause never returns. A signal of the Go runtime to one of its threads ends the
// system call, and must not end the program.
func pause() {
	for {
		_ = unix.Pause()
	}
}

func keep(way string) error {
	// Not unlocked: the thread either stays, or ends with this goroutine.
	runtime.LockOSThread()
	// made here, so that they are not in the namespace themselves
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	outer, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if err := hold(way, fd, pair, outer); err != nil {
		return err
	}
	if way != "thread" {
		if err := leave(); err != nil {
			return err
		}
	}
	if err := tell(way, st.Ino); err != nil {
		return err
	}
	if way == "thread" {
		pause()
	}
	return nil
}

// leave goes back to where the leader is.
func leave() error {
	home, err := unix.Open(fmt.Sprintf("/proc/%d/ns/net", unix.Getpid()), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("setns: %w", err)
	}
	return unix.Close(home)
}

// tell writes what the scenario must know.
func tell(way string, inum uint64) error {
	vars, err := os.OpenFile(os.Getenv("VARS"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(vars, "PID_%s=%d\nINUM_%s=%d\n", way, unix.Getpid(), way, inum); err != nil {
		return err
	}
	return vars.Close()
}

// hold keeps the namespace in a way other than being in it.
func hold(way string, fd int, pair, outer [2]int) error {
	switch way {
	case "file":
		return nil // it stays open
	case "socket":
		if _, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
	case "flight":
		return errors.Join(send(pair[0], fd), unix.Close(fd))
	case "nested":
		return errors.Join(send(pair[0], fd), send(outer[0], pair[1]),
			unix.Close(pair[0]), unix.Close(pair[1]), unix.Close(fd))
	}
	return unix.Close(fd)
}

// send puts a descriptor into a message.
func send(to, fd int) error { return unix.Sendmsg(to, []byte{0}, unix.UnixRights(fd), nil, 0) }
