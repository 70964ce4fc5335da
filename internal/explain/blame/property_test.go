package blame

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// Each creation comes out exactly once, whatever buses and managers say. A process is
// named as the origin only if it created the namespace or sent a message.
func TestEveryCreationHasOneCase(t *testing.T) {
	names := []string{"a.service", "b.service", "dbus-" + hostname1 + ".service", "c.timer"}
	rapid.Check(t, func(rt *rapid.T) {
		s := tell(t)
		paths := []string{"/system.slice/a.service", "/system.slice/b.service", "/user.slice/user-1.slice/session-1.scope"}
		pid := func() uint32 { return rapid.Uint32Range(40, 46).Draw(rt, "pid") }
		name := func() string { return rapid.SampledFrom(names).Draw(rt, "unit") }
		active := make(map[event.ProcessID]bool)
		made := 0
		for range rapid.IntRange(1, 40).Draw(rt, "events") {
			switch rapid.IntRange(0, 8).Draw(rt, "kind") {
			case 0, 1:
				n, path := pid(), rapid.SampledFrom(paths).Draw(rt, "path")
				if rapid.Bool().Draw(rt, "manager's child") {
					s.forked(n, 1, path, "(x)")
				} else {
					s.process(n, rapid.SampledFrom([]uint32{1, 30, 41}).Draw(rt, "parent"), path, "/bin/x", "x")
				}
				active[s.id(n)] = true
				s.create(n, path)
				made++
			case 2:
				n := pid()
				active[s.id(n)] = true
				s.send(n, toBus, getHostname())
			case 3:
				n := pid()
				active[s.id(n)] = true
				member := rapid.SampledFrom([]string{"StartUnit", "RestartUnit", "TryRestartUnit"}).Draw(rt, "member")
				s.send(n, private, job(member, name()))
			case 4:
				s.fromBus(1, activation(name()))
			case 5:
				s.fromBus(1, ownerChanged(hostname1, "", rapid.SampledFrom([]string{"", ":1.9"}).Draw(rt, "owner")))
			case 6:
				s.fromBus(pid(), refusal())
			case 7:
				s.units[name()] = event.UnitState{
					Name: name(), BusName: hostname1, Type: rapid.SampledFrom([]string{"simple", "oneshot"}).Draw(rt, "type"),
					NRestarts: rapid.Uint32Range(0, 2).Draw(rt, "restarts"), MainPID: pid(), TriggeredBy: []string{"c.timer"},
					InactiveExitUS: rapid.Uint64Range(0, s.now*1000).Draw(rt, "exit"), LastTriggerUS: rapid.Uint64Range(0, s.now*1000).Draw(rt, "trigger"),
				}
			case 8:
				s.see(&event.BusMessage{
					Sender: s.id(pid()), Bus: 1, Path: toBus, PeerPID: 1, FromBus: rapid.Bool().Draw(rt, "from bus"),
					Data: rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(rt, "noise"),
				})
			}
		}
		s.done = append(s.done, s.blamer.Flush()...)
		seen := make(map[*lineage.Creation]bool)
		for _, c := range s.done {
			if seen[c.Creation] {
				rt.Fatal("a creation came out twice")
			}
			seen[c.Creation] = true
			if p := c.Origin.Process; p != nil && !active[p.ID] {
				rt.Fatalf("process %s is blamed, which did nothing", p.ID)
			}
		}
		if len(s.done) != made {
			rt.Fatalf("%d of %d creations came out", len(s.done), made)
		}
	})
}

// A message that is cut anywhere is blamed for nothing that it does not say.
func TestCutMessages(t *testing.T) {
	whole := encode(t, job("StartUnit", "foo.service"))
	for n := range whole {
		s := tell(t)
		s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
		s.caller(41, "systemctl")
		s.see(&event.BusMessage{Sender: s.id(41), Bus: busNumbers[private], Path: private, PeerPID: 1, Data: whole[:n], Size: uint32(len(whole))})
		s.service(42, "foo.service")
		o := s.done[0].Origin
		if o.Trigger == finding.TriggerUnknown {
			continue
		}
		// the mode, which comes last, says nothing of the unit
		if o.Process == nil || o.Process.ID != s.id(41) || n < len(whole)-len("replace")-1-4 {
			t.Errorf("cut at %d: %+v", n, o)
		}
	}
}
