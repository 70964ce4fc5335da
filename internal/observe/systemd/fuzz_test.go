package systemd

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/nsblame/nsblame/internal/event"
)

// FuzzReadSettings: a setting that is said to be in force stands in one of the
// files, with a value that systemd would take, and a file that can't be read
// takes nothing from the others.
func FuzzReadSettings(f *testing.F) {
	for i, text := range oddFiles {
		f.Add([]byte(text), []byte(oddFiles[len(oddFiles)-1-i]))
	}
	f.Add([]byte("[Unit]\nJoinsNamespaceOf=a.service b.service\n"), []byte("[Service]\nNetworkNamespacePath=/run/netns/x\nNetworkNamespacePath=\n"))
	f.Fuzz(func(t *testing.T, fragment, dropIn []byte) {
		files := map[string][]byte{"/f": fragment, "/d": dropIn}
		read := func(name string) ([]byte, error) {
			if text, ok := files[name]; ok {
				return text, nil
			}
			return nil, fs.ErrNotExist
		}
		list, err := readSettings(read, "a.service", "/f", []string{"/d"})
		private, path := 0, 0
		for _, s := range list {
			checkSetting(t, files, s)
			switch s.Name {
			case event.SettingPrivate:
				private++
			case event.SettingPath:
				path++
			}
		}
		if private > 1 || path > 1 {
			t.Fatalf("in force at once: %+v", list)
		}
		again, errAgain := readSettings(read, "a.service", "/f", []string{"/lacking", "/d"})
		if errAgain == nil {
			t.Fatal("a file that isn't there isn't told of")
		}
		if diff := cmp.Diff(list, again); diff != "" {
			t.Fatalf("a file that isn't there matters (%v, %v):\n%s", err, errAgain, diff)
		}
	})
}

func checkSetting(t *testing.T, files map[string][]byte, s event.UnitSetting) {
	t.Helper()
	switch s.Name {
	case event.SettingPrivate:
		if s.Value != "yes" && s.Value != "no" {
			t.Fatalf("%+v", s)
		}
	case event.SettingPath:
		if !strings.HasPrefix(s.Value, "/") && !strings.HasPrefix(s.Value, "%") && !strings.HasPrefix(s.Value, "-") {
			t.Fatalf("%+v", s)
		}
	case event.SettingJoins:
		if s.Value == "" {
			t.Fatalf("%+v", s)
		}
	default:
		t.Fatalf("no setting of networks: %+v", s)
	}
	ends := bytes.Count(files[s.File], []byte("\n")) + bytes.Count(files[s.File], []byte("\r")) + bytes.Count(files[s.File], []byte{0})
	if s.Line < 1 || s.Line > ends+1 || s.Source != event.SettingFromFile {
		t.Fatalf("%+v in a file with %d ends of lines", s, ends)
	}
}

// FuzzProperties: whatever a manager sends in place of a unit's properties, it
// is read without more memory than it has sent, and what is of another type than
// expected reads as nothing.
func FuzzProperties(f *testing.F) {
	for _, p := range []map[string]dbus.Variant{
		{"Id": dbus.MakeVariant("a.service"), "Names": dbus.MakeVariant([]string{"a.service", "b\xff"})},
		{"Id": dbus.MakeVariant(uint32(7)), "Names": dbus.MakeVariant("a"), "MainPID": dbus.MakeVariant([]any{"x"})},
		{"Type": dbus.MakeVariant([]byte{1, 2}), "NRestarts": dbus.MakeVariant(int64(-1)), "RequiredBy": dbus.MakeVariant([]string{""})},
	} {
		m := &dbus.Message{
			Type: dbus.TypeMethodReply,
			Headers: map[dbus.HeaderField]dbus.Variant{
				dbus.FieldReplySerial: dbus.MakeVariant(uint32(1)),
				dbus.FieldSignature:   dbus.MakeVariant(dbus.SignatureOf(p)),
			},
			Body: []any{p},
		}
		var raw bytes.Buffer
		if err := m.EncodeTo(&raw, binary.LittleEndian); err != nil {
			f.Log(err) // godbus refuses strings that are not UTF-8
			continue
		}
		f.Add(raw.Bytes())
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		room := newRoom()
		p, err := readAll(raw, "a.service", room)
		if err != nil {
			return
		}
		u := newUnit(p)
		size := len(u.Name) + len(u.FragmentPath) + len(u.BusName)
		for _, list := range [][]string{u.Names, u.DropInPaths, u.TriggeredBy, u.JoinsNamespaceOf} {
			for _, s := range list {
				size += len(s)
			}
		}
		for _, d := range u.Dependents {
			size += len(d.Name)
			if !slices.Contains(dependencies, d.Dependency) {
				t.Fatalf("%+v", d)
			}
		}
		if size > len(raw) || size > maxUnit {
			t.Fatalf("%d bytes out of %d", size, len(raw))
		}
		checkOracle(t, raw, p, room)
	})
}

// checkOracle compares with what godbus reads, where it does.
func checkOracle(t *testing.T, raw []byte, p properties, room *room) {
	t.Helper()
	m, err := dbus.DecodeMessage(bytes.NewReader(raw))
	if err != nil || len(m.Body) == 0 || room.Cut {
		return
	}
	theirs, ok := m.Body[0].(map[string]dbus.Variant)
	if !ok {
		return
	}
	for name, v := range theirs {
		if s, ok := v.Value().(string); ok && unitProperty[name] && v.Signature().String() == "s" && p.str(name) != s {
			t.Fatalf("%s is %q, read as %q", name, s, p.str(name))
		}
	}
}
