package request

import (
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

func TestSocketOwners(t *testing.T) {
	system, user := Owner{Manager: event.ManagerSystem}, Owner{Manager: event.ManagerUser, UID: 1000}
	for socket, want := range map[string]Owner{
		"/run/dbus/system_bus_socket":     system,
		"/var/run/dbus/system_bus_socket": system,
		"/run/systemd/private":            system,
		"/run/user/1000/bus":              user,
		"/run/user/1000/systemd/private":  user,
		"/run/user/1000/systemd/notify":   {},
		"/run/user/x/bus":                 {},
		"/run/user/4294967296/bus":        {},
		"/run/docker.sock":                {},
		"":                                {},
	} {
		got, ok := dbusTransport{}.owner(socket)
		if got != want || ok != (want != Owner{}) {
			t.Errorf("%q: %+v, %v", socket, got, ok)
		}
	}
}

// Whatever was not captured is one message that can't be read, behind those that can.
func TestDecodeSaysWhatIsMissing(t *testing.T) {
	for _, tt := range []struct {
		name string
		sent event.BusMessage
		want int // messages
		last bool
	}{
		{"nothing, by redaction", event.BusMessage{}, 0, false},
		{"nothing captured", event.BusMessage{Size: 9}, 1, false},
		{"no message", event.BusMessage{Size: 3, Data: []byte("odd")}, 1, true},
		{"no message, and more", event.BusMessage{Size: 4, Data: []byte("odd")}, 1, false},
		{"authentication", event.BusMessage{Size: 7, Data: []byte("BEGIN\r\n")}, 0, false},
		{"authentication, and more", event.BusMessage{Size: 9, Data: []byte("BEGIN\r\n")}, 1, false},
	} {
		var got []message
		dbusTransport{}.decode(&message{sent: &tt.sent}, func(m *message) { got = append(got, *m) })
		if len(got) != tt.want {
			t.Errorf("%s: %d messages", tt.name, len(got))
			continue
		}
		if tt.want > 0 && (got[0].err == nil || got[0].last != tt.last) {
			t.Errorf("%s: %+v", tt.name, got[0])
		}
	}
}
