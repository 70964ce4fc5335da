package render

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/life"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// reasonWords has the words for each reason. {unit}, {name}, {text} and {trigger} stand
// for the fields of the reason, {who} for its process, {what} for its name, unit or container.
var reasonWords = map[finding.ReasonCode]string{
	finding.ReasonCreatorUnplaced:        "the creator's cgroup, and so its unit, is not known",
	finding.ReasonLoaderUnplaced:         "the cgroup of the process that loaded it, and so its unit, is not known",
	finding.ReasonOtherManager:           "a service manager made it, for something that is no service of this machine's own managers",
	finding.ReasonStartedByBus:           "the bus daemon itself started it for somebody who called its name; who that was is not followed",
	finding.ReasonLoadedByKernel:         "the kernel itself ran the program that loads modules, for a process whose request is not followed",
	finding.ReasonRestartOrRequest:       "{unit} was asked for while it waited for an automatic restart; which of the two began this run is not known",
	finding.ReasonBusNotHeard:            "who asked for {unit} to be started is not known: {text}",
	finding.ReasonNoBusProbe:             "who asked for {unit} to be started is not known: the bus probe was not attached",
	finding.ReasonNobodyAsked:            "nobody was seen asking for {unit} to be started",
	finding.ReasonNobodyAskedUnitUnknown: "nobody was seen asking for {unit} to be started, and: {text}",
	finding.ReasonNobodyAskedNoAnswer:    "nobody was seen asking for {unit} to be started, and: the stream ended before it was answered",
	finding.ReasonNoAnswer:               "the stream ended before it was answered",
	finding.ReasonStartedBefore:          "{unit} was started before nsblame",
	finding.ReasonAskedWhileRunning:      "{unit} was asked for while the run before was not over; whether that began this one is not known",
	finding.ReasonNoCall:                 "no call to {name} was seen before the bus asked for its activation",
	finding.ReasonTooManyCalls:           "too many calls to {name} came before the bus asked for its activation, or some were lost",
	finding.ReasonAmbiguousCall:          "several processes called {name} just before it lost its owner; whose call was read after that is not known",
	finding.ReasonTooManyWaiting:         "too many creations waited for answers, so the manager's about {unit} was not waited for",
	finding.ReasonUnreadableMessage:      "a message of {who} that could not be read may have asked for {what} first",
	finding.ReasonMessagesLost:           "messages were lost, and one of them may have asked for {what} first",
	finding.ReasonOtherAsked:             "{who} asked for {what} at the same time, and may have been read first",
	finding.ReasonSlowBus:                "the bus asked for the activation of {name} long after this call; no later one was seen",
	finding.ReasonNoEffectSeen:           "nothing shows that the request for {what} had an effect: it may have been refused or still be waiting",
	finding.ReasonJobWasThere:            "{unit} was asked for when a job for it was there already; who asked for that job was not seen",
	finding.ReasonTriggerOrRequest:       "both {trigger} and a request of {who} may have started {unit}; which of the two came first is not known",
	finding.ReasonTriggerOrBoot:          "both {trigger} and the start of its manager may have started {unit}",
	finding.ReasonTriggerOrRestart:       "both {trigger} and an automatic restart may have started {unit}",
	finding.ReasonOtherTrigger:           "{trigger} may have started {unit} as well",
	finding.ReasonOtherConnected:         "{who} connected to a socket of {unit} as well, and may have had it started",
	finding.ReasonKernelSender:           "a thread of the kernel sent the request for {what}; for which process is not known",
	finding.ReasonEngineNotHeard:         "who asked for {what} is not known: {text}",
	finding.ReasonEngineUnread:           "the program of {who} could not be read, and by its name it is a container engine, which acts for somebody",
	finding.ReasonNoEngineRequest:        "nobody was seen asking for {what}",
	finding.ReasonSeveralPods:            "several pods had been asked for; for which of them this was made is not known",
	finding.ReasonPolicyOrRequest:        "both the restart policy of {container} and a request of {who} may have begun this run",
	finding.ReasonSeveralBuilds:          "several builds were under way; which of them {what} is a step of is not known",
}

// cutWords has the words for why a list of ancestors does not reach the root.
var cutWords = map[lineage.Cut]string{
	lineage.CutTooLong:       "the chain of parents is longer than what is kept",
	lineage.CutLost:          "lost: the buffer was full",
	lineage.CutParentUnknown: "the parent is not known",
	lineage.CutCircle:        "a process is said to be its own ancestor",
}

// cutText is such a reason in words, or its code where it has none.
func cutText(c lineage.Cut) string { return inWords(cutWords, c) }

// unmatchedWords has the words for why the creation of a listed namespace is not known.
var unmatchedWords = map[life.Unmatched]string{
	life.UnmatchedInitial:     "it is the machine's own",
	life.UnmatchedNoRecording: "nsblame list sees what there is, not what was: give it a recording with --from",
	life.UnmatchedOtherBoot:   "no recording of this run of the machine was given",
	life.UnmatchedAbsent:      "the recording doesn't have its creation",
	life.UnmatchedGaps:        "the recording doesn't have its creation, and has gaps",
	life.UnmatchedForgotten:   "the recording has more namespaces than are kept",
	life.UnmatchedEnded:       "the recording has one of this number, but it ended, and numbers are reused",
	life.UnmatchedEndUnseen:   "the recording has one of this number, but may lack the end of that, and numbers are reused",
}

// unmatchedText is such a reason in words, or its code where it has none.
func unmatchedText(u life.Unmatched) string { return inWords(unmatchedWords, u) }

// reasonText is a reason in words. It may hold any byte.
func reasonText(r finding.Reason) string {
	words, ok := reasonWords[r.Code]
	if !ok {
		return r.Text
	}
	who := "another process"
	if r.PID != 0 {
		who = "pid " + strconv.FormatUint(uint64(r.PID), 10)
	}
	what := cmp.Or(r.BusName, r.Unit, containerWords(r.Container))
	switch r.Code {
	case finding.ReasonEngineNotHeard, finding.ReasonNoEngineRequest, finding.ReasonSeveralBuilds:
		what = cmp.Or(what, "the container")
	}
	return strings.NewReplacer(
		"{unit}", r.Unit, "{name}", r.BusName, "{text}", r.Text, "{trigger}", r.Trigger, "{who}", who, "{what}", what,
	).Replace(words)
}

// containerWords names a container, empty if it has no name.
func containerWords(name string) string {
	if name == "" {
		return ""
	}
	return "container " + name
}
