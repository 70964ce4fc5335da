package blame

import (
	"slices"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

// A message that can't be read may have been the call that came first.
func TestAMessageThatCanNotBeRead(t *testing.T) {
	const doubted = "command 41 cron.service (inferred): unreadable_message org.freedesktop.hostname1 pid 43"
	const second = "command 43 cron.service (inferred): other_asked org.freedesktop.hostname1 pid 41"
	whole := encode(t, getHostname())
	hello := encode(t, method("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"))
	other := cutBehind(t, method("org.example.other", "/", "org.example", "Get"), "org.example.other")
	noStart := slices.Clone(whole)
	noStart[2] |= 2
	invalid := slices.Clone(whole)
	invalid[8] = 0 // its serial
	both := append(slices.Clone(hello), whole...)
	reply := slices.Clone(whole)
	reply[1] = 2
	byName := cutBehind(t, method("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "StartServiceByName", hostname1, uint32(0)), "org.freedesktop.DBus")
	tests := []struct {
		name string
		data []byte
		size int // of the whole send, if there is more
		want string
		late bool
	}{
		{"none", nil, 0, "command 41 cron.service (kernel)", false},
		{"cut within the header", whole[:40], len(whole), doubted, false},
		{"no message", whole[16:], 0, doubted, false},
		{"invalid", invalid, 0, doubted, false},
		{"after the call", invalid, 0, doubted, true},
		{"behind another", both, 0, second, false},
		{"behind another, not captured", hello, len(both), doubted, false},
		{"behind authentication", append([]byte("\x00AUTH EXTERNAL\r\nBEGIN\r\n"), both...), 0, second, false},
		{"to another name", other[:len(other)-10], len(other), "command 41 cron.service (kernel)", false},
		{"to another name, and more", other[:len(other)-10], len(other) + len(whole), doubted, false},
		{"a reply", reply[:20], len(reply), "command 41 cron.service (kernel)", false},
		{"a reply, and more", reply[:20], len(reply) + 1, doubted, false},
		{"the first piece of a reply", reply[:4], 4, "command 41 cron.service (kernel)", false},
		{"the first piece of a call", whole[:4], 4, doubted, false},
		{"nothing is known of it", []byte{}, 100, doubted, false},
		{"to the bus", byName[:len(byName)-20], len(byName), doubted, false},
		{"a first piece", whole[:len(whole)-3], 0, second, false},
		{"that starts nothing", noStart, 0, "command 41 cron.service (kernel)", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := withHostnamed(t)
			s.caller(41, "hostnamectl")
			s.caller(43, "odd")
			odd := &event.BusMessage{Sender: s.id(43), TID: 43, Bus: 1, Path: toBus, PeerPID: 1, Size: uint32(max(tt.size, len(tt.data))), Data: tt.data}
			if tt.data != nil && !tt.late {
				s.see(odd)
			}
			s.send(41, toBus, getHostname())
			if tt.late {
				s.see(odd)
			}
			s.fromBus(1, activation("dbus-"+hostname1+".service"))
			s.service(42, "systemd-hostnamed.service")
			s.want(tt.want)
			if len(tt.data) < tt.size && tt.want == doubted && !tt.late && s.blamer.BusCut() != 1 {
				t.Errorf("%d counted", s.blamer.BusCut())
			}
		})
	}
}

// cutBehind is a call whose destination does not go by a cut at its end: the library
// writes the fields of a header in any order.
func cutBehind(t *testing.T, m *dbus.Message, dest string) []byte {
	t.Helper()
	for {
		data := encode(t, m)
		if cut, err := dbuswire.Parse(data[:len(data)-20]); cut.Destination == dest && (err != nil || cut.BodyTruncated) {
			return data
		}
	}
}

// Long ago, or of the caller itself, it is no rival.
func TestAMessageThatCanNotBeReadOfNoMatter(t *testing.T) {
	for _, by := range []uint32{41, 43} {
		s := withHostnamed(t)
		s.caller(41, "hostnamectl")
		s.caller(43, "odd")
		s.see(&event.BusMessage{Sender: s.id(by), TID: by, Bus: 1, Path: toBus, PeerPID: 1, Size: 3, Data: []byte("odd")})
		if by != 41 {
			s.now += 1101
		}
		s.send(41, toBus, getHostname())
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		s.service(42, "systemd-hostnamed.service")
		s.want("command 41 cron.service (kernel)")
	}
}

// There is room for so many of them; that of one that was dropped is not lost.
func TestManyMessagesThatCanNotBeRead(t *testing.T) {
	for _, late := range []bool{false, true} {
		s := withHostnamed(t)
		s.caller(41, "hostnamectl")
		s.caller(43, "odd")
		odd := func(by, bus uint32, path string) {
			s.see(&event.BusMessage{Sender: s.id(by), TID: by, Bus: bus, Path: path, PeerPID: 1, Size: 3, Data: []byte("odd")})
		}
		odd(43, 1, toBus)
		if late {
			s.send(41, toBus, getHostname())
		}
		for range manyUnread {
			odd(41, 2, private)
		}
		if !late {
			s.send(41, toBus, getHostname())
		}
		s.fromBus(1, activation("dbus-"+hostname1+".service"))
		s.service(42, "systemd-hostnamed.service")
		s.want("command 41 cron.service (inferred): unreadable_message org.freedesktop.hostname1")
	}
}

// A request that can't be read may have been the first.
func TestARequestThatCanNotBeRead(t *testing.T) {
	for _, late := range []bool{false, true} {
		s := tell(t)
		s.units["foo.service"] = event.UnitState{Name: "foo.service", Type: "simple", PrivateNetwork: true}
		s.caller(41, "systemctl", "start", "foo")
		s.caller(43, "odd")
		data := encode(t, job("StartUnit", "foo.service"))
		odd := &event.BusMessage{Sender: s.id(43), TID: 43, Bus: busNumbers[private], Path: private, PeerPID: 1, Size: uint32(len(data)), Data: data[:50]}
		if !late {
			s.see(odd)
		}
		s.send(41, private, job("StartUnit", "foo.service"))
		if late {
			s.see(odd)
		}
		s.newJob("foo.service")
		s.service(42, "foo.service")
		s.want("command 41 cron.service (inferred): unreadable_message foo.service pid 43")
	}
}
