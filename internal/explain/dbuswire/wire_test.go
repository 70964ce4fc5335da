package dbuswire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// field is a header field as it is on the wire.
type field struct {
	Code  byte
	Value dbus.Variant
}

func iface(s string) field       { return field{fieldInterface, dbus.MakeVariant(s)} }
func member(s string) field      { return field{fieldMember, dbus.MakeVariant(s)} }
func errorName(s string) field   { return field{fieldErrorName, dbus.MakeVariant(s)} }
func replySerial(n uint32) field { return field{fieldReplySerial, dbus.MakeVariant(n)} }
func destination(s string) field { return field{fieldDestination, dbus.MakeVariant(s)} }
func sender(s string) field      { return field{fieldSender, dbus.MakeVariant(s)} }

// path passes a string off as an object path, as godbus encodes no invalid one.
func path(s string) field {
	return field{fieldPath, dbus.MakeVariantWithSignature(s, dbus.ParseSignatureMust("o"))}
}

func signature(s string) field {
	return field{fieldSignature, dbus.MakeVariant(dbus.ParseSignatureMust(s))}
}

// wire marshals a message that godbus would refuse to make, with the fields in
// the order given.
type wire struct {
	order   binary.ByteOrder
	kind    Type
	flags   Flags
	version byte
	serial  uint32
	fields  []field
	body    []any
}

func call(fields ...field) wire {
	return wire{order: binary.LittleEndian, kind: MethodCall, version: 1, serial: 7, fields: fields}
}

func (w wire) with(fields ...field) wire {
	w.fields = append(w.fields[:len(w.fields):len(w.fields)], fields...)
	return w
}

func (w wire) args(args ...any) wire {
	w.body = args
	return w
}

func (w wire) marshal(tb testing.TB) []byte {
	tb.Helper()
	var body bytes.Buffer
	encode(tb, &body, w.order, w.body...)
	mark := byte('l')
	if w.order == binary.BigEndian {
		mark = 'B'
	}
	var b bytes.Buffer
	encode(tb, &b, w.order, mark, byte(w.kind), byte(w.flags), w.version, uint32(body.Len()), w.serial, w.fields)
	b.Write(make([]byte, -b.Len()&7))
	b.Write(body.Bytes())
	return b.Bytes()
}

// encode marshals values by way of the body of a message, as godbus exports no
// encoder.
func encode(tb testing.TB, b *bytes.Buffer, order binary.ByteOrder, values ...any) {
	tb.Helper()
	if len(values) == 0 {
		return
	}
	carrier := dbus.Message{
		Type: dbus.TypeMethodReply,
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldReplySerial: dbus.MakeVariant(uint32(1)),
			dbus.FieldSignature:   dbus.MakeVariant(dbus.SignatureOf(values...)),
		},
		Body: values,
	}
	var m bytes.Buffer
	if err := carrier.EncodeTo(&m, order); err != nil {
		tb.Fatal(err)
	}
	size := int(order.Uint32(m.Bytes()[4:]))
	b.Write(m.Bytes()[m.Len()-size:])
}

// startUnit is the most common of the calls that matter.
func startUnit() wire {
	return call(path(managerPath), iface(managerIface), member("StartUnit"), destination(SystemdName), signature("ss")).
		args("hello.service", "replace")
}

// capture reads the segments of a send that was really made.
func capture(tb testing.TB, name string) [][]byte {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".hex"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var segments [][]byte
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "# segment") {
			segments = append(segments, []byte{})
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		b, err := hex.DecodeString(line)
		if err != nil {
			tb.Fatal(err)
		}
		last := len(segments) - 1
		segments[last] = append(segments[last], b...)
	}
	return segments
}

// send is the capture of all segments, which is what the socket delivers.
func send(tb testing.TB, name string) []byte {
	tb.Helper()
	return bytes.Join(capture(tb, name), nil)
}

func mustParse(tb testing.TB, b []byte) Message {
	tb.Helper()
	m, err := Parse(b)
	if err != nil {
		tb.Fatalf("Parse: %v", err)
	}
	return m
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkCut fails unless cut, parsed from the first n bytes of a message, says
// nothing that whole doesn't, and says what it doesn't know.
func checkCut(t fataler, whole Message, n int, cut Message, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, ErrTruncated) {
		t.Fatalf("cut at %d: %v, but whole it is valid", n, err)
	}
	if cut.HeaderTruncated != (err != nil) {
		t.Fatalf("cut at %d: HeaderTruncated is %v with error %v", n, cut.HeaderTruncated, err)
	}
	for _, f := range []struct{ name, whole, cut string }{
		{"path", whole.Path, cut.Path},
		{"interface", whole.Interface, cut.Interface},
		{"member", whole.Member, cut.Member},
		{"error name", whole.ErrorName, cut.ErrorName},
		{"destination", whole.Destination, cut.Destination},
		{"sender", whole.Sender, cut.Sender},
		{"signature", whole.Signature, cut.Signature},
	} {
		if f.cut != f.whole && (f.cut != "" || err == nil) {
			t.Fatalf("cut at %d: %s is %q, not %q", n, f.name, f.cut, f.whole)
		}
	}
	for _, f := range []struct {
		name       string
		whole, cut int
	}{
		{"type", int(whole.Type), int(cut.Type)},
		{"flags", int(whole.Flags), int(cut.Flags)},
		{"serial", int(whole.Serial), int(cut.Serial)},
		{"reply serial", int(whole.ReplySerial), int(cut.ReplySerial)},
		{"size", whole.Size, cut.Size},
	} {
		if f.cut != f.whole && (f.cut != 0 || err == nil) {
			t.Fatalf("cut at %d: %s is %d, not %d", n, f.name, f.cut, f.whole)
		}
	}
	checkCutBody(t, whole, n, cut, err)
}

func checkCutBody(t fataler, whole Message, n int, cut Message, err error) {
	t.Helper()
	if len(cut.Args) > len(whole.Args) {
		t.Fatalf("cut at %d: more arguments than the whole", n)
	}
	for i, a := range cut.Args {
		if !sameArg(a, whole.Args[i]) {
			t.Fatalf("cut at %d: argument %d is %+v, not %+v", n, i, a, whole.Args[i])
		}
	}
	if err != nil {
		if len(cut.Args) > 0 {
			t.Fatalf("cut at %d: arguments without a header", n)
		}
		return
	}
	if lost := len(cut.Args) < len(whole.Args); cut.ArgsUnread != (lost || whole.ArgsUnread) {
		t.Fatalf("cut at %d: ArgsUnread is %v", n, cut.ArgsUnread)
	}
	if bodyCut := n < whole.Size && whole.Signature != ""; cut.BodyTruncated != bodyCut {
		t.Fatalf("cut at %d: BodyTruncated is %v", n, cut.BodyTruncated)
	}
}

func sameArg(a, b Arg) bool {
	return a.Signature == b.Signature && a.Text == b.Text && a.Number == b.Number &&
		strings.Join(a.Texts, "\x00") == strings.Join(b.Texts, "\x00") && len(a.Texts) == len(b.Texts)
}
