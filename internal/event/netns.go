package event

// NetnsCreate is a call of copy_net_ns with CLONE_NEWNET (net/core/
// net_namespace.c), successful or not. Its BootNS is the time at which the
// call began. Process events for the creator and its ancestors come before it.
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
	// DurationNS is the time spent in copy_net_ns, 0 with EntryMissed.
	DurationNS uint64
	// EntryMissed is set if the beginning of the call was not noted. BootNS is
	// then its end, and Init is empty.
	EntryMissed bool
	// Init lists the subsystems that were timed.
	Init []Init
	// Cost is what it is made of, nil where that was not measured.
	Cost *Cost
	// AncestorsLost counts the ancestors whose Process event could not be
	// sent because the buffer was full.
	AncestorsLost uint32
}

func (*NetnsCreate) body() {}

// Call is the system call that asked for a namespace.
type Call string

// The calls that create a network namespace.
const (
	// CallUnshare: unshare(2); the creator itself moves in.
	CallUnshare Call = "unshare"
	// CallClone: clone(2) or clone3(2); a child is born in it.
	CallClone Call = "clone"
	// CallUnknown: the number of the system call is neither's, or could not be read.
	CallUnknown Call = "unknown"
)

// NetnsChild names the child of a creation by clone.
type NetnsChild struct {
	// Serial is that of the creation.
	Serial uint64
	// Child is the new process. A Process event for it comes before.
	Child ProcessID
}

func (*NetnsChild) body() {}

// NetnsRelease says that the last reference to a network namespace was dropped
// (__put_net, include/net/net_namespace.h): nobody can enter it any more, and
// its teardown is queued.
type NetnsRelease struct {
	// Serial is that of the creation, 0 if it was not seen.
	Serial uint64
	// Inum and Cookie are as in NetnsCreate.
	Inum   uint32
	Cookie uint64
	// By is the process whose thread dropped it. A Process event for it comes
	// before. It is zero if the kernel did so in a context that belongs to no
	// process (an interrupt, RCU, a kernel thread).
	By ProcessID
	// TID is that thread, Comm its name.
	TID  uint32
	Comm string
	// Held is what the last reference was.
	Held Held
	// Exiting is set if the thread dropped it while it ended itself.
	Exiting bool
	// Joins counts who moved in, reported by a NetnsJoin or not.
	Joins uint32
	// CreatedNS is when the creation began, in nanoseconds since boot. It is 0 if
	// the creation was not seen.
	CreatedNS uint64
}

func (*NetnsRelease) body() {}

// Held says what kind of reference held a network namespace last.
type Held string

// The kinds of references.
const (
	// HeldUnknown: not known. It may be a socket, a file of /proc/net, or the
	// kernel's own.
	HeldUnknown Held = ""
	// HeldProcess: a process was in it.
	HeldProcess Held = "process"
	// HeldFile: a file that was open on it in nsfs (/proc/PID/ns/net), or a
	// lookup of that path.
	HeldFile Held = "file"
	// HeldMount: it was mounted (/run/netns).
	HeldMount Held = "mount"
	// HeldNsfs: a file or a mount. The probe that distinguishes them is not
	// attached.
	HeldNsfs Held = "nsfs"
	// HeldClone: a clone that created it and then failed.
	HeldClone Held = "clone"
)

// NetnsFree says that the teardown of a network namespace is finished.
type NetnsFree struct {
	// Serial, Inum and Cookie are as in NetnsRelease.
	Serial uint64
	Inum   uint32
	Cookie uint64
	// WaitNS is how long it waited between the release and the beginning of its
	// teardown. DurationNS is how long the teardown took. Both are in nanoseconds,
	// 0 where unknown. Several namespaces can be torn down at once.
	WaitNS, DurationNS uint64
	// CreatedNS and ReleasedNS are when the creation began and when it was
	// released, in nanoseconds since boot. They are 0 if that was not seen.
	CreatedNS, ReleasedNS uint64
}

func (*NetnsFree) body() {}
