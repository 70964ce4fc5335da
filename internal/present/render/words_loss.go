package render

import (
	"fmt"

	"github.com/nsblame/nsblame/internal/event"
)

// lossWords has the words for each kind of loss.
var lossWords = map[event.LossKind]string{
	event.LossCreation:   "creations of namespaces (buffer full)",
	event.LossFollowUp:   "execs, exits or children of creators (buffer full)",
	event.LossProcess:    "facts of processes (buffer full)",
	event.LossTable:      "processes not noted (table full)",
	event.LossProgram:    "command lines not noted (table full)",
	event.LossInflight:   "beginnings of creations (too many at once)",
	event.LossReturn:     "returns that a kretprobe of the kernel left out",
	event.LossInitReturn: "returns of subsystems that a kretprobe of the kernel left out",
	event.LossCgroup:     "cgroup paths not noted (table full)",
	event.LossForget:     "notes of what may be forgotten (buffer full)",
	event.LossSkipped:    "runs of a probe that the kernel left out",
	event.LossBus:        "messages on the machine's buses (too many, or buffer full)",
	event.LossOtherBus:   "messages on buses of users or containers (too many, or buffer full)",
	event.LossEngine:     "requests to container engines (too many, or buffer full)",
	event.LossConnect:    "connections to the sockets of units (too many, or buffer full)",
	event.LossBusUnread:  "bus messages that could not be read",
	event.LossBusSkipped: "runs of the probes on buses, container engines and sockets that the kernel left out",
	event.LossEnding:     "ends of namespaces (buffer full)",
	event.LossCost:       "accounts of what creations are made of (buffer or table full)",
	event.LossJoin:       "notices of who moves into a namespace (buffer or table full)",
	event.LossLife:       "namespaces whose end is not followed (table full)",
	event.LossInit:       "modules that came or went (buffer full)",
	event.LossLoad:       "modules not followed while they were loaded (too many at once)",
	event.LossRecord:     "records not understood",
	event.LossLineage:    "processes, command lines and cgroups that were forgotten (too much memory)",
	event.LossRequest:    "requests to managers that were forgotten (their user made too many)",
	event.LossWaiting:    "creations that could not wait for an exec or an answer (too many at once)",
}

// damageWords has the words for what is wrong with a part of a recording.
var damageWords = map[event.DamageCode]string{
	event.DamageTooMuch:    "what it defines takes more memory than may be used: raise --max-memory if it can be trusted",
	event.DamageImpossible: "it claims what no machine can have seen: it was not made by nsblame",
}

// damageText says what is wrong with a part of a recording. It may hold any byte.
func damageText(d *event.Damage) string {
	if d.Code == "" {
		return d.Why
	}
	return inWords(damageWords, d.Code)
}

// ofOwner says whose it was, if that is known.
func ofOwner(o event.Owner) string {
	if o.IsZero() {
		return ""
	}
	return fmt.Sprintf(", of user %d", o.UID)
}

// lossText says in words what was lost. A kind that a later version recorded is
// shown by its name.
func lossText(kind event.LossKind) string {
	if words, known := lossWords[kind]; known {
		return words
	}
	return fitEscaped(string(kind), maxName)
}
