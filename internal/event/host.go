package event

// Host opens a stream: the facts of the machine and of the nsblame that
// observed it.
type Host struct {
	// Version is nsblame's own.
	Version string
	// Hostname is the machine's name (uname -n), empty where it was redacted and
	// in recordings of earlier versions.
	Hostname string
	// Kernel is the running kernel's release (uname -r).
	Kernel string
	// Arch is the machine's architecture in Go's terms (amd64, arm64).
	Arch string
	// BootID is /proc/sys/kernel/random/boot_id.
	BootID string
	// MachineID identifies the machine: a keyed hash of /etc/machine-id, which does
	// not give the id away. Empty where the machine has none.
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
	// StartWaitNS is how long it is held back for the exec of a process that a
	// service manager forked to start a unit; 0 in recordings of before, where
	// it is ExecWaitNS.
	StartWaitNS uint64
	// NameWaitNS is how long a creation by a container runtime is held back until it
	// is known for which container or pod it was made; 0 in recordings of before,
	// where it is not waited for.
	NameWaitNS uint64
	// Redacted says what was hidden before it came into the stream: "all",
	// "secrets", "names", "secrets,names", or empty for nothing. See package
	// redact.
	Redacted string
}

func (*Host) body() {}

// Clock says that nothing else happened up to BootNS, and what the wall clock
// shows. It is sent if something waits for time to pass, and if the wall clock was
// stepped.
type Clock struct {
	// OffsetNS is CLOCK_REALTIME minus CLOCK_BOOTTIME in nanoseconds.
	OffsetNS int64
}

func (*Clock) body() {}

// End closes a stream that was ended in good order.
type End struct {
	// Seen is the number of creations the kernel counted.
	Seen uint64
}

func (*End) body() {}
