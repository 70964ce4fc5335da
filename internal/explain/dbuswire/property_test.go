package dbuswire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	sddbus "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// stricter are the reasons for which a message that godbus takes is invalid.
var stricter = []error{
	errSerial,       // godbus takes 0
	errTooLong,      // its sum of the lengths wraps around
	errOverrun,      // it lets the last element go on behind its array
	errTrailing,     // it ignores what follows the last argument
	errPadding,      // it skips padding unseen
	errUnterminated, // it takes any byte for the NUL
	errText,         // it doesn't look into strings
	errSignature,    // it takes empty structs, and dictionaries with any key
	errObjectPath,   // it checks the header's path, and no argument
	errFieldTwice,   // it takes the last
	errBusName,      // it doesn't check them
	errBodyUntyped,  // it ignores such a body
}

// checkAgainstGodbus fails unless Parse finds in a whole message what godbus
// finds in it.
func checkAgainstGodbus(t fataler, b []byte) {
	t.Helper()
	theirs, err := dbus.DecodeMessage(bytes.NewReader(b))
	if err != nil {
		return // it knows no unknown types, flags or fields
	}
	ours, err := Parse(b)
	if err != nil && !isStricter(err) {
		// It doesn't look at the version, nor at a field that appears again.
		// What it took must be valid without either.
		b, ok := reencode(theirs)
		if !ok {
			return
		}
		if ours, err = Parse(b); err != nil && !isStricter(err) {
			t.Fatalf("godbus takes this, but: %v", err)
		}
	}
	if err != nil {
		return
	}
	want := messageOf(theirs)
	want.Size, want.ArgsUnread, want.BodyTruncated = ours.Size, ours.ArgsUnread, ours.BodyTruncated
	if ours.ArgsUnread {
		want.Args = want.Args[:len(ours.Args)]
	}
	if len(want.Args) == 0 {
		want.Args, ours.Args = nil, nil
	}
	if diff := cmp.Diff(want, ours); diff != "" {
		t.Fatalf("godbus differs: %s", diff)
	}
}

func isStricter(err error) bool {
	return slices.ContainsFunc(stricter, func(reason error) bool { return errors.Is(err, reason) })
}

// reencode fails if godbus doesn't encode what it decoded.
func reencode(m *dbus.Message) (b []byte, ok bool) {
	var out bytes.Buffer
	if err := m.EncodeTo(&out, binary.LittleEndian); err != nil {
		return nil, false
	}
	return out.Bytes(), true
}

func messageOf(m *dbus.Message) Message {
	str := func(f dbus.HeaderField) string {
		if v := m.Headers[f].Value(); v != nil {
			return fmt.Sprint(v)
		}
		return ""
	}
	reply, _ := m.Headers[dbus.FieldReplySerial].Value().(uint32)
	sig, _ := m.Headers[dbus.FieldSignature].Value().(dbus.Signature)
	out := Message{
		Type: Type(m.Type), Flags: Flags(m.Flags), Serial: m.Serial(), ReplySerial: reply,
		Path: str(dbus.FieldPath), Interface: str(dbus.FieldInterface), Member: str(dbus.FieldMember),
		ErrorName: str(dbus.FieldErrorName), Destination: str(dbus.FieldDestination), Sender: str(dbus.FieldSender),
		Signature: sig.String(),
	}
	for _, v := range m.Body {
		out.Args = append(out.Args, argOf(v))
	}
	return out
}

// argOf is zero for what an Arg can't hold.
func argOf(v any) Arg {
	a := Arg{Signature: dbus.SignatureOf(v).String()}
	switch v := v.(type) {
	case string:
		a.Text = v
	case dbus.ObjectPath:
		a.Text = string(v)
	case dbus.Signature:
		a.Text = v.String()
	case []string:
		a.Texts = append([]string{}, v...)
	case byte:
		a.Number = uint64(v)
	case bool:
		if v {
			a.Number = 1
		}
	case int16:
		a.Number = uint64(v)
	case uint16:
		a.Number = uint64(v)
	case int32:
		a.Number = uint64(v)
	case uint32:
		a.Number = uint64(v)
	case int64:
		a.Number = uint64(v)
	case uint64:
		a.Number = v
	case float64:
		a.Number = math.Float64bits(v)
	case dbus.UnixFDIndex:
		a.Signature, a.Number = "h", uint64(v)
	default:
		return Arg{}
	}
	return a
}

// readable draws arguments that an Arg can hold, unreadable others.
var (
	readable = rapid.OneOf(
		asAny(rapid.String().Filter(func(s string) bool { return checkString('s', s) == nil })),
		asAny(rapid.Map(pathGen(), func(s string) dbus.ObjectPath { return dbus.ObjectPath(s) })),
		asAny(rapid.SampledFrom([]dbus.Signature{{}, dbus.ParseSignatureMust("a{sv}(ii)")})),
		asAny(rapid.SliceOfN(rapid.StringMatching(`[a-z é]{0,9}`), 0, 4)),
		asAny(rapid.Byte()), asAny(rapid.Bool()), asAny(rapid.Int16()), asAny(rapid.Uint16()), asAny(rapid.Int32()),
		asAny(rapid.Uint32()), asAny(rapid.Int64()), asAny(rapid.Uint64()), asAny(rapid.Float64()),
	)
	unreadable = rapid.OneOf(
		asAny(rapid.Map(rapid.Int32(), func(n int32) dbus.Variant { return dbus.MakeVariant(n) })),
		asAny(rapid.MapOfN(rapid.StringMatching(`[a-z]+`), rapid.Int64(), 0, 2)),
		asAny(rapid.SliceOfN(rapid.Uint64(), 0, 3)),
		asAny(rapid.Map(rapid.String(), func(string) any {
			return struct {
				A byte
				B []string
			}{1, []string{"x"}}
		})),
	)
)

func asAny[T any](g *rapid.Generator[T]) *rapid.Generator[any] {
	return rapid.Map(g, func(v T) any { return v })
}

func pathGen() *rapid.Generator[string] { return rapid.StringMatching(`/|(/[A-Za-z0-9_]{1,9}){1,4}`) }

// messageGen draws whole, valid messages, and what Parse must make of them.
func messageGen(tb testing.TB) *rapid.Generator[wireAndMessage] {
	tb.Helper()
	dotted := rapid.StringMatching(`[a-zA-Z_][a-z0-9]{0,9}(\.[a-zA-Z_][a-z0-9]{0,9}){1,4}`)
	return rapid.Custom(func(t *rapid.T) wireAndMessage {
		m := Message{
			Type:        rapid.SampledFrom([]Type{MethodCall, MethodReturn, Error, Signal, 77}).Draw(t, "type"),
			Flags:       Flags(rapid.Byte().Draw(t, "flags")),
			Serial:      rapid.Uint32Min(1).Draw(t, "serial"),
			ReplySerial: rapid.Uint32Min(1).Draw(t, "reply serial"),
			Path:        pathGen().Draw(t, "path"),
			Interface:   dotted.Draw(t, "interface"),
			Member:      rapid.StringMatching(`[A-Za-z_][A-Za-z0-9]{0,19}`).Draw(t, "member"),
			ErrorName:   dotted.Draw(t, "error name"),
			Destination: rapid.OneOf(dotted, rapid.StringMatching(`:1\.[0-9]{1,4}`)).Draw(t, "destination"),
		}
		fields := []field{
			path(m.Path), iface(m.Interface), member(m.Member), errorName(m.ErrorName),
			replySerial(m.ReplySerial), destination(m.Destination),
		}
		if rapid.Bool().Draw(t, "sent on") {
			m.Sender = rapid.StringMatching(`:1\.[0-9]{1,4}|org\.freedesktop\.DBus`).Draw(t, "sender")
			fields = append(fields, sender(m.Sender))
		}
		for _, v := range rapid.SliceOfN(rapid.OneOf(readable, unreadable), 0, 2).Draw(t, "unknown fields") {
			fields = append(fields, field{rapid.ByteMin(fieldUnixFDs+1).Draw(t, "code"), dbus.MakeVariant(v)})
		}
		body := rapid.SliceOfN(readable, 0, 5).Draw(t, "arguments")
		for _, v := range body {
			m.Args = append(m.Args, argOf(v))
		}
		if rapid.Bool().Draw(t, "more") {
			m.ArgsUnread = true
			body = append(body, unreadable.Draw(t, "unread"), "behind it")
		}
		if len(body) > 0 {
			m.Signature = dbus.SignatureOf(body...).String()
			fields = append(fields, signature(m.Signature))
		}
		w := wire{
			order: binary.LittleEndian, kind: m.Type, flags: m.Flags, version: 1, serial: m.Serial,
			fields: rapid.Permutation(fields).Draw(t, "order of fields"), body: body,
		}
		if rapid.Bool().Draw(t, "big-endian") {
			w.order = binary.BigEndian
		}
		b := w.marshal(tb)
		m.Size = len(b)
		return wireAndMessage{b, m}
	})
}

type wireAndMessage struct {
	b []byte
	m Message
}

func TestPropertyParse(t *testing.T) {
	gen := messageGen(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := gen.Draw(rt, "message")
		got, err := Parse(w.b)
		if err != nil {
			rt.Fatalf("Parse: %v", err)
		}
		if diff := cmp.Diff(w.m, got); diff != "" {
			rt.Fatalf("%s", diff)
		}
		checkAgainstGodbus(rt, w.b)
		for n := range len(w.b) + 1 {
			cut, err := Parse(w.b[:n])
			checkCut(rt, w.m, n, cut, err)
		}
	})
}

func TestPropertyParseAll(t *testing.T) {
	gen := messageGen(t)
	rapid.Check(t, func(rt *rapid.T) {
		var b []byte
		messages := rapid.SliceOfN(gen, 1, 4).Draw(rt, "messages")
		if rapid.Bool().Draw(rt, "begin") {
			b = []byte("NEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
		}
		offsets := []int{}
		for _, w := range messages {
			offsets = append(offsets, len(b))
			b = append(b, w.b...)
		}
		for i, p := range ParseAll(b) {
			if p.Err != nil || p.Offset != offsets[i] {
				rt.Fatalf("part %d at %d, not %d: %v", i, p.Offset, offsets[i], p.Err)
			}
			if diff := cmp.Diff(messages[i].m, p.Message); diff != "" {
				rt.Fatalf("part %d: %s", i, diff)
			}
		}
	})
}

// A damaged message that is still valid is cut as any other.
func TestPropertyDamage(t *testing.T) {
	gen := messageGen(t)
	rapid.Check(t, func(rt *rapid.T) {
		b := gen.Draw(rt, "message").b
		for range rapid.IntRange(1, 3).Draw(rt, "damages") {
			b[rapid.IntRange(0, len(b)-1).Draw(rt, "at")] = rapid.Byte().Draw(rt, "byte")
		}
		checkAny(rt, b)
	})
}

// checkAny checks what must hold of any bytes.
func checkAny(t fataler, b []byte) {
	t.Helper()
	checkAgainstGodbus(t, b)
	offset := 0
	for _, p := range ParseAll(b) {
		if p.Offset < offset || p.Offset >= len(b) {
			t.Fatalf("part at %d after %d", p.Offset, offset)
		}
		offset = p.Offset + 1
		m, err := Parse(b[p.Offset:])
		if diff := cmp.Diff(p.Message, m); diff != "" || !errors.Is(err, p.Err) {
			t.Fatalf("Parse differs from ParseAll: %v, %v: %s", err, p.Err, diff)
		}
	}
	m, err := Parse(b)
	if err != nil {
		if !errors.Is(err, ErrTruncated) && !cmp.Equal(m, Message{}) {
			t.Fatalf("something is returned with %v: %+v", err, m)
		}
		return
	}
	checkBounded(t, m, len(b))
	for n := range min(len(b), m.Size) {
		cut, err := Parse(b[:n])
		checkCut(t, m, n, cut, err)
	}
	StartJob(&m)
	ActivationRequest(&m)
	WantedName(&m)
}

// checkBounded fails if a message holds more than it was read from.
func checkBounded(t fataler, m Message, size int) {
	t.Helper()
	n := len(m.Path) + len(m.Interface) + len(m.Member) + len(m.ErrorName) + len(m.Destination) + len(m.Sender) + len(m.Signature)
	for _, a := range m.Args {
		n += len(a.Text) + max(0, len(a.Texts)-1)
		for _, s := range a.Texts {
			n += len(s)
		}
	}
	if n > size || len(m.Args) > size {
		t.Fatalf("%d bytes and %d arguments of %d bytes", n, len(m.Args), size)
	}
}

// FuzzUnitFromPath: the path that systemd gives a unit leads back to it, and
// whatever path there is leads to a name that systemd takes, or to none.
func FuzzUnitFromPath(f *testing.F) {
	for _, s := range []string{"cron.service", `a\x2db@c:d.timer`, "foo@.service", "", "_", "_5f", "\xff.service", "a/b.service", "1.mount"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, ok := unitFromPath(s); ok && !validUnit(got) {
			t.Fatalf("%q leads to %q", s, got)
		}
		if got, ok := unitFromPath(unitPathPrefix + s); ok && (!validUnit(got) || len(got) > len(s)) {
			t.Fatalf("%q leads to %q", s, got)
		}
		if !validUnit(s) {
			return // go-systemd doesn't escape all bytes as systemd does, but those of names
		}
		path := unitPathPrefix + sddbus.PathBusEscape(s)
		if got, ok := unitFromPath(path); !ok || got != s {
			t.Fatalf("%q is at %s, which leads to %q, %v", s, path, got, ok)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, b := range whole(f) {
		f.Add(b)
	}
	f.Add(send(f, "sdbus-auth"))
	f.Add(append(send(f, "sdbus-hello"), send(f, "sdbus-start")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkAny(t, b)
	})
}
