package blame

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

const lampSocket = "/run/lamp.sock"

// connects is a connection to a socket on which a process listens.
func (s *story) connects(pid, listener uint32, path string) {
	s.see(&event.SocketConnect{Sender: s.id(pid), TID: pid, Listener: s.id(listener), Path: path})
}

// lamp begins a run of lamp.service, which lamp.socket has triggered.
func (s *story) lamp(pid uint32) {
	s.units["lamp.socket"] = event.UnitState{
		Name: "lamp.socket", SubState: "running", StateChangeUS: (s.now + 1) * 1000, Listens: []string{lampSocket},
	}
	s.now++
	s.runs(event.UnitState{Name: "lamp.service", Type: "simple", PrivateNetwork: true, TriggeredBy: []string{"lamp.socket"}})
	s.service(pid, "lamp.service")
}

func TestWhoConnectedToASocketUnit(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(*story)
		want string
	}{
		"one":            {func(s *story) { s.connects(41, 1, lampSocket) }, "socket 41 lamp.socket (manager)"},
		"nobody":         {func(*story) {}, "socket lamp.socket (manager)"},
		"another socket": {func(s *story) { s.connects(41, 1, "/run/lamp.sock2") }, "socket lamp.socket (manager)"},
		"a forged one":   {func(s *story) { s.connects(41, 43, lampSocket) }, "socket lamp.socket (manager)"},
		"a forged one and a true one": {func(s *story) {
			s.connects(41, 1, lampSocket)
			s.connects(42, 43, lampSocket)
		}, "socket 41 lamp.socket (manager)"},
		"two": {func(s *story) {
			s.connects(42, 1, lampSocket)
			s.connects(41, 1, lampSocket)
		}, "socket 41 lamp.socket (inferred): other_connected lamp.service pid 42"},
		"lost": {func(s *story) {
			s.connects(41, 1, lampSocket)
			s.see(&event.Loss{Kind: event.LossConnect, Count: 1})
		}, "socket 41 lamp.socket (inferred): messages_lost lamp.service"},
		"long before": {func(s *story) {
			s.connects(41, 1, lampSocket)
			s.now += 60_000
		}, "socket lamp.socket (manager)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t)
			s.caller(41, "client")
			s.caller(42, "other")
			s.process(43, 30, "/user.slice/user-1000.slice/session-1.scope", "/home/x/systemd", "systemd")
			tt.do(s)
			s.lamp(44)
			s.want(tt.want)
		})
	}
}

// The client is a link of its own, which says what it is and where it runs.
func TestTheClientOfASocketUnitIsALink(t *testing.T) {
	s := tell(t)
	s.caller(41, "client")
	s.connects(41, 1, lampSocket)
	s.lamp(42)
	if l := s.lastLink(); l.Kind != finding.KindAskedBy || l.Process == nil || l.Process.ID.PID != 41 || len(l.Ancestry) == 0 {
		t.Errorf("the last link is %+v", l)
	}
}

// Who connected for one run has not connected for the next.
func TestAConnectionBeginsOneRun(t *testing.T) {
	s := tell(t)
	s.caller(41, "client")
	s.connects(41, 1, lampSocket)
	s.lamp(42)
	s.now += 1000
	s.lamp(43)
	s.want("socket 41 lamp.socket (manager)", "socket lamp.socket (manager)")
}
