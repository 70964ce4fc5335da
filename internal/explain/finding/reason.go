package finding

import "strings"

// ReasonCode names a reason why a chain ends. It never changes once it was
// released.
type ReasonCode string

// The reasons. Each says which fields of a Reason go with it.
const (
	// ReasonCreatorUnplaced: the creator's cgroup is not known.
	ReasonCreatorUnplaced ReasonCode = "creator_unplaced"
	// ReasonLoaderUnplaced: the cgroup of the process that loaded a module is not
	// known.
	ReasonLoaderUnplaced ReasonCode = "loader_unplaced"
	// ReasonOtherManager: a manager made it that is none of this machine's own.
	ReasonOtherManager ReasonCode = "other_manager"
	// ReasonStartedByBus: a bus daemon started the creator without a manager.
	ReasonStartedByBus ReasonCode = "started_by_bus"
	// ReasonLoadedByKernel: the kernel ran the program that loads modules.
	ReasonLoadedByKernel ReasonCode = "loaded_by_kernel"
	// ReasonRestartOrRequest: Unit was asked for while it waited for an automatic
	// restart.
	ReasonRestartOrRequest ReasonCode = "restart_or_request"
	// ReasonBusNotHeard: requests for Unit were not heard; Text says why not.
	ReasonBusNotHeard ReasonCode = "bus_not_heard"
	// ReasonNoBusProbe: likewise, and nothing in the stream speaks of the probe.
	ReasonNoBusProbe ReasonCode = "no_bus_probe"
	// ReasonNobodyAsked: no request for Unit was seen.
	ReasonNobodyAsked ReasonCode = "nobody_asked"
	// ReasonNobodyAskedUnitUnknown: likewise, and the manager knows nothing of
	// Unit; Text is what it said.
	ReasonNobodyAskedUnitUnknown ReasonCode = "nobody_asked_unit_unknown"
	// ReasonNobodyAskedNoAnswer: likewise, and the manager has not answered.
	ReasonNobodyAskedNoAnswer ReasonCode = "nobody_asked_no_answer"
	// ReasonNoAnswer: the manager has not answered.
	ReasonNoAnswer ReasonCode = "no_answer"
	// ReasonStartedBefore: Unit runs since before the stream began.
	ReasonStartedBefore ReasonCode = "started_before"
	// ReasonAskedWhileRunning: Unit was asked for before its last run was over.
	ReasonAskedWhileRunning ReasonCode = "asked_while_running"
	// ReasonNoCall: no call to BusName was seen before its activation.
	ReasonNoCall ReasonCode = "no_call"
	// ReasonTooManyCalls: calls to BusName were forgotten or lost.
	ReasonTooManyCalls ReasonCode = "too_many_calls"
	// ReasonAmbiguousCall: several processes called BusName just before it lost
	// its owner.
	ReasonAmbiguousCall ReasonCode = "ambiguous_call"
	// ReasonUnreadableMessage: a message of PID that could not be read may have been
	// the first call to BusName, or the first request.
	ReasonUnreadableMessage ReasonCode = "unreadable_message"
	// ReasonTooManyWaiting: the manager's answer about Unit was not waited for,
	// because too many creations waited.
	ReasonTooManyWaiting ReasonCode = "too_many_waiting"
	// ReasonMessagesLost: messages were lost, and one of them may have come first. PID
	// is not known.
	ReasonMessagesLost ReasonCode = "messages_lost"
	// ReasonOtherAsked: PID asked for the same at about the same time, and may have
	// been read first.
	ReasonOtherAsked ReasonCode = "other_asked"
	// ReasonSlowBus: the bus asked for the activation of BusName long after the call, and
	// no later one was seen.
	ReasonSlowBus ReasonCode = "slow_bus"
	// ReasonNoEffectSeen: nothing shows that the request for Unit had an effect. It may
	// have been refused unseen, or still be waiting.
	ReasonNoEffectSeen ReasonCode = "no_effect_seen"
	// ReasonJobWasThere: Unit was asked for, by PID among others, when a job for it was
	// there already. Who asked for that job was not seen.
	ReasonJobWasThere ReasonCode = "job_was_there"
	// ReasonTriggerOrRequest: both Trigger and a request of PID can have begun the run
	// of Unit.
	ReasonTriggerOrRequest ReasonCode = "trigger_or_request"
	// ReasonTriggerOrBoot: both Trigger and the start of the manager can have begun the
	// run of Unit.
	ReasonTriggerOrBoot ReasonCode = "trigger_or_boot"
	// ReasonTriggerOrRestart: both Trigger and the automatic restart of Unit may have
	// begun the run.
	ReasonTriggerOrRestart ReasonCode = "trigger_or_restart"
	// ReasonOtherTrigger: Trigger can have begun the run of Unit as well.
	ReasonOtherTrigger ReasonCode = "other_trigger"
	// ReasonOtherConnected: PID connected to a socket of Unit at about the same time, and
	// may have had it started.
	ReasonOtherConnected ReasonCode = "other_connected"
	// ReasonKernelSender: a thread of the kernel sent the request for somebody.
	ReasonKernelSender ReasonCode = "kernel_sender"
	// ReasonEngineNotHeard: requests to the engine that made Container were not heard;
	// Text says why not.
	ReasonEngineNotHeard ReasonCode = "engine_not_heard"
	// ReasonEngineUnread: the program of PID could not be read, and by its name it is a
	// container engine, which acts for somebody.
	ReasonEngineUnread ReasonCode = "engine_unread"
	// ReasonNoEngineRequest: no request for Container was seen.
	ReasonNoEngineRequest ReasonCode = "no_engine_request"
	// ReasonSeveralPods: the engine had been asked for several pods, and which of them
	// it made the namespace for is not known.
	ReasonSeveralPods ReasonCode = "several_pods"
	// ReasonPolicyOrRequest: Container had ended just before, so its restart policy may
	// have begun it anew as well as whoever asked.
	ReasonPolicyOrRequest ReasonCode = "policy_or_request"
	// ReasonSeveralBuilds: several builds were under way, and which of them Container is
	// a step of is not known.
	ReasonSeveralBuilds ReasonCode = "several_builds"
)

// Reason says why a chain ends, or why something is not known. Without a Code
// its Text says it all. Strings in it may hold any byte.
type Reason struct {
	Code ReasonCode
	// Unit is the unit that it is about.
	Unit string
	// BusName is the well-known name that it is about.
	BusName string
	// Container is the container that it is about, by name or id.
	Container string
	// Trigger is a unit that may have been the cause instead.
	Trigger string
	// PID is a process that may have been, 0 if it is not known or not said.
	PID uint32
	// Text is in somebody else's words: those of a manager or of the kernel.
	Text string
}

// IsZero reports whether there is no reason.
func (r Reason) IsZero() bool { return r == Reason{} }

// Renamed is the reason with another name for a unit.
func (r Reason) Renamed(from, to string) Reason {
	if from == "" {
		return r
	}
	r.Unit = strings.ReplaceAll(r.Unit, from, to)
	r.Text = strings.ReplaceAll(r.Text, from, to)
	return r
}
