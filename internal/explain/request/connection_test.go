package request

import (
	"fmt"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

const lampSocket = "/run/lamp.sock"

// connect is a connection to a socket on which somebody listens.
func (s *shop) connect(at uint64, pid, listener uint32, path string) {
	s.see(at, &event.SocketConnect{Sender: pidOf(pid), TID: pid, Listener: pidOf(listener), Path: path})
}

// began asks who connected for a run that began between two times.
func (s *shop) began(after, until uint64) (Connection, bool) {
	return s.Connected(Connecting{
		Owner: Owner{Manager: event.ManagerSystem}, Unit: "lamp.service", Paths: []string{"/run/other.sock", lampSocket}, After: after, Until: until,
	})
}

func TestConnected(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(*shop)
		want string
	}{
		"one":           {func(s *shop) { s.connect(2*second, alicePID, initPID, lampSocket) }, "20 kernel"},
		"other path":    {func(s *shop) { s.connect(2*second, alicePID, initPID, "/run/lamp") }, "nobody"},
		"other socket":  {func(s *shop) { s.connect(2*second, alicePID, initPID, "/run/other.sock") }, "20 kernel"},
		"forged":        {func(s *shop) { s.connect(2*second, alicePID, forgerPID, lampSocket) }, "nobody"},
		"before":        {func(s *shop) { s.connect(second, alicePID, initPID, lampSocket) }, "nobody"},
		"later":         {func(s *shop) { s.connect(4*second, alicePID, initPID, lampSocket) }, "nobody"},
		"kernel thread": {func(s *shop) { s.connect(2*second, 0, initPID, lampSocket) }, "nobody"},
		"forged beside": {func(s *shop) {
			s.connect(2*second, alicePID, initPID, lampSocket)
			s.connect(2*second+1, bobPID, forgerPID, lampSocket)
		}, "20 kernel"},
		"the same again": {func(s *shop) {
			s.connect(2*second, alicePID, initPID, lampSocket)
			s.connect(2*second+1, alicePID, initPID, lampSocket)
		}, "20 kernel"},
		"two": {func(s *shop) {
			s.connect(2*second, alicePID, initPID, lampSocket)
			s.connect(2*second+1, bobPID, initPID, lampSocket)
		}, "21 inferred other_connected 20"},
		"lost since": {func(s *shop) {
			s.connect(2*second, alicePID, initPID, lampSocket)
			s.see(2*second+1, &event.Loss{Kind: event.LossConnect, Count: 1})
		}, "20 inferred messages_lost 0"},
		"lost before": {func(s *shop) {
			s.see(second, &event.Loss{Kind: event.LossConnect, Count: 1})
			s.connect(2*second, alicePID, initPID, lampSocket)
		}, "20 kernel"},
		"damaged": {func(s *shop) {
			s.connect(2*second, alicePID, initPID, lampSocket)
			s.see(2*second+1, &event.Damage{})
		}, "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			tt.do(s)
			got := "nobody"
			if c, ok := s.began(second, 3*second); ok {
				got = fmt.Sprintf("%d %s", c.Caller.Process.ID.PID, c.Evidence)
				if !c.Doubt.IsZero() {
					got += fmt.Sprintf(" %s %d", c.Doubt.Code, c.Doubt.PID)
				}
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// A connection long before a run is not what began it.
func TestConnectedLongBefore(t *testing.T) {
	s := newShop(t)
	s.connect(second, alicePID, initPID, lampSocket)
	if c, ok := s.began(0, 100*second); ok {
		t.Errorf("taken for its beginning: %+v", c)
	}
}

// What is remembered has a bound, and who connects often loses his own. Then it is not
// certain that nobody came later.
func TestConnectionsAreBounded(t *testing.T) {
	s := newShop(t)
	s.connect(2*second, alicePID, initPID, lampSocket)
	for i := range uint64(10_000) {
		s.connect(2*second+i, bobPID, initPID, fmt.Sprintf("/run/flood%d.sock", i))
	}
	if size := s.connections.pile.size; size > maxConnections {
		t.Errorf("they take %d bytes", size)
	}
	c, ok := s.began(second, 3*second)
	if !ok || c.Caller.Process.ID.PID != alicePID || c.Evidence != evidence.Inferred || c.Doubt.Code != finding.ReasonMessagesLost {
		t.Errorf("got %+v, %v", c, ok)
	}
	s.connect(200*second, alicePID, initPID, lampSocket)
	if n := len(s.connections.byPath[lampSocket]); n != 1 {
		t.Errorf("%d connections to one socket are kept", n)
	}
}
