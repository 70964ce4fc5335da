package event

// Loss reports that something was lost since the last report of its kind.
type Loss struct {
	// Kind says what.
	Kind LossKind
	// Count says how many since the last report.
	Count uint64
	// Owner is whose they were, zero if they may be anybody's.
	Owner Owner
}

func (*Loss) body() {}

// LossKind says what was lost. To add a kind, add a constant, a row to
// lossKinds, and its words in package render.
type LossKind string

// What can be lost, each with its own counter.
const (
	// LossCreation: creations whose record found no room in the buffer.
	LossCreation LossKind = "creation"
	// LossFollowUp: execs, exits or clone children of creators whose record found
	// no room in the buffer.
	LossFollowUp LossKind = "follow_up"
	// LossProcess: process, program or cgroup records that found no room in the
	// buffer.
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
	// LossCgroup: cgroup paths that were not noted because the kernel table was
	// full.
	LossCgroup LossKind = "cgroup"
	// LossForget: records that only say what may be forgotten.
	LossForget LossKind = "forget"
	// LossSkipped: runs of a probe that the kernel left out because the probe
	// was already running on that CPU.
	LossSkipped LossKind = "skipped"
	// LossReturn: returns that the kernel left out. Its kretprobes follow a limited
	// number of calls. Its fexit programs miss what is under way when another tracer
	// attaches to the function or detaches (kernel/bpf/trampoline.c,
	// bpf_tramp_image_put). A creation is not shown.
	LossReturn LossKind = "return"
	// LossInitReturn: the same of the init functions of subsystems. The time that one
	// took is missing in a creation.
	LossInitReturn LossKind = "init_return"
	// LossBus: messages on the machine's buses, of which an owner had too many or that
	// found no room in the buffer.
	LossBus LossKind = "bus"
	// LossOtherBus: the same for buses of users and of containers.
	LossOtherBus LossKind = "other_bus"
	// LossEngine: requests to container engines, of which an owner had too many or that
	// found no room in the buffer.
	LossEngine LossKind = "engine"
	// LossConnect: connections to the sockets of socket units, of which an owner had too
	// many or that found no room in the buffer.
	LossConnect LossKind = "connect"
	// LossBusUnread: messages from a bus whose bytes could not be read. Of those to a
	// bus the stream has each, see Unread.
	LossBusUnread LossKind = "bus_unread"
	// LossBusSkipped: runs of the probes on the buses, on container engines and on the
	// sockets of units that the kernel left out. Each may have missed a message.
	LossBusSkipped LossKind = "bus_skipped"
	// LossEnding: releases and ends of namespaces whose record found no room in
	// the buffer.
	LossEnding LossKind = "ending"
	// LossLife: namespaces whose life was not followed, because too many were
	// there at once.
	LossLife LossKind = "life"
	// LossCost: what creations are made of, where that was measured.
	LossCost LossKind = "cost"
	// LossJoin: records of who moves into a namespace, or leaves it again.
	LossJoin LossKind = "join"
	// LossInit: records of modules that were loaded or unloaded, or of the
	// namespaces they initialised, that found no room in the buffer.
	LossInit LossKind = "init"
	// LossLoad: modules, or subsystems of them, that were not followed while they
	// were loaded, because there were too many at once.
	LossLoad LossKind = "load"
	// LossRecord: records that user space could not decode.
	LossRecord LossKind = "record"
	// LossLineage: processes, programs and cgroups that user space forgot, for they
	// took more memory than they may.
	LossLineage LossKind = "lineage"
	// LossRequest: requests to managers, and calls to names on buses, that user space
	// forgot, for whoever made them had too many.
	LossRequest LossKind = "request"
	// LossWaiting: creations that were shown before their exec or the answer of a
	// manager came, for those that waited took more memory than they may.
	LossWaiting LossKind = "waiting"
)

// Hidden is a set of what a loss can hide from who reads the stream.
type Hidden uint16

// What a loss can hide.
const (
	// HiddenCreations: that a namespace was created.
	HiddenCreations Hidden = 1 << iota
	// HiddenEnds: that a namespace ended.
	HiddenEnds
	// HiddenActors: who created it, or from whom that process descends.
	HiddenActors
	// HiddenRequests: what was asked of a service of the machine over a bus.
	HiddenRequests
	// HiddenPrograms: what command line a process ran.
	HiddenPrograms
	// HiddenJoins: that somebody moved into a namespace.
	HiddenJoins
	// HiddenCosts: what a creation was made of.
	HiddenCosts
	// HiddenInits: that a module had the existing namespaces initialised.
	HiddenInits
	// HiddenOtherRequests: what was asked of a user's service over a bus.
	HiddenOtherRequests
	// HiddenEngineRequests: what was asked of a container engine.
	HiddenEngineRequests
	// HiddenConnections: who connected to the socket of a socket unit.
	HiddenConnections
)

// hiddenAll is all of them.
const hiddenAll = ^Hidden(0)

// lossKind is a row of the table of loss kinds.
type lossKind struct {
	kind LossKind
	// hides is what a loss of this kind can hide. Zero costs nothing but memory.
	hides Hidden
	// buffered is set if a larger buffer prevents it.
	buffered bool
}

// lossKinds has a row for each kind.
var lossKinds = []lossKind{
	{kind: LossCreation, hides: HiddenCreations | HiddenActors, buffered: true},
	{kind: LossFollowUp, hides: HiddenActors | HiddenPrograms, buffered: true},
	{kind: LossProcess, hides: HiddenActors | HiddenPrograms, buffered: true},
	{kind: LossTable, hides: HiddenActors},
	{kind: LossProgram, hides: HiddenPrograms},
	{kind: LossInflight, hides: HiddenActors},
	{kind: LossCgroup, hides: HiddenActors},
	{kind: LossForget},
	{kind: LossSkipped, hides: HiddenCreations | HiddenEnds | HiddenActors | HiddenJoins | HiddenCosts | HiddenInits},
	{kind: LossReturn, hides: HiddenCreations | HiddenActors | HiddenCosts},
	{kind: LossInitReturn, hides: HiddenCosts},
	{kind: LossBus, hides: HiddenRequests | HiddenOtherRequests, buffered: true},
	{kind: LossOtherBus, hides: HiddenOtherRequests, buffered: true},
	{kind: LossEngine, hides: HiddenEngineRequests, buffered: true},
	{kind: LossConnect, hides: HiddenConnections, buffered: true},
	{kind: LossBusUnread, hides: HiddenRequests | HiddenOtherRequests},
	{kind: LossBusSkipped, hides: HiddenRequests | HiddenOtherRequests | HiddenEngineRequests | HiddenConnections},
	{kind: LossEnding, hides: HiddenEnds},
	{kind: LossLife, hides: HiddenEnds},
	{kind: LossCost, hides: HiddenCosts},
	{kind: LossJoin, hides: HiddenJoins},
	{kind: LossInit, hides: HiddenInits},
	{kind: LossLoad, hides: HiddenInits},
	{kind: LossRecord, hides: hiddenAll},
	{kind: LossLineage, hides: HiddenActors | HiddenPrograms},
	{kind: LossRequest, hides: HiddenRequests | HiddenOtherRequests | HiddenEngineRequests | HiddenConnections},
	{kind: LossWaiting, hides: HiddenPrograms},
}

// LossKinds returns all kinds, in the order of the table.
func LossKinds() []LossKind {
	list := make([]LossKind, len(lossKinds))
	for i, row := range lossKinds {
		list[i] = row.kind
	}
	return list
}

// Hides reports whether a loss of this kind can hide any of these.
func (k LossKind) Hides(these Hidden) bool { return k.row().hides&these != 0 }

// Harmless reports whether a loss of this kind costs nothing but memory.
func (k LossKind) Harmless() bool { return k.row().hides == 0 }

// Buffered reports whether a larger buffer prevents losses of this kind.
func (k LossKind) Buffered() bool { return k.row().buffered }

// row finds the row of a kind. One that a later version recorded may hide anything.
func (k LossKind) row() lossKind {
	for _, row := range lossKinds {
		if row.kind == k {
			return row
		}
	}
	return lossKind{kind: k, hides: hiddenAll}
}
