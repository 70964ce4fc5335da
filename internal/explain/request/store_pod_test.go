package request

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
)

// The request for a pod that the index finds is the one that a look at all of them finds,
// however many there are, whoever sends them and whichever is forgotten.
func TestPodsAreFound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newShop(t)
		engines := []uint32{containerdPID, dockerdPID, initPID}
		uids := []string{"", "u1", "u2"}
		at := second
		for range rapid.IntRange(1, 900).Draw(rt, "requests") {
			at += rapid.Uint64Range(0, second/4).Draw(rt, "pause")
			sender := uint32(kubeletPID)
			if rapid.IntRange(0, 99).Draw(rt, "other sender") == 0 {
				sender = alicePID
			}
			listener := engines[0]
			if rapid.IntRange(0, 99).Draw(rt, "other listener") == 0 {
				listener = rapid.SampledFrom(engines).Draw(rt, "listener")
			}
			s.see(at, &event.EngineRequest{
				Sender: pidOf(sender), Engine: event.EngineContainerd, Listener: pidOf(listener), Conn: 7, Call: event.EngineRunSandbox,
				Sandbox: &event.SandboxRequest{Namespace: "shop", Name: "p", UID: rapid.SampledFrom(uids).Draw(rt, "uid")},
			})
		}
		by := rapid.Uint64Range(0, at+second).Draw(rt, "by")
		for _, engine := range engines {
			for _, uid := range uids {
				got, ok := s.SandboxOf(pidOf(engine), uid, by)
				want, _ := latestOf(s, engine, uid, by)
				if ok != (want != nil) || ok && got.Request != want.sent {
					rt.Fatalf("pod %q by %d: %v %+v", uid, by, ok, got.Request)
				}
			}
		}
		kept := 0
		for _, of := range s.engines.pods {
			kept += len(of.list)
		}
		all := 0
		for _, list := range s.engines.asks {
			all += len(list)
		}
		if kept != all {
			rt.Fatalf("the index has %d of %d requests", kept, all)
		}
	})
}

// latestOf looks at all requests.
func latestOf(s *shop, engine uint32, uid string, by uint64) (*ask, bool) {
	for _, a := range slices.Backward(s.engines.of(pidOf(engine), by)) {
		if uid != "" && a.sent.Sandbox.UID == uid && by-a.at <= maxAskNS {
			return a, true
		}
	}
	return nil, false
}
