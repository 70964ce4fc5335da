package redact

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

func argvOf(m Mode, argv ...string) []string {
	return New(m, nil).Event(event.Event{Body: &event.Program{Argv: argv}}).Body.(*event.Program).Argv
}

func TestSecrets(t *testing.T) {
	const hidden = "hunter2"
	for _, argv := range [][]string{
		{"mysql", "-u", "root", "-p" + hidden},
		{"mysql", "--password=" + hidden},
		{"mysql", "--password", hidden},
		{"env", "DB_PASSWORD=" + hidden, "run"},
		{"env", "GITHUB_TOKEN=" + hidden},
		{"docker", "run", "-e", "AWS_SECRET_ACCESS_KEY=" + hidden},
		{"curl", "https://user:" + hidden + "@example.org/x"},
		{"curl", "https://" + hidden + "@example.org/x"},
		{"curl", "-H", "Authorization: Bearer " + hidden},
		{"curl", "-H", "X-Api-Key: " + hidden},
		{"sh", "-c", "mysql --password=" + hidden + " -e 'select 1'"},
		{"sh", "-c", "PGPASSWORD='" + hidden + "' psql"},
		{"sh", "-c", "curl --token " + hidden + " x"},
		{"x", "--api-key", hidden},
		{"x", "--client-secret", hidden},
		{"nginx: worker --password=" + hidden},
	} {
		got := argvOf(Secrets, argv...)
		if strings.Contains(strings.Join(got, "\x00"), hidden) || len(got) != len(argv) {
			t.Errorf("%q became %q", argv, got)
		}
	}
	for _, argv := range [][]string{
		{"x", "AKIAABCDEFGHIJKLMNOP"},
		{"x", "ghp_abcdefghijklmnopqrstuvwxyz012345"},
		{"x", "0123456789abcdef0123456789abcdef"},
		{"x", "k=0123456789abcdef0123456789abcdef"},
	} {
		if got := argvOf(Secrets, argv...); !strings.Contains(got[1], mark) {
			t.Errorf("%q became %q", argv, got)
		}
	}
	for _, argv := range [][]string{
		{"unshare", "-n", "true"},
		{"hostnamectl", "--static"},
		{"ssh", "-p2222", "host"},
		{"ip", "netns", "add", "x"},
		{"/usr/lib/systemd/systemd-hostnamed"},
		{"sh", "-c", "ip link set lo up"},
		{"x", "https://example.org/a@b"},
		{"/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", id},
		{"runc", "--root", "/run/runc", "create", id},
	} {
		if got := argvOf(Secrets, argv...); !slices.Equal(got, argv) {
			t.Errorf("%q became %q", argv, got)
		}
	}
}

// Of all arguments none is left, whatever they are, and the event that was
// given is not touched.
func TestAll(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		argv := rapid.SliceOfN(rapid.StringN(1, 20, 40), 1, 6).Draw(rt, "argv")
		before := slices.Clone(argv)
		got := argvOf(All, argv...)
		if !slices.Equal(argv, before) || len(got) != len(argv) {
			rt.Fatalf("%q became %q", before, got)
		}
		for _, arg := range got[1:] {
			if arg != mark {
				rt.Fatalf("%q is left", arg)
			}
		}
	})
	// what a program has written over its arguments, with what was left of them
	for _, argv := range [][]string{
		{"postgres: writer secret"}, {"postgres: writer secret", "", ""}, {"postgres:\twriter secret", "secret"},
	} {
		if got := argvOf(All, argv...); got[0] != "postgres: "+mark || slices.Contains(got[1:], "secret") {
			t.Errorf("%q became %q", argv, got)
		}
	}
}

type property struct {
	Name  string
	Value dbus.Variant
}

type command struct {
	Path string
	Argv []string
	Bad  bool
}

type auxiliary struct {
	Name       string
	Properties []property
}

// Of the message that has a transient unit started the unit stays, and no
// argument of its command does.
func TestTransientUnit(t *testing.T) {
	const hidden = "hunter2"
	m := &dbus.Message{
		Type: dbus.TypeMethodCall,
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: dbus.MakeVariant(dbuswire.SystemdName),
			dbus.FieldPath:        dbus.MakeVariant(dbus.ObjectPath("/org/freedesktop/systemd1")),
			dbus.FieldInterface:   dbus.MakeVariant("org.freedesktop.systemd1.Manager"),
			dbus.FieldMember:      dbus.MakeVariant("StartTransientUnit"),
			dbus.FieldSignature:   dbus.MakeVariant(dbus.ParseSignatureMust("ssa(sv)a(sa(sv))")),
		},
		Body: []any{"run-x.service", "fail", []property{
			{"Description", dbus.MakeVariant("/bin/x --token " + hidden)},
			{"ExecStart", dbus.MakeVariant([]command{{"/bin/x", []string{"x", hidden}, false}})},
		}, []auxiliary{}},
	}
	var whole bytes.Buffer
	if err := m.EncodeTo(&whole, binary.LittleEndian); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []Mode{Secrets, All} {
		for n := range whole.Len() + 1 {
			in := &event.BusMessage{Data: whole.Bytes()[:n], Size: uint32(whole.Len())}
			got := New(mode, nil).Event(event.Event{Body: in}).Body.(*event.BusMessage)
			if bytes.Contains(got.Data, []byte(hidden)) || !bytes.HasPrefix(in.Data, got.Data) {
				t.Fatalf("cut at %d: %q", n, got.Data)
			}
			before, _ := dbuswire.Parse(in.Data)
			after, _ := dbuswire.Parse(got.Data)
			m1, u1, mode1, ok1 := dbuswire.StartJob(&before)
			m2, u2, mode2, ok2 := dbuswire.StartJob(&after)
			if m1 != m2 || !slices.Equal(u1, u2) || mode1 != mode2 || ok1 != ok2 {
				t.Fatalf("cut at %d: %s %s %s became %s %s %s", n, m1, u1, mode1, m2, u2, mode2)
			}
		}
	}
}

// Any bytes for a message are no more than cut.
func TestAnyMessage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		data := rapid.SliceOf(rapid.Byte()).Draw(rt, "data")
		got, size := messages(data, uint32(len(data)))
		if begin := uint32(len(data)) - size; !bytes.HasPrefix(data[begin:], got) {
			rt.Fatalf("%q became %q", data, got)
		}
	})
}

// Of several messages in a send those stay that have nothing to hide, and the next
// one without its arguments.
func TestSeveralMessages(t *testing.T) {
	encode := func(dest string, args ...any) []byte {
		m := &dbus.Message{Type: dbus.TypeMethodCall, Body: args, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: dbus.MakeVariant(dest),
			dbus.FieldPath:        dbus.MakeVariant(dbus.ObjectPath("/")),
			dbus.FieldMember:      dbus.MakeVariant("Do"),
		}}
		if len(args) > 0 {
			m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
		}
		var b bytes.Buffer
		if err := m.EncodeTo(&b, binary.LittleEndian); err != nil {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint32(b.Bytes()[8:], 1)
		return b.Bytes()
	}
	auth := []byte("NEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
	send := slices.Concat(auth, encode("org.example.One"), encode("org.example.Two", "hunter2"), encode("org.example.Three"))
	for n := range len(send) + 1 {
		in := &event.BusMessage{Data: send[:n], Size: uint32(len(send))}
		got := New(All, nil).Event(event.Event{Body: in}).Body.(*event.BusMessage)
		if bytes.Contains(got.Data, []byte("hunter2")) || bytes.Contains(got.Data, []byte("BEGIN")) {
			t.Fatalf("cut at %d: %q", n, got.Data)
		}
		if n > len(auth) && int(got.Size) != len(send)-len(auth) {
			t.Fatalf("cut at %d: %d bytes of %d behind %d", n, got.Size, len(send), len(auth))
		}
		if n < len(send) {
			continue
		}
		parts := dbuswire.ParseAll(got.Data)
		if len(parts) != 2 || parts[1].Err != nil || parts[1].Message.Destination != "org.example.Two" || len(parts[1].Message.Args) != 0 {
			t.Errorf("%d parts: %+v", len(parts), parts)
		}
	}
}

// The head of the stream says what is hidden, and has the machine's name only if
// that isn't.
func TestHost(t *testing.T) {
	for want, mode := range map[string]Mode{
		"all": All, "secrets": Secrets, "names": Names, "secrets,names": Names | Secrets,
	} {
		host := New(mode, nil).Event(event.Event{Body: &event.Host{Hostname: "web1"}}).Body.(*event.Host)
		if named := host.Hostname == "web1"; host.Redacted != want || named != (mode == Secrets) {
			t.Errorf("%s: %+v", want, host)
		}
	}
}

func TestParse(t *testing.T) {
	for _, name := range ModeNames() {
		if m, ok := Parse(name); !ok || m.String() != name {
			t.Errorf("%s became %s", name, m)
		}
	}
	if _, ok := Parse("some"); ok || (All|Secrets).String() != "all" {
		t.Error("some is a mode, or all hides less than secrets")
	}
}

// Names alone leaves the rest of the stream as it is.
func TestNamesOnly(t *testing.T) {
	for _, body := range []event.Body{
		&event.Program{Argv: []string{"x", "--password=y"}}, &event.BusMessage{Data: []byte("anything"), Size: 8},
	} {
		if got := New(Names, nil).Event(event.Event{Body: body}).Body; got != body {
			t.Errorf("%+v became %+v", body, got)
		}
	}
}
