package event

// LossKind says what was lost.
type LossKind string

// What can be lost, each with its own counter.
const (
	// LossCreation: creations whose record found no room in the buffer.
	LossCreation LossKind = "creation"
	// LossFollowUp: execs, exits or clone children of creators, likewise.
	LossFollowUp LossKind = "follow_up"
	// LossProcess: process, program or cgroup records, likewise.
	LossProcess LossKind = "process"
	// LossTable: processes that were not noted because the kernel table was
	// full.
	LossTable LossKind = "table"
	// LossProgram: command lines that were not noted because the kernel table
	// was full.
	LossProgram LossKind = "program"
	// LossInflight: creations whose beginning was not noted because too many
	// were under way at once.
	LossInflight LossKind = "inflight"
	// LossCgroup: cgroup paths, likewise.
	LossCgroup LossKind = "cgroup"
	// LossForget: records that only say what may be forgotten; costs memory,
	// not truth.
	LossForget LossKind = "forget"
	// LossSkipped: runs of a probe that the kernel left out because the probe
	// was already running on that CPU.
	LossSkipped LossKind = "skipped"
	// LossReturn: returns that the kernel's kretprobes left out: a creation is
	// not shown, or not what one of its subsystems took.
	LossReturn LossKind = "return"
	// LossBus: bus messages, likewise.
	LossBus LossKind = "bus"
	// LossBusUnread: bus messages whose bytes could not be read.
	LossBusUnread LossKind = "bus_unread"
	// LossBusSkipped: runs of the probe on the buses that the kernel left out,
	// each of which may have missed a message.
	LossBusSkipped LossKind = "bus_skipped"
	// LossEnding: releases and ends of namespaces whose record found no room in
	// the buffer.
	LossEnding LossKind = "ending"
	// LossLife: namespaces whose life was not followed, because too many were
	// there at once.
	LossLife LossKind = "life"
	// LossCost: what creations are made of, where that was measured.
	LossCost LossKind = "cost"
	// LossJoin: notices of who moves into a namespace, or leaves it again.
	LossJoin LossKind = "join"
	// LossInit: modules that came or went, or what they did to the namespaces
	// that there were, whose record found no room in the buffer.
	LossInit LossKind = "init"
	// LossLoad: modules, or subsystems of them, that were not followed while they
	// were loaded, because there were too many at once.
	LossLoad LossKind = "load"
	// LossRecord: records that user space could not decode.
	LossRecord LossKind = "record"
)

// Loss reports that something was lost since the last report of its kind.
type Loss struct {
	// Kind says what.
	Kind LossKind
	// Count says how many since the last report.
	Count uint64
}

func (*Loss) body()           {}
