package event

// NetnsJoin says that a thread moved into a network namespace whose creation was
// seen. Of each namespace the first joins are reported, the others are only
// counted. Process events for the process and its ancestors come before.
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
	// Ordinal is the place of this join among those of the namespace, from 1.
	Ordinal uint32
}

func (*NetnsJoin) body() {}

// JoinHow is the way into a namespace.
type JoinHow string

// The ways into a namespace.
const (
	// JoinSetns: setns(2).
	JoinSetns JoinHow = "setns"
	// JoinFork: it was forked in the namespace. Its parent had joined or created
	// that, and had not called exec since.
	JoinFork JoinHow = "fork"
)

// NetnsLeave says that a thread whose join was reported has left the namespace. It
// did not call exec in between.
type NetnsLeave struct {
	// Serial, Process and TID are those of the NetnsJoin.
	Serial  uint64
	Process ProcessID
	TID     uint32
	// Ending is set if the thread ended in it.
	Ending bool
}

func (*NetnsLeave) body() {}

// NetnsJoinCount counts, at the end of a stream, the joins of a namespace that
// still exists. It comes only if some of them were not reported.
type NetnsJoinCount struct {
	// Serial is the creation's.
	Serial uint64
	// Joins counts them, reported or not.
	Joins uint32
}

func (*NetnsJoinCount) body() {}
