package event

// Event is one observation with the moment it was made.
type Event struct {
	// BootNS is the time since boot in nanoseconds, suspend included
	// (CLOCK_BOOTTIME). Host and Clock tell how to make it wall-clock time.
	BootNS uint64
	// Body is what was observed.
	Body Body
}

// Body is one of the observation types of this package, by pointer.
type Body interface{ body() }

// Host opens a stream: the facts of the machine and of the nsblame that
// observed it.
type Host struct {
	// Version is nsblame's own.
	Version string
	// Kernel is the running kernel's release (uname -r).
	Kernel string
	// Arch is the machine's architecture in Go's terms (amd64, arm64).
	Arch string
	// BootID is /proc/sys/kernel/random/boot_id.
	BootID string
	// MachineID tells machines apart: a keyed hash of /etc/machine-id, from
	// which that cannot be had. Empty where the machine has none.
	MachineID string
	// ClockOffsetNS is CLOCK_REALTIME minus CLOCK_BOOTTIME in nanoseconds.
	ClockOffsetNS int64
	// UTCOffsetSeconds is the offset of the machine's time zone, so that a
	// recording shows the same local times elsewhere.
	UTCOffsetSeconds int
	// CgroupHierarchy says from which hierarchy cgroup paths are taken:
	// "unified" (version 2) or "name=systemd" (version 1).
	CgroupHierarchy string
	// ExecWaitNS is how long a creation is held back for the exec that may
	// follow it.
	ExecWaitNS uint64
	// Redacted says which arguments of command lines were replaced before they
	// came into the stream: "all", "secrets", or empty for none.
	Redacted string
}

// Clock says that time went on up to BootNS without anything else to report,
// and what the wall clock shows. It is sent when something waits for time to
// pass, and when the wall clock was stepped.
type Clock struct {
	// OffsetNS is CLOCK_REALTIME minus CLOCK_BOOTTIME in nanoseconds.
	OffsetNS int64
}

// Source says who told a fact about a process.
type Source string

// The sources of facts about processes.
const (
	// SourceKernel: noted by a probe when it happened.
	SourceKernel Source = "kernel"
	// SourceProc: read from /proc, the start time having been compared.
	SourceProc Source = "proc"
)

// Program is a program image: the command line and the executable.
type Program struct {
	// ID is the image's identity.
	ID ProgramID
	// Argv is the argument list. It is empty for a process without one
	// (kernel threads) or where it could not be read (see ArgvUnread).
	Argv []string
	// ArgvTruncated is set when the list goes on after what Argv holds.
	ArgvTruncated bool
	// ArgvUnread is set when the arguments could not be read at all.
	ArgvUnread bool
	// Exe is the path of the executable file in the mount namespace's own
	// terms, empty where unknown.
	Exe string
	// ExeTruncated is set when leading directories of Exe are missing.
	ExeTruncated bool
	// Source says who told it.
	Source Source
}

// Process is the state of a process as of the event's time. A later one
// replaces an earlier one of the same ID.
type Process struct {
	// ID is the process's identity.
	ID ProcessID
	// Parent is the process that forked it, also when that is gone since; for
	// a process older than nsblame it is the parent at the time nsblame
	// started (see Preexisting). Zero for pid 1 and kthreadd, and where unknown.
	Parent ProcessID
	// Program is the image that it runs.
	Program ProgramID
	// Comm is the leader's task_struct.comm, at most 15 bytes.
	Comm string
	// UID is the real user id in the initial user namespace.
	UID uint32
	// Cgroup is the cgroup that it is in (or was in when it ended).
	Cgroup CgroupID
	// Preexisting is set when Parent was read from task_struct.real_parent rather
	// than noted at the fork: the process is older than nsblame, and its real
	// parent may have ended before.
	Preexisting bool
	// AncestryCut is set when the process has ancestors that nsblame no longer
	// keeps: the chain of parents was longer than the bound, or the table full.
	AncestryCut bool
	// Exited is set when the process has ended; ExitNS and ExitCode tell when
	// and how.
	Exited bool
	// ExitNS is when it ended, nanoseconds since boot.
	ExitNS uint64
	// ExitCode is task_struct.exit_code: the status in bits 8 to 15, the
	// signal in bits 0 to 6.
	ExitCode uint32
}

// Cgroup gives a cgroup's path.
type Cgroup struct {
	// ID is the cgroup's identity.
	ID CgroupID
	// Path is absolute within its hierarchy ("/system.slice/cron.service").
	Path string
	// Truncated is set when leading parts of Path are missing.
	Truncated bool
}

// Active tells in which cgroups processes lived: at the beginning of the stream
// those that were there before, and once more at its end. A list can be spread
// over several events. Nothing refers to it, so nothing has to be forgotten.
type Active struct {
	// AtEnd tells the list at the end from that at the beginning.
	AtEnd bool
	// Cgroups are those with processes in them.
	Cgroups []Population
	// Unplaced counts the processes whose cgroup's path is not known.
	Unplaced uint32
	// Why says why the list is not whole, empty if it is.
	Why string
}

// Population is a cgroup with the number of processes in it.
type Population struct {
	// Path and Truncated are as in Cgroup.
	Path      string
	Truncated bool
	// Processes is how many lived in it.
	Processes uint32
}

// Forget says that no later event refers to the process, the program or the
// cgroup, so that what was kept of it can be dropped.
type Forget struct {
	// Process is the process to drop, zero for none.
	Process ProcessID
	// Program is the image to drop, zero for none.
	Program ProgramID
	// Cgroup is the cgroup to drop, zero for none.
	Cgroup CgroupID
}

// Call is the system call that asked for a namespace.
type Call string

// The calls that create a network namespace.
const (
	// CallUnshare: unshare(2); the creator itself moves in.
	CallUnshare Call = "unshare"
	// CallClone: clone(2) or clone3(2); a child is born in it.
	CallClone Call = "clone"
	// CallUnknown: the probe that tells them apart is not attached.
	CallUnknown Call = "unknown"
)

// IPVS holds the two figures of the line "IPVS: Creating netns size=… id=…"
// that older kernels logged.
type IPVS struct {
	// ID is netns_ipvs.gen, the count of namespaces that ip_vs initialised
	// before this one since it was loaded.
	ID int32
	// Size is sizeof(struct netns_ipvs) in bytes, 0 where unknown.
	Size uint32
}

// Init is one subsystem's initialisation in a new namespace.
type Init struct {
	// Op is the kernel function that was timed: the subsystem's own, or ops_init,
	// which calls it, while that had no probe yet.
	Op string
	// Subsystem is the name by which people know it (nf_conntrack, ip_vs).
	Subsystem string
	// DurationNS is how long it took in nanoseconds.
	DurationNS uint64
	// IPVS is set for ip_vs.
	IPVS *IPVS
}

// Cost is what a creation is made of.
type Cost struct {
	// LockWaitNS is how long it waited for pernet_ops_rwsem, in nanoseconds.
	// LockUnknown is set where that is not seen.
	LockWaitNS  uint64
	LockUnknown bool
	// Ops are the runs of ops_init, in their order.
	Ops []CostOp
	// Unlisted counts those that found no place among them, UnlistedNS is how
	// long they took.
	Unlisted   uint32
	UnlistedNS uint64
}

// CostOp is one run of ops_init: a subsystem's share of a creation.
type CostOp struct {
	// Op is the symbol of the function that was called, or where the subsystem
	// has none of the structure that it registered. Empty if it isn't known.
	Op string
	// NoInit is set where there was no function to call.
	NoInit bool
	// Subsystem is the module, or what the symbol says.
	Subsystem string
	// Module is the loaded module that has it, empty for the kernel itself.
	Module string
	// DurationNS is how long it took in nanoseconds.
	DurationNS uint64
}

// OpsNS is what the subsystems took.
func (c *Cost) OpsNS() uint64 {
	ns := c.UnlistedNS
	for i := range c.Ops {
		ns += c.Ops[i].DurationNS
	}
	return ns
}

// OtherNS is what is left of the duration of a creation.
func (c *Cost) OtherNS(duration uint64) uint64 {
	used := c.OpsNS()
	if !c.LockUnknown {
		used += c.LockWaitNS
	}
	return duration - min(duration, used)
}

// NetnsCreate is a call of copy_net_ns with CLONE_NEWNET (net/core/
// net_namespace.c), successful or not. Its BootNS is the time at which the
// call began. Process events for the creator and its ancestors precede it.
type NetnsCreate struct {
	// Serial identifies the creation within the stream.
	Serial uint64
	// Creator is the process that called, which for CallClone is the parent.
	Creator ProcessID
	// TID is the thread that called.
	TID uint32
	// Comm is that thread's comm.
	Comm string
	// UID is its real user id in the initial user namespace.
	UID uint32
	// Cgroup is its cgroup at that moment.
	Cgroup CgroupID
	// Call is the system call.
	Call Call
	// Inum is the namespace's inode number, 0 if the creation failed. It is
	// reused after the namespace is gone.
	Inum uint32
	// Cookie is net.net_cookie, unique until reboot; 0 where the kernel has
	// none.
	Cookie uint64
	// ParentInum is the namespace of the caller.
	ParentInum uint32
	// Errno is 0, or the error the creation failed with (ENOSPC, EINTR, …).
	Errno uint32
	// DurationNS is the time spent in copy_net_ns; 0 with EntryMissed.
	DurationNS uint64
	// EntryMissed is set when the beginning of the call was not noted: BootNS
	// is then its end, and Init is empty.
	EntryMissed bool
	// Init lists the subsystems that were timed.
	Init []Init
	// Cost is what it is made of, nil where that was not measured.
	Cost *Cost
	// AncestorsLost counts the ancestors whose Process event could not be
	// sent because the buffer was full.
	AncestorsLost uint32
}

// NetnsChild names the child of a creation by clone.
type NetnsChild struct {
	// Serial is the creation's.
	Serial uint64
	// Child is the new process; a Process event for it precedes.
	Child ProcessID
}

// Exec is the first exec of a process that created a network namespace, or
// was born in a new one or moved into one, after that.
type Exec struct {
	// Process is the process; Process and Program events that give its new
	// state precede.
	Process ProcessID
	// Serial is the creation's of the namespace in which it was called, for a
	// process that had moved since its last exec; 0 for others, and if the
	// creation was not seen.
	Serial uint64
}

// Exit is the end of a process that created a network namespace, was born in a
// new one or moved into one.
type Exit struct {
	// Process is the process; a Process event that gives its end precedes.
	Process ProcessID
}

// NetnsRelease says that the last reference to a network namespace was dropped
// (__put_net, include/net/net_namespace.h): nobody can enter it any more, and
// its teardown is queued.
type NetnsRelease struct {
	// Serial is the creation's, 0 if that was not seen (older than nsblame).
	Serial uint64
	// Inum and Cookie are the namespace's, as in NetnsCreate.
	Inum   uint32
	Cookie uint64
	// By is the process whose thread dropped it, zero where the kernel did so
	// in a context that belongs to no process in particular (an interrupt, RCU,
	// a kernel thread). A Process event for it precedes.
	By ProcessID
	// TID is that thread, Comm its name.
	TID  uint32
	Comm string
	// Held is what the last reference was.
	Held Held
	// Exiting is set when the thread dropped it in the course of its own end.
	Exiting bool
	// Joins counts who moved in, told by a NetnsJoin or not.
	Joins uint32
	// CreatedNS is when the creation began, nanoseconds since boot, 0 if it was
	// not seen.
	CreatedNS uint64
}

// Held says what kind of reference held a network namespace last.
type Held string

// The kinds of references.
const (
	// HeldUnknown: not known; a socket, a file of /proc/net, the kernel's own.
	HeldUnknown Held = ""
	// HeldProcess: a process was in it.
	HeldProcess Held = "process"
	// HeldFile: a file that was open on it in nsfs (/proc/PID/ns/net), or a
	// lookup of that path.
	HeldFile Held = "file"
	// HeldMount: it was mounted (/run/netns).
	HeldMount Held = "mount"
	// HeldNsfs: a file or a mount; the probe that tells them apart is not
	// attached.
	HeldNsfs Held = "nsfs"
	// HeldClone: a clone that created it, and then failed.
	HeldClone Held = "clone"
)

// NetnsFree says that the teardown of a network namespace is finished.
type NetnsFree struct {
	// Serial, Inum and Cookie are as in NetnsRelease.
	Serial uint64
	Inum   uint32
	Cookie uint64
	// WaitNS is how long it waited between the release and the beginning of its
	// teardown, DurationNS how long the teardown took, in nanoseconds; 0 where
	// unknown. Several namespaces can be torn down in one go.
	WaitNS, DurationNS uint64
	// CreatedNS and ReleasedNS are when the creation began and when it was
	// released, nanoseconds since boot; 0 if that was not seen.
	CreatedNS, ReleasedNS uint64
}

// NetnsJoin says that a thread came into a network namespace that was seen
// being created. Of each namespace the first ones are told, the others counted.
// Process events for it and its ancestors precede.
type NetnsJoin struct {
	// Serial, Inum, Cookie and CreatedNS are as in NetnsRelease.
	Serial    uint64
	Inum      uint32
	Cookie    uint64
	CreatedNS uint64
	// Process is the process that moved, TID the thread, Comm its name.
	Process ProcessID
	TID     uint32
	Comm    string
	// How is the way in.
	How JoinHow
	// Ordinal counts who came into the namespace, this one included.
	Ordinal uint32
}

// JoinHow is the way into a namespace.
type JoinHow string

// The ways into a namespace.
const (
	// JoinSetns: setns(2).
	JoinSetns JoinHow = "setns"
	// JoinFork: it was forked in it, by a process that had moved or created the
	// namespace, and had not called exec since.
	JoinFork JoinHow = "fork"
)

// NetnsLeave says that a thread is not in a namespace any more that it was told
// to have come into, and has not called exec meanwhile.
type NetnsLeave struct {
	// Serial, Process and TID are the NetnsJoin's.
	Serial  uint64
	Process ProcessID
	TID     uint32
	// Ending is set if the thread ended in it.
	Ending bool
}

// NetnsJoinCount counts, at the end of a stream, who moved into a namespace that is
// still there, where not all of them were told by a NetnsJoin.
type NetnsJoinCount struct {
	// Serial is the creation's.
	Serial uint64
	// Joins counts them, told or not.
	Joins uint32
}

// PernetInit says that a module which was being loaded had every network
// namespace that there was initialised for one of its subsystems (struct
// pernet_operations, net/core/net_namespace.c). Its BootNS is when the first one
// began. Process events for the process that loaded it and its ancestors
// precede it.
type PernetInit struct {
	// By is the process that loaded the module, TID its thread, Comm its name.
	By   ProcessID
	TID  uint32
	Comm string
	// Subsystem is the module's name.
	Subsystem string
	// Op is the subsystem's init function, empty where it has none (memory is
	// set aside only) or its name is not known.
	Op string
	// Namespaces is how many were initialised, or tried to be.
	Namespaces uint32
	// Unfinished is of how many the end was not seen: what they took is not part
	// of DurationNS.
	Unfinished uint32
	// DurationNS is how long that took in all, in nanoseconds.
	DurationNS uint64
	// Errno is 0, or the error that the last one failed with, after which the
	// module is not loaded.
	Errno uint32
	// AncestorsLost is as in NetnsCreate.
	AncestorsLost uint32
}

// Damage says that a part of a recording could not be read. It stands at the
// place in the stream where that part was. What was in it is not known.
type Damage struct {
	// Offset is where the part begins in the file, Bytes how long it is.
	Offset, Bytes uint64
	// Blocks counts the blocks that are known to be lost in it, at least 1.
	Blocks uint64
	// Truncated is set when the file ends within the part: the writer did not
	// come to close it.
	Truncated bool
	// Why says what is wrong with it, in words.
	Why string
}

// BusMessage is the beginning of a D-Bus message, seen when it was sent over a
// unix socket: a method call to a well-known name, a call that can start a
// unit, an activation request of the bus's or a change of a name's owner.
// Process events for the sender and its ancestors precede it.
type BusMessage struct {
	// Sender is the process that sent it, TID the thread.
	Sender ProcessID
	TID    uint32
	// Bus tells buses of the same path apart (in containers, or restarted):
	// connections to the same listening socket have the same number.
	Bus uint32
	// Path is the listening socket's.
	Path string
	// FromBus is set when it went from the listener to a client.
	FromBus bool
	// PeerPID is the process at the other end: the one that listened (for a
	// socket handed over by systemd that is systemd), or with FromBus the one
	// that connected.
	PeerPID uint32
	// Listener is the process that listens on the socket (for one that was
	// handed over by systemd that is systemd), told with the first message that
	// goes to a bus; otherwise zero. A Process event for it precedes.
	Listener ProcessID
	// Size is that of the whole send in bytes.
	Size uint32
	// Data is what was captured of it: the beginnings of its first two
	// segments.
	Data []byte
}

// Question names a unit about which a manager is asked.
type Question struct {
	// Unit is the unit's name, Manager whose it is; UID is the user with
	// ManagerUser, otherwise 0.
	Unit    string
	Manager Manager
	UID     uint32
	// Run is the run for the sake of which is asked, by the first process that
	// the manager forked for it; zero where that is not known. Cgroup is the
	// cgroup it runs in.
	Run    ProcessID
	Cgroup CgroupID
}

// Unit is the answer to a question.
type Unit struct {
	// Question is what was asked.
	Question Question
	// Why says why there is no answer, in words; empty if there is one.
	Why string
	// Unit is what the manager and the unit's files say.
	Unit UnitState
	// Boot is how far the manager had come.
	Boot ManagerBoot
	// Peer is the process whose connection the unit was started for, zero for
	// none and where it is not known (any more). A Process event for it
	// precedes.
	Peer ProcessID
	// MonotonicLagNS is CLOCK_BOOTTIME minus CLOCK_MONOTONIC in nanoseconds,
	// the time spent suspended: systemd gives times of the latter.
	MonotonicLagNS uint64
}

// LossKind says what was lost.
type LossKind string

// What can be lost, each with its own counter.
const (
	// LossCreation: creations whose record found no room in the buffer.
	LossCreation LossKind = "creation"
	// LossFollowUp: execs, exits or clone children of creators, likewise.
	LossFollowUp LossKind = "follow_up"
	// LossProcess: process, program or cgroup records, likewise.
	LossProcess LossKind = "process"
	// LossTable: processes that were not noted because the kernel table was
	// full.
	LossTable LossKind = "table"
	// LossProgram: command lines that were not noted because the kernel table
	// was full.
	LossProgram LossKind = "program"
	// LossInflight: creations whose beginning was not noted because too many
	// were under way at once.
	LossInflight LossKind = "inflight"
	// LossCgroup: cgroup paths, likewise.
	LossCgroup LossKind = "cgroup"
	// LossForget: records that only say what may be forgotten; costs memory,
	// not truth.
	LossForget LossKind = "forget"
	// LossSkipped: runs of a probe that the kernel left out because the probe
	// was already running on that CPU.
	LossSkipped LossKind = "skipped"
	// LossReturn: returns that the kernel's kretprobes left out: a creation is
	// not shown, or not what one of its subsystems took.
	LossReturn LossKind = "return"
	// LossBus: bus messages, likewise.
	LossBus LossKind = "bus"
	// LossBusUnread: bus messages whose bytes could not be read.
	LossBusUnread LossKind = "bus_unread"
	// LossBusSkipped: runs of the probe on the buses that the kernel left out,
	// each of which may have missed a message.
	LossBusSkipped LossKind = "bus_skipped"
	// LossEnding: releases and ends of namespaces whose record found no room in
	// the buffer.
	LossEnding LossKind = "ending"
	// LossLife: namespaces whose life was not followed, because too many were
	// there at once.
	LossLife LossKind = "life"
	// LossCost: what creations are made of, where that was measured.
	LossCost LossKind = "cost"
	// LossJoin: notices of who moves into a namespace, or leaves it again.
	LossJoin LossKind = "join"
	// LossInit: modules that came or went, or what they did to the namespaces
	// that there were, whose record found no room in the buffer.
	LossInit LossKind = "init"
	// LossLoad: modules, or subsystems of them, that were not followed while they
	// were loaded, because there were too many at once.
	LossLoad LossKind = "load"
	// LossRecord: records that user space could not decode.
	LossRecord LossKind = "record"
)

// Loss reports that something was lost since the last report of its kind.
type Loss struct {
	// Kind says what.
	Kind LossKind
	// Count says how many since the last report.
	Count uint64
}

// Coverage says from when on a probe was live, or not.
type Coverage struct {
	// Probe is the name of the kernel function or tracepoint.
	Probe string
	// Subsystem is the module that has the function, empty for the kernel itself.
	Subsystem string
	// Changed is set if the probe came or went, with its module, after the stream
	// had begun.
	Changed bool
	// Live is set when the probe is attached.
	Live bool
	// AttachMethod says how it is attached ("fentry", "tp_btf"), empty if it is not.
	AttachMethod string
	// Why says why it is not attached, and what to do.
	Why string
}

// End closes a stream that was ended in good order.
type End struct {
	// Seen is the number of creations the kernel counted.
	Seen uint64
}

func (*Host) body()           {}
func (*Clock) body()          {}
func (*Program) body()        {}
func (*Process) body()        {}
func (*Cgroup) body()         {}
func (*Active) body()         {}
func (*Forget) body()         {}
func (*NetnsCreate) body()    {}
func (*NetnsChild) body()     {}
func (*Exec) body()           {}
func (*Exit) body()           {}
func (*NetnsRelease) body()   {}
func (*NetnsFree) body()      {}
func (*NetnsJoin) body()      {}
func (*NetnsLeave) body()     {}
func (*NetnsJoinCount) body() {}
func (*PernetInit) body()     {}
func (*Damage) body()         {}
func (*BusMessage) body()     {}
func (*Unit) body()           {}
func (*Loss) body()           {}
func (*Coverage) body()       {}
func (*End) body()            {}
