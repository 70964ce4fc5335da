// Command repeater calls a name on the system bus so many times over one
// connection, for each line that it reads, and then writes a line itself.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"

	"github.com/godbus/dbus/v5"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "repeater:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: repeater NAME TIMES")
	}
	times, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		return err
	}
	object := conn.Object(args[0], "/")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		for range times {
			if err := object.Call("org.freedesktop.DBus.Peer.Ping", 0).Err; err != nil {
				return err
			}
		}
		fmt.Println(times)
	}
	return lines.Err()
}
