// Command attacker does as an ordinary user what might deceive nsblame, blind it, or
// bring it down, until it is killed. It writes "ready" once it has begun.
//
//	namespaces  namespaces, one after the other, in the cgroup that it runs in
//	own-flood N requests to its own bus, so many at a time
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

// An attack must not take all of an emulated CPU, nor may it keep the bus or the
// manager busy. Nobody else would get anything done, and nothing would be shown. So
// each has a pace.
const (
	// quick is for what costs nobody but the attacker, and for each attempt much less
	// than this.
	quick = 20 * time.Millisecond
	// slow is for what others have to deal with.
	slow = 100 * time.Millisecond
	// slowest is for what costs them much.
	slowest = 400 * time.Millisecond
	// rare is for what a service beside these has to judge, which takes an emulated
	// machine a second.
	rare = 5 * time.Second
)

// respite is how much longer than an attempt the pause behind it is, at least.
const respite = 2

// again does something for ever, or until it fails, at a pace.
func again(pace time.Duration, began func(), do func() error) error {
	for first := true; ; first = false {
		start := time.Now()
		if err := do(); err != nil {
			return err
		}
		took := time.Since(start)
		if first {
			began()
		}
		time.Sleep(max(pace, respite*took))
	}
}

// runtimeDir is the user's directory in /run.
func runtimeDir() string { return fmt.Sprintf("/run/user/%d", os.Getuid()) }
