package dbuswire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
)

func text(kind, s string) Arg { return Arg{Signature: kind, Text: s} }

func TestParseCaptures(t *testing.T) {
	start := Message{
		Type: MethodCall, Flags: AllowInteractiveAuthorization, Serial: 1,
		Path: managerPath, Interface: managerIface, Member: "StartUnit", Destination: SystemdName, Signature: "ss",
		Args: []Arg{text("s", "hello.service"), text("s", "replace")}, Size: 208,
	}
	restart := start
	restart.Member = "RestartUnit"
	byLibdbus := start
	byLibdbus.Flags, byLibdbus.Serial = 0, 2
	forwarded := start
	forwarded.Serial, forwarded.Sender, forwarded.Size = 2, ":1.2", 224
	hello := Message{
		Type: MethodCall, Serial: 1,
		Path: busPath, Interface: BusName, Member: "Hello", Destination: BusName, Size: 128,
	}
	tests := map[string]Message{
		"sdbus-hello":   hello,
		"libdbus-hello": hello,
		"sdbus-call": {
			Type: MethodCall, Flags: AllowInteractiveAuthorization, Serial: 2,
			Path: "/", Interface: "org.example.Sleepy", Member: "Wake", Destination: "org.example.Sleepy", Size: 112,
		},
		"sdbus-start":    start,
		"sdbus-restart":  restart,
		"libdbus-start":  byLibdbus,
		"daemon-forward": forwarded,
		"sdbus-transient": {
			Type: MethodCall, Flags: AllowInteractiveAuthorization, Serial: 1,
			Path: managerPath, Interface: managerIface, Member: "StartTransientUnit", Destination: SystemdName,
			Signature: "ssa(sv)a(sa(sv))", Args: []Arg{text("s", "probe.service"), text("s", "fail")},
			ArgsUnread: true, Size: 400,
		},
		"gdbus-restart": {
			Type: MethodCall, Serial: 3,
			Path: "/org/freedesktop/systemd1/unit/hello_2eservice", Interface: unitIface, Member: "Restart",
			Destination: SystemdName, Signature: "s", Args: []Arg{text("s", "replace")}, Size: 188,
		},
		"daemon-activation": {
			Type: Signal, Flags: NoReplyExpected, Serial: 5,
			Path: busPath, Interface: activatorIface, Member: activationRequest,
			Sender: BusName, Destination: SystemdName, Signature: "s",
			Args: []Arg{text("s", "dbus-org.example.Sleepy.service")}, Size: 244,
		},
		"daemon-error": {
			Type: Error, Serial: 3, ReplySerial: 2,
			ErrorName: "org.freedesktop.DBus.Error.UnknownInterface", Destination: ":1.2", Sender: ":1.0", Signature: "s",
			Args: []Arg{text("s", "Object does not implement the interface 'org.freedesktop.systemd1.Manager'")}, Size: 199,
		},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, mustParse(t, send(t, name))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Both libraries put the body into a segment of its own, so that a probe that
// reads one segment sees the header alone.
func TestParseFirstSegment(t *testing.T) {
	for _, name := range []string{"sdbus-start", "libdbus-start", "daemon-activation", "sdbus-transient"} {
		t.Run(name, func(t *testing.T) {
			m := mustParse(t, capture(t, name)[0])
			if m.HeaderTruncated || !m.BodyTruncated || !m.ArgsUnread || m.Args != nil || m.Member == "" {
				t.Errorf("got %+v", m)
			}
		})
	}
	if m := mustParse(t, capture(t, "libdbus-hello")[0]); m.BodyTruncated || m.ArgsUnread {
		t.Errorf("a message without a body misses one: %+v", m)
	}
}

// everyArg has an argument of each type that is read, and one that isn't.
func everyArg(order binary.ByteOrder) wire {
	w := call(path("/a"), member("M"), signature("ybnqiuxtdsogasahss")).args(
		byte(200), true, int16(-2), uint16(65000), int32(-3), uint32(4e9), int64(-5), uint64(math.MaxUint64), 1.5,
		"grüße", dbus.ObjectPath("/b/c"), dbus.ParseSignatureMust("a{sv}"), []string{"x", "", "yz"},
		[]dbus.UnixFD{}, "after", "")
	w.order = order
	return w
}

func TestParseArgs(t *testing.T) {
	want := []Arg{
		{Signature: "y", Number: 200},
		{Signature: "b", Number: 1},
		{Signature: "n", Number: math.MaxUint64 - 1},
		{Signature: "q", Number: 65000},
		{Signature: "i", Number: math.MaxUint64 - 2},
		{Signature: "u", Number: 4e9},
		{Signature: "x", Number: math.MaxUint64 - 4},
		{Signature: "t", Number: math.MaxUint64},
		{Signature: "d", Number: math.Float64bits(1.5)},
		{Signature: "s", Text: "grüße"},
		{Signature: "o", Text: "/b/c"},
		{Signature: "g", Text: "a{sv}"},
		{Signature: "as", Texts: []string{"x", "", "yz"}},
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		m := mustParse(t, everyArg(order).marshal(t))
		if diff := cmp.Diff(want, m.Args); diff != "" {
			t.Error(order, diff)
		}
		if !m.ArgsUnread || m.BodyTruncated {
			t.Errorf("%v: ArgsUnread %v, BodyTruncated %v", order, m.ArgsUnread, m.BodyTruncated)
		}
	}
}

// whole are valid messages of many shapes, in both byte orders.
func whole(tb testing.TB) [][]byte {
	tb.Helper()
	unknown := func(v any) field { return field{200, dbus.MakeVariant(v)} }
	shapes := []wire{
		startUnit(),
		everyArg(binary.LittleEndian),
		call(member("M"), path("/")),
		startUnit().with(sender(":1.42"), field{fieldUnixFDs, dbus.MakeVariant(uint32(0))}),
		startUnit().with(unknown([]string{"a", "b"}), sender(":1.0"), unknown(map[string]dbus.Variant{"k": dbus.MakeVariant(1)})),
		startUnit().with(unknown(struct {
			A byte
			B dbus.Variant
			C []uint64
		}{1, dbus.MakeVariant(dbus.MakeVariant("deep")), []uint64{1}}), sender(":1.0")),
		{kind: Signal, version: 1, serial: 1, fields: []field{member("M"), iface("a.b"), path("/x")}},
		{kind: Error, version: 1, serial: 1, fields: []field{errorName("a.b"), replySerial(3)}},
		{kind: MethodReturn, version: 1, serial: 1, fields: []field{replySerial(3), signature("as")}, body: []any{[]string{}}},
		{kind: 9, flags: 0xff, version: 1, serial: math.MaxUint32},
	}
	var all [][]byte
	for _, w := range shapes {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			w.order = order
			all = append(all, w.marshal(tb))
		}
	}
	for _, name := range []string{"sdbus-transient", "gdbus-restart", "daemon-activation", "daemon-error"} {
		all = append(all, send(tb, name))
	}
	return all
}

func TestParseCutAnywhere(t *testing.T) {
	for _, b := range whole(t) {
		m := mustParse(t, b)
		if m.Size != len(b) {
			t.Errorf("size %d, not %d: %+v", m.Size, len(b), m)
		}
		for n := range len(b) + 1 {
			cut, err := Parse(b[:n])
			checkCut(t, m, n, cut, err)
		}
		long := mustParse(t, append(bytes.Clone(b), "what follows"...))
		if diff := cmp.Diff(m, long); diff != "" {
			t.Errorf("what follows the message matters: %s", diff)
		}
	}
}

func TestParseInvalid(t *testing.T) {
	variant := dbus.MakeVariant
	long := strings.Repeat("a", 256)
	valid := startUnit().marshal(t)
	// edit returns the valid call with one byte changed.
	edit := func(at int, value byte) []byte {
		b := bytes.Clone(valid)
		b[at] = value
		return b
	}
	fieldsLen := binary.LittleEndian.Uint32(valid[12:])
	bodyStart := (preludeSize + int(fieldsLen) + 7) &^ 7
	of := func(fields ...field) []byte { return call(path("/"), member("M")).with(fields...).marshal(t) }
	tests := map[string]struct {
		b    []byte
		want error
	}{
		"text":                   {[]byte("GET / HTTP/1.1"), ErrNotDBus},
		"type 0":                 {edit(1, 0), ErrNotDBus},
		"version 2":              {edit(3, 2), ErrNotDBus},
		"serial 0":               {edit(8, 0), errSerial},
		"huge body":              {edit(7, 0x08), errTooLong},
		"huge fields":            {edit(15, 0x05), errTooLong},
		"largest lengths":        {[]byte("l\x01\x00\x01\xff\xff\xff\xff\x01\x00\x00\x00\xff\xff\xff\xff"), errTooLong},
		"huge sum":               {[]byte("l\x01\x00\x01\xff\xff\xff\x07\x01\x00\x00\x00\x10\x00\x00\x00"), errTooLong},
		"huge array":             {rawField(t, "\x02as\x00\x00\x00\x00\x00\x00\x00\x05"), errTooLong},
		"field code 0":           {edit(16, 0), errField},
		"field length":           {edit(20, 0xff), errOverrun},
		"fields too long":        {edit(12, byte(fieldsLen)+1), errOverrun},
		"fields too short":       {edit(12, byte(fieldsLen)-1), errOverrun},
		"unterminated":           {edit(20, 24), errUnterminated},
		"padding":                {edit(50, 1), errPadding},
		"argument too long":      {edit(bodyStart, 0xff), errOverrun},
		"NUL in an argument":     {edit(bodyStart+5, 0), errText},
		"no UTF-8":               {edit(bodyStart+5, 0xff), errText},
		"body longer than args":  {append(edit(4, valid[4]+1), 0), errTrailing},
		"body shorter":           {edit(4, valid[4]-1), errOverrun},
		"no body":                {of(signature("s")), errOverrun},
		"no signature":           {call(path("/"), member("M")).args("x").marshal(t), errBodyUntyped},
		"boolean 2":              {call(path("/"), member("M"), signature("b")).args(uint32(2)).marshal(t), errBoolean},
		"object path argument":   {call(path("/"), member("M"), signature("o")).args("/a/").marshal(t), errObjectPath},
		"array too long":         {call(path("/"), member("M"), signature("as")).args(uint32(5)).marshal(t), errOverrun},
		"array of half a text":   {call(path("/"), member("M"), signature("as")).args(uint32(4), uint32(9)).marshal(t), errOverrun},
		"path as a string":       {call(field{fieldPath, variant("/")}, member("M")).marshal(t), errFieldType},
		"member as a path":       {of(field{fieldInterface, variant(dbus.ObjectPath("/"))}), errFieldType},
		"reply serial as i":      {of(field{fieldReplySerial, variant(int32(1))}), errFieldType},
		"two members":            {of(member("N")), errFieldTwice},
		"two descriptor counts":  {of(field{fieldUnixFDs, variant(uint32(0))}, field{fieldUnixFDs, variant(uint32(0))}), errFieldTwice},
		"no path":                {call(member("M")).marshal(t), errFieldMissing},
		"no member":              {call(path("/")).marshal(t), errFieldMissing},
		"relative path":          {call(path("a"), member("M")).marshal(t), errObjectPath},
		"path with a slash":      {call(path("/a/"), member("M")).marshal(t), errObjectPath},
		"path with a dash":       {call(path("/a-b"), member("M")).marshal(t), errObjectPath},
		"member with a dot":      {call(path("/"), member("M.N")).marshal(t), errMember},
		"empty member":           {call(path("/"), member("")).marshal(t), errMember},
		"long member":            {call(path("/"), member(long)).marshal(t), errMember},
		"interface of one word":  {of(iface("a")), errInterface},
		"interface with a digit": {of(iface("a.1b")), errInterface},
		"interface ends in dot":  {of(iface("a.")), errInterface},
		"error name":             {of(errorName("a b.c")), errErrorName},
		"destination":            {of(destination("nodots")), errBusName},
		"empty destination":      {of(destination("")), errBusName},
		"sender":                 {of(sender(":1")), errBusName},
		"reply serial 0":         {of(replySerial(0)), errSerial},
		"NUL in a name":          {bytes.Replace(valid, []byte("StartUnit"), []byte("Start\x00nit"), 1), errText},
		"variant of nothing":     {rawField(t, "\x00\x00\x00\x00"), errSignature},
		"variant of two":         {rawField(t, "\x02yy\x00"), errSignature},
		"open struct":            {rawField(t, "\x02(y\x00"), errSignature},
		"endless variants":       {rawField(t, strings.Repeat("\x01v\x00", 70)), errTooDeep},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := Parse(tt.b)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if tt.want != ErrNotDBus && !errors.Is(err, ErrInvalid) { //nolint:errorlint // the table's own value
				t.Errorf("%v is no ErrInvalid", err)
			}
			if !strings.HasPrefix(err.Error(), ErrInvalid.Error()) && !errors.Is(err, ErrNotDBus) {
				t.Errorf("error text is %q", err)
			}
			if diff := cmp.Diff(Message{}, m); diff != "" {
				t.Errorf("something of it is returned: %s", diff)
			}
		})
	}
}

// rawField is a call with an unknown field whose variant is given as bytes.
func rawField(tb testing.TB, variant string) []byte {
	tb.Helper()
	b := call(path("/"), member("M")).marshal(tb)
	b = append(b, 200)
	b = append(b, variant...)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(b)-preludeSize))
	return append(b, make([]byte, -len(b)&7)...)
}

func TestParseAll(t *testing.T) {
	auth, hello, start := send(t, "sdbus-auth"), send(t, "sdbus-hello"), send(t, "sdbus-start")
	other := startUnit()
	other.order = binary.BigEndian
	big := other.marshal(t)
	join := func(bs ...[]byte) []byte { return bytes.Join(bs, nil) }
	type part struct {
		offset int
		member string
		err    error
	}
	tests := map[string]struct {
		b    []byte
		want []part
	}{
		"nothing":        {nil, nil},
		"authentication": {auth, nil},
		"half of it":     {auth[:10], nil},
		"one":            {start, []part{{0, "StartUnit", nil}}},
		"pipelined": {
			join(auth, hello, start, big),
			[]part{{48, "Hello", nil}, {176, "StartUnit", nil}, {384, "StartUnit", nil}},
		},
		"BEGIN and big-endian": {join([]byte("BEGIN\r\n"), big), []part{{7, "StartUnit", nil}}},
		"as the server":        {join([]byte("OK 0123456789abcdef\r\nAGREE_UNIX_FD\r\n"), hello), []part{{36, "Hello", nil}}},
		"last cut in its body": {join(hello, start[:190]), []part{{0, "Hello", nil}, {128, "StartUnit", nil}}},
		"last cut in its header": {
			join(hello, start[:80]),
			[]part{{0, "Hello", nil}, {128, "StartUnit", ErrTruncated}},
		},
		"garbage between":  {join(hello, []byte{0}, start), []part{{0, "Hello", nil}, {128, "", ErrNotDBus}}},
		"garbage":          {[]byte("\x00\x01\x02"), []part{{0, "", ErrNotDBus}}},
		"text after BEGIN": {[]byte("BEGIN\r\nDATA\r\n"), []part{{7, "", ErrNotDBus}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := ParseAll(tt.b)
			if len(got) != len(tt.want) {
				t.Fatalf("got %+v", got)
			}
			for i, p := range got {
				w := tt.want[i]
				if p.Offset != w.offset || p.Message.Member != w.member || !errors.Is(p.Err, w.err) {
					t.Errorf("part %d: got %d %q %v, want %+v", i, p.Offset, p.Message.Member, p.Err, w)
				}
			}
		})
	}
}

func TestIsAuth(t *testing.T) {
	for s, want := range map[string]bool{
		"\x00": true, "\x00AUTH EXTERNAL 30\r\n": true, "AUTH EXTERNAL\r\nDATA\r\n": true, "AUTH\r\n": true,
		"NEGOTIATE_UNIX_FD\r\n": true, "BEGIN\r\n": true, "BEGIN": true, "CANCEL\r\n": true,
		"REJECTED EXTERNAL\r\n": true, "OK 12\r\n": true, "AGREE_UNIX_FD\r\n": true, "ERROR \"x\"\r\n": true,
		"": false, "AUTHOR": false, "auth": false, "\x00\x00": false, "\x00l": false, "l\x01\x00\x01": false,
		"BEGINNING\r\n": false, "B\x01\x00\x01": false, " AUTH": false, "HELO\r\n": false,
	} {
		if got := IsAuth([]byte(s)); got != want {
			t.Errorf("IsAuth(%q) = %v", s, got)
		}
	}
}

func TestIsMessage(t *testing.T) {
	for s, want := range map[string]bool{
		"l\x01\x00\x01": true, "B\x04\x02\x01more": true, "l\x01\x00": false, "": false,
		"l\x00\x00\x01": false, "l\x01\x00\x02": false, "BEGIN\r\n": false, "\x00AUTH": false,
	} {
		if got := IsMessage([]byte(s)); got != want {
			t.Errorf("IsMessage(%q) = %v", s, got)
		}
		if _, err := Parse([]byte(s)); len(s) > 3 && errors.Is(err, ErrNotDBus) == want {
			t.Errorf("Parse(%q) does not agree: %v", s, err)
		}
	}
}

func TestTypeString(t *testing.T) {
	for kind, want := range map[Type]string{
		MethodCall: "method_call", MethodReturn: "method_return", Error: "error", Signal: "signal", 9: "type(9)",
	} {
		if got := kind.String(); got != want {
			t.Errorf("%d is %q, not %q", kind, got, want)
		}
	}
}

func TestValidSignature(t *testing.T) {
	for sig, want := range map[string]bool{
		"": true, "ss": true, "ssa(sv)a(sa(sv))": true, "a{sv}": true, "a{oa{sa{sv}}}": true, "(y(qq))": true,
		"a": false, "()": false, "(": false, ")": false, "{sv}": false, "a{vs}": false, "a{s}": false, "a{ssv}": false,
		"a{": false, "a{s": false, "a{sv": false, "z": false, "(s))": false,
		strings.Repeat("a", 32) + "s": true, strings.Repeat("a", 33) + "s": false,
		strings.Repeat("(", 32) + "s" + strings.Repeat(")", 32): true,
		strings.Repeat("(", 33) + "s" + strings.Repeat(")", 33): false,
		strings.Repeat("s", 255):                                true, strings.Repeat("s", 256): false,
	} {
		if got := validSignature(sig); got != want {
			t.Errorf("validSignature(%q) = %v", sig, got)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	call := send(b, "sdbus-start")
	b.SetBytes(int64(len(call)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(call); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseForeign(b *testing.B) {
	garbage := bytes.Repeat([]byte("garbage "), 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(garbage); err == nil {
			b.Fatal("parsed")
		}
	}
}
