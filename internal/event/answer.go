package event

// Question names a unit about which a manager is asked.
type Question struct {
	// Unit is the name of the unit, Manager the kind of its manager. UID is the
	// user if that is ManagerUser, otherwise 0.
	Unit    string
	Manager Manager
	UID     uint32
	// Run is the run in question: the first process that the manager forked for
	// it, zero where that is not known. Cgroup is the cgroup that it runs in.
	Run    ProcessID
	Cgroup CgroupID
}

// Unit is the answer to a question.
type Unit struct {
	// Question is what was asked.
	Question Question
	// Why says in words why there is no answer. Empty if there is one.
	Why string
	// Unit is what the manager and the files of the unit say.
	Unit UnitState
	// Boot is how far the manager was with its own start.
	Boot ManagerBoot
	// Peer is the process for whose connection the unit was started. It is zero
	// if there is none, or if it is not known. A Process event for it comes before.
	Peer ProcessID
	// MonotonicLagNS is CLOCK_BOOTTIME minus CLOCK_MONOTONIC in nanoseconds: the
	// time spent suspended. The times of systemd are CLOCK_MONOTONIC.
	MonotonicLagNS uint64
}

func (*Unit) body() {}

// ManagerBoot is how far a manager is with its own start.
type ManagerBoot struct {
	// Version is systemd's, as the distribution writes it.
	Version string
	// UserspaceUS is when the manager started.
	UserspaceUS uint64
	// FinishUS is when all jobs of the start were done, zero until then.
	FinishUS uint64
}

// During reports whether the moment lies in the start of the manager: for the
// system's manager in the boot, for a user's in the first login. Jobs that
// something else asked for in that time are not told apart from the manager's
// own.
func (b ManagerBoot) During(us uint64) bool {
	return us >= b.UserspaceUS && (b.FinishUS == 0 || us <= b.FinishUS)
}
