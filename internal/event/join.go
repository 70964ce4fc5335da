package event

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

func (*NetnsJoin) body() {}

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

func (*NetnsLeave) body() {}

// NetnsJoinCount counts, at the end of a stream, who moved into a namespace that is
// still there, where not all of them were told by a NetnsJoin.
type NetnsJoinCount struct {
	// Serial is the creation's.
	Serial uint64
	// Joins counts them, told or not.
	Joins uint32
}

func (*NetnsJoinCount) body() {}
