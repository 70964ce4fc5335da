package probe

import (
	"fmt"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// A bus is its listener, not an address: whoever gets the address of a socket that is
// gone, or listens at the same path, is another one.
func TestBusIsKnownByItsListener(t *testing.T) {
	pid1 := event.ProcessID{PID: 1, StartNS: 1}
	first := busKey{address: 100, path: "/run/dbus/system_bus_socket", listener: pid1}
	for _, tc := range []struct {
		what string
		key  busKey
		same bool
	}{
		{"the same", first, true},
		{"the address used again by another process", busKey{100, first.path, event.ProcessID{PID: 7, StartNS: 9}}, false},
		{"the address and the pid used again", busKey{100, first.path, event.ProcessID{PID: 1, StartNS: 9}}, false},
		{"the address used again at another path", busKey{100, "/run/user/7/bus", pid1}, false},
		{"the path at another address", busKey{101, first.path, pid1}, false},
	} {
		var b buses
		number, _ := b.number(0, first)
		got, met := b.number(0, tc.key)
		if (got == number) != tc.same || met != tc.same {
			t.Errorf("%s: number %d, met %v; the first is %d", tc.what, got, met, number)
		}
	}
}

// However many sockets a user opens, the buses of others keep their numbers, and what
// is remembered is bounded.
func TestNobodyDisplacesAnothersBus(t *testing.T) {
	var b buses
	system := busKey{address: 1, path: "/run/dbus/system_bus_socket", listener: event.ProcessID{PID: 1, StartNS: 1}}
	want, _ := b.number(0, system)
	for i := range uint64(10_000) {
		b.number(1000, busKey{address: 2 + i, path: "/run/user/1000/bus"})
	}
	if got, met := b.number(0, system); got != want || !met {
		t.Errorf("the system bus has number %d, met %v, want %d", got, met, want)
	}
	if own, _ := b.known.get(1000); own.len() > maxBusesOfOwner {
		t.Errorf("%d sockets of one user are remembered", own.len())
	}
	for i := range uint32(1000) {
		b.number(2000+i, busKey{path: fmt.Sprintf("/run/user/%d/bus", 2000+i)})
		b.number(0, system)
	}
	if got, met := b.number(0, system); got != want || !met || b.known.len() > maxBusOwners {
		t.Errorf("after many users: number %d, met %v, %d users", got, met, b.known.len())
	}
}

// The first message of a bus names its listener, whichever way it goes.
func TestFirstMessageNamesTheListener(t *testing.T) {
	var s Source
	for i, want := range []event.ProcessID{{PID: 1, StartNS: 2}, {}, {}} {
		r := bpfBusRecord{Kind: uint32(bpfRecordKindREC_BUS), Bus: 9, Conn: 7, Listener: bpfProcessKey{Pid: 1, StartNs: 2}}
		letters(r.Path[:], "/run/systemd/private")
		_, list := s.take(raw(r))
		if s.bad > 0 {
			t.Fatal("the record was not understood")
		}
		b := list[0].Body.(*event.BusMessage)
		if b.Listener != want || b.Bus != 1 || b.Conn != 7 || !b.FromBus {
			t.Errorf("message %d: %+v, want the listener %v", i, b, want)
		}
	}
}
