package request

import (
	"slices"

	"github.com/nsblame/nsblame/internal/event"
)

// podAsks are the requests for a pod, in the order in which they were heard. One whose
// sandbox fails has most of all requests.
type podAsks struct {
	list []*ask
	// listener and sender are those of all of them, unless they are mixed or not in the
	// order of time.
	listener, sender event.ProcessID
	mixed            bool
}

// podUID is the pod that a request is for; ok is false for none.
func (a *ask) podUID() (string, bool) {
	if a.sent.Sandbox == nil {
		return "", false
	}
	return a.sent.Sandbox.UID, true
}

func (e *engines) addToPod(a *ask) {
	uid, ok := a.podUID()
	if !ok {
		return
	}
	of := e.pods[uid]
	if of == nil {
		of = &podAsks{listener: a.sent.Listener, sender: a.sent.Sender}
		e.pods[uid] = of
	}
	if n := len(of.list); a.sent.Listener != of.listener || a.sent.Sender != of.sender || n > 0 && of.list[n-1].at > a.at {
		of.mixed = true
	}
	of.list = append(of.list, a)
}

func (e *engines) dropFromPod(a *ask) {
	uid, _ := a.podUID()
	of := e.pods[uid]
	if of == nil {
		return
	}
	if of.list = without(of.list, a); len(of.list) == 0 {
		delete(e.pods, uid)
	}
}

// onlyOf returns the latest request for a pod by a time, nil if there is none. ok is false
// if several may have asked for the pod: then all requests must be looked at.
func (e *engines) onlyOf(engine event.ProcessID, podUID string, by uint64) (a *ask, ok bool) {
	of := e.pods[podUID]
	if of == nil || podUID == "" {
		return nil, true
	}
	if of.mixed || of.listener != engine {
		return nil, false
	}
	for _, a := range slices.Backward(of.list) {
		if a.at <= by {
			return a, true
		}
	}
	return nil, true
}
