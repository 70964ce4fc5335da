package event

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

func (*Forget) body() {}
