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

func (*Active) body() {}

// Population is a cgroup with the number of processes in it.
type Population struct {
	// Path and Truncated are as in Cgroup.
	Path      string
	Truncated bool
	// Processes is how many lived in it.
	Processes uint32
}
