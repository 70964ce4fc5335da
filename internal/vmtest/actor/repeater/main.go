// Command repeater asks a name on the system bus for a property so many times over
// one connection, for each line that it reads, without waiting for an answer but
// to the first and the last call, and then writes how many seconds it took to
// send the others.
package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "repeater:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: repeater NAME PROPERTY TIMES")
	}
	times, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		return err
	}
	// with an argument: the library writes the fields of a header in any order,
	// and that of its type may be the last
	object := conn.Object(args[0], dbus.ObjectPath("/"+strings.ReplaceAll(args[0], ".", "/")))
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		// what is asked of a service that is on its way has a bound
		if err := ask(object, 0, args); err != nil {
			return err
		}
		begin := time.Now()
		for range times {
			if err := ask(object, dbus.FlagNoReplyExpected, args); err != nil {
				return err
			}
		}
		took := time.Since(begin)
		if err := ask(object, 0, args); err != nil {
			return err
		}
		fmt.Println(int(math.Ceil(took.Seconds())))
	}
	return lines.Err()
}

func ask(object dbus.BusObject, flags dbus.Flags, args []string) error {
	return object.Call("org.freedesktop.DBus.Properties.Get", flags, args[0], args[1]).Err
}
