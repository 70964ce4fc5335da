package request

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// spoken is a protocol of a test's own, in which each byte is a message.
type spoken struct{}

func (spoken) owner(socket string) (Owner, bool) { return Owner{}, socket == "/run/spoken" }

func (spoken) decode(m *message, take func(*message)) {
	for _, b := range m.sent.Data {
		m.dbus = dbuswire.Message{Serial: uint32(b)}
		take(m)
	}
}

// listener is a channel that keeps messages to itself from a serial on.
type listener struct {
	from uint32
	seen []uint32
}

func (l *listener) take(m *message) bool {
	l.seen = append(l.seen, m.dbus.Serial)
	return m.dbus.Serial >= l.from
}

func (l *listener) dealtWith(q *Request, _ []string, before, _ uint64) Dealt {
	if q.sent.serial >= l.from && q.At < before {
		return Certain
	}
	return NotDealt
}

func (l *listener) forget() { l.seen = nil }

// A further protocol with channels of its own needs a row for each, and nothing
// else.
func TestFurtherChannels(t *testing.T) {
	tr := New(lineage.NewTree())
	first, second := &listener{from: 5}, &listener{from: 9}
	tr.transports = append(tr.transports, spoken{})
	tr.channels = []channel{first, second}
	see := func(b event.Body) { tr.Observe(event.Event{BootNS: 1, Body: b}) }
	tr.buses[7] = &bus{path: "/run/spoken", believed: true}
	see(&event.BusMessage{Bus: 7, Path: "/run/spoken", Data: []byte{1, 5, 2}})
	see(&event.BusMessage{Bus: 8, Path: "/run/spoken", Data: []byte{3}}) // another manager's
	see(&event.BusMessage{Bus: 7, Path: "/run/other", Data: []byte{4}})
	if got := first.seen; len(got) != 3 {
		t.Errorf("the first channel saw %v", got)
	}
	if got := second.seen; len(got) != 2 || got[1] != 2 {
		t.Errorf("the second channel saw %v", got)
	}
	for serial, want := range map[uint32]Dealt{1: NotDealt, 5: Certain} {
		if got := tr.DealtWith(&Request{sent: messageID{serial: serial}}, nil, 1, 0); got != want {
			t.Errorf("request %d: %v", serial, got)
		}
	}
	see(&event.Damage{})
	if len(first.seen)+len(second.seen) > 0 {
		t.Error("damage was not told to every channel")
	}
}
