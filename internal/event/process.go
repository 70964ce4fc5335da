package event

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

func (*Program) body() {}

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

func (*Process) body() {}

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

func (*Exec) body() {}

// Exit is the end of a process that created a network namespace, was born in a
// new one or moved into one.
type Exit struct {
	// Process is the process; a Process event that gives its end precedes.
	Process ProcessID
}

func (*Exit) body() {}
