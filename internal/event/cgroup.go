package event

// Cgroup gives a cgroup's path.
type Cgroup struct {
	// ID is the cgroup's identity.
	ID CgroupID
	// Path is absolute within its hierarchy ("/system.slice/cron.service").
	Path string
	// Truncated is set when leading parts of Path are missing.
	Truncated bool
	// Delegated says which of its names are not the machine's.
	Delegated Delegation
}

func (*Cgroup) body() {}

// Delegation says which names of a path somebody has chosen to whom a directory on
// the way belongs, and who is not root. The zero Delegation stands for none.
type Delegation struct {
	// Names is how many there are, at the end of the path.
	Names uint32
	// UID is whose directory they are in, the outermost one.
	UID uint32
}

// Active lists the cgroups with processes in them, at the beginning of the stream
// and at its end. A list can be spread over several events. Nothing refers to it,
// so nothing has to be forgotten.
type Active struct {
	// AtEnd is set in the list at the end of the stream.
	AtEnd bool
	// Cgroups are those with processes in them.
	Cgroups []Population
	// Unplaced counts the processes whose cgroup's path is not known.
	Unplaced uint32
	// Why says why the list is incomplete. Empty if it is complete.
	Why string
}

func (*Active) body() {}

// Population is a cgroup with the number of processes in it.
type Population struct {
	// Path, Truncated and Delegated are as in Cgroup.
	Path      string
	Truncated bool
	Delegated Delegation
	// Processes is how many were in it.
	Processes uint32
}
