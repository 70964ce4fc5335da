// Package event is the vocabulary of the one stream of observations that
// everything else in nsblame reads or writes.
//
// A source yields a sequence of Event values: live from the kernel, /proc and
// service managers (internal/observe), or from a file (package recording).
// Whatever follows is a pure function of that sequence. It reads no clock, no
// /proc and no bus, so a replay prints what the live trace printed.
//
// # Files
//
// A file has one subject: the events about it, and the types only they use.
//
//	event.go     Event and Body
//	host.go      Host, Clock, End: the frame of a stream
//	identity.go  ProcessID, ProgramID, CgroupID: what other events refer to
//	process.go   Process, Program, Exec, Exit
//	cgroup.go    Cgroup, Active
//	forget.go    Forget
//	netns.go     NetnsCreate, NetnsChild, NetnsRelease, NetnsFree
//	cost.go      what a creation took, by subsystem
//	join.go      NetnsJoin, NetnsLeave, NetnsJoinCount
//	pernet.go    PernetInit
//	bus.go       BusMessage
//	connect.go   SocketConnect: what has a manager start a socket unit's service
//	runtime.go   EngineRequest, CNI, Container: requests to container runtimes, and
//	             what is known of containers
//	unit.go      UnitState: what a service manager knows of a unit
//	answer.go    Question, Unit: what a manager was asked and answered
//	coverage.go  Coverage: which probes are live
//	probe.go     the table of probes: what each lets us see
//	loss.go      Loss and the table of what can be lost
//	damage.go    Damage: parts of a recording that cannot be read
//
// # Names
//
// A type that implements Body is an event. Its name is a subject (Process,
// Cgroup) if the event defines or replaces the state of that subject. It is a
// subject and a verb (NetnsCreate, NetnsJoin) if something happened to it.
// Events about a network namespace begin with Netns.
//
// An identity ends in ID: ProcessID, ProgramID, CgroupID. Serial is the
// identity of a creation within the stream. Inum and Cookie are the kernel's
// own names of a namespace, of which Inum is reused.
//
// Units stand in the name: NS is nanoseconds, US is microseconds. A moment is
// counted since boot with suspend included (CLOCK_BOOTTIME), except those of
// systemd, which are CLOCK_MONOTONIC.
//
// Truncated and Cut mark what is incomplete, Unread what could not be read,
// Unknown what nothing shows. The zero value of a field means that it is not
// known, unless its comment says otherwise. Why is a reason in words.
//
// An enumeration is a type of strings (Call, Held, LossKind). Its constants
// begin with the type's name, without Kind or How. The strings stand in
// recordings and in the JSON output, so they never change.
//
// # Hostile bytes
//
// Strings hold bytes as the kernel gave them. They may contain anything but
// NUL: terminal escapes, newlines, invalid UTF-8. Only package render makes
// them safe to show.
package event
