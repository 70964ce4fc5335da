package request

import (
	"strconv"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// No number of calls has one forgotten that may have made a job, and nobody can have those
// forgotten that the manager obeys.
func TestAttemptsAreNotForgotten(t *testing.T) {
	system := Owner{Manager: event.ManagerSystem}
	asked := func(uid uint32, unit string, at uint64) *Request {
		return &Request{At: at, Owner: system, Unit: unit, Caller: &Caller{Process: lineage.Process{UID: uid}}, sent: messageID{conn: uint64(uid) + 1, serial: uint32(at)}}
	}
	a := newAttempts()
	named := func(name string) func(attempt) bool {
		return func(t attempt) bool { return t.unit == name || t.unit == "" }
	}
	job := &Job{announced: 5}
	a.add(asked(0, "foo.service", 2))
	for i := range uint64(3 * maxTried) {
		a.add(asked(1000, strconv.FormatUint(i, 10)+".service", maxFlightNS+i))
	}
	if !a.mayHaveMade(job, system, named("foo.service")) {
		t.Error("a user has had root's call forgotten")
	}
	a.answered(system, messageID{conn: 1, serial: 2})
	if a.mayHaveMade(job, system, named("foo.service")) {
		t.Error("a call that was answered may still have made a job")
	}
	late := &Job{announced: 2 * maxFlightNS}
	if !a.mayHaveMade(late, system, named("0.service")) {
		t.Error("the oldest of too many is forgotten")
	}
	if late.announced = 3 * maxFlightNS; a.mayHaveMade(late, system, named("0.service")) {
		t.Error("a call may have made a job long after it")
	}
}
