package dbuswire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
)

// The sockets of a socket unit are pairs of texts. Without room only whole pairs are kept.
func TestPropertyOfPairs(t *testing.T) {
	type listening struct{ Kind, Address string }
	body := map[string]dbus.Variant{"Listen": dbus.MakeVariant([]listening{{"Stream", "/run/a"}, {"Datagram", "/run/bb"}})}
	m := &dbus.Message{Type: dbus.TypeMethodReply, Body: []any{body}, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(uint32(1)), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body)),
	}}
	var buf bytes.Buffer
	if err := m.EncodeTo(&buf, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	raw := buf.Bytes()
	binary.LittleEndian.PutUint32(raw[8:], 7) // serial, which godbus does not let us set
	for _, tt := range []struct {
		room int
		want []string
	}{
		{1000, []string{"Stream", "/run/a", "Datagram", "/run/bb"}},
		{2*perText + 12, []string{"Stream", "/run/a"}},
		{3*perText + 20, []string{"Stream", "/run/a"}},
		{perText + 6, nil},
	} {
		room := &Room{Left: 1000, Lists: tt.room, Text: 100}
		got, err := Properties(raw, func(name string) bool { return name == "Listen" }, room)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Arg{Signature: Pairs, Texts: tt.want}, got["Listen"]); diff != "" {
			t.Errorf("room for %d: %s", tt.room, diff)
		}
		if room.Cut != (len(tt.want) < 4) {
			t.Errorf("room for %d: cut is %v", tt.room, room.Cut)
		}
	}
}
