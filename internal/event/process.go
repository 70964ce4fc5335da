package event

// Source says where a fact about a process comes from.
type Source string

// The sources of facts about processes.
const (
	// SourceKernel: noted by a probe when it happened.
	SourceKernel Source = "kernel"
	// SourceProc: read from /proc, after the start time was compared.
	SourceProc Source = "proc"
)

// Program is a program image: the command line and the executable.
type Program struct {
	// ID is the image's identity.
	ID ProgramID
	// Argv is the argument list. It is empty for a process without one, such as
	// a kernel thread, and where it could not be read (see ArgvUnread).
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
	// Source says where it comes from.
	Source Source
}

func (*Program) body() {}

// Process is the state of a process as of the event's time. A later one
// replaces an earlier one of the same ID.
type Process struct {
	// ID is the process's identity.
	ID ProcessID
	// Parent is the process that forked it, even if that has ended. If the
	// process is older than nsblame, it is the parent that it had when nsblame
	// started (see Preexisting). Zero for pid 1, kthreadd and where unknown.
	Parent ProcessID
	// Program is the image that it runs.
	Program ProgramID
	// Comm is the leader's task_struct.comm, at most 15 bytes.
	Comm string
	// UID is the real user id in the initial user namespace.
	UID uint32
	// Owner is who answers for it, zero where not known.
	Owner Owner
	// Cgroup is the cgroup that it is in (or was in when it ended).
	Cgroup CgroupID
	// Preexisting is set if the process is older than nsblame. Parent was then
	// read from task_struct.real_parent. Who forked it may have ended before.
	Preexisting bool
	// AncestryCut is set if nsblame does not know all ancestors: the chain of
	// parents was longer than the limit, or the table was full.
	AncestryCut bool
	// Exited is set if the process has ended, at ExitNS, with ExitCode.
	Exited bool
	// ExitNS is when it ended, in nanoseconds since boot.
	ExitNS uint64
	// ExitCode is task_struct.exit_code: the status in bits 8 to 15, the
	// signal in bits 0 to 6.
	ExitCode uint32
}

func (*Process) body() {}

// Exec is the first exec of a process after it created a network namespace, was
// forked in a new one, or moved into one.
type Exec struct {
	// Process is the process. Process and Program events with its new state come
	// before.
	Process ProcessID
	// Serial is the namespace in which a process called exec that had moved since
	// its last exec. It is 0 for others, and if the creation was not seen.
	Serial uint64
}

func (*Exec) body() {}

// Exit is the end of a process that created a network namespace, was forked in a
// new one, or moved into one.
type Exit struct {
	// Process is the process. A Process event with its end comes before.
	Process ProcessID
}

func (*Exit) body() {}
