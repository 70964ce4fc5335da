package event

// Cgroup gives a cgroup's path.
type Cgroup struct {
	// ID is the cgroup's identity.
	ID CgroupID
	// Path is absolute within its hierarchy ("/system.slice/cron.service").
	Path string
	// Truncated is set when leading parts of Path are missing.
	Truncated bool
}

func (*Cgroup) body() {}

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
	// Path and Truncated are as in Cgroup.
	Path      string
	Truncated bool
	// Processes is how many were in it.
	Processes uint32
}
