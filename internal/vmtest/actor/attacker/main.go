// Command attacker does as an ordinary user what might deceive nsblame, blind it, or
// bring it down, until it is killed. It writes "ready" once it has begun.
//
//	namespaces  namespaces, one after the other, in the cgroup that it runs in
//	own-flood   requests to a socket of its own that might be a bus
//	forged      a system bus of its own, in a mount namespace of its own, at
//	            addresses that sockets of other names have just had
//	names       calls on the system bus to names that nobody has, each to another
//	pieces      harmless calls on the system bus, in pieces
//	unsent      requests to start hostnamed that the kernel refuses to send
//	no-reply    requests to start hostnamed that are denied, with no reply wanted
//	manager HOW a manager of its own that answers nsblame: big (an answer of 7 MiB) or
//	            names (a unit of 500,000 names)
//	ancestors N processes, so many, with 127 dead ancestors each
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// attack is a verb: it calls began once it has begun, and returns if it fails.
type attack func(arg string, began func()) error

var attacks = map[string]attack{
	"namespaces": namespaces, "own-flood": ownFlood, "forged": forged, "names": names,
	"pieces": pieces, "unsent": unsent, "no-reply": noReply, "manager": manager, "ancestors": ancestors,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "attacker:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 || attacks[args[0]] == nil {
		return errors.New("usage: attacker VERB [ARGUMENT]")
	}
	return attacks[args[0]](strings.Join(args[1:], " "), func() { fmt.Println("ready") })
}

// pace keeps an attack from taking all of an emulated CPU, on which nobody else would
// get anything done.
const pace = 20 * time.Millisecond

// again does something for ever, or until it fails, at a pace.
func again(began func(), do func() error) error {
	for first := true; ; first = false {
		if err := do(); err != nil {
			return err
		}
		if first {
			began()
		}
		time.Sleep(pace)
	}
}

// runtimeDir is the user's directory in /run.
func runtimeDir() string { return fmt.Sprintf("/run/user/%d", os.Getuid()) }
