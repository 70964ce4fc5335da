package model

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"github.com/godbus/dbus/v5"
)

// message is a D-Bus message but for its serials.
type message struct {
	kind  dbus.Type
	flags dbus.Flags
	// reply is set if it answers another one.
	reply                                          bool
	path, iface, member, dest, sender, failed, sig string
	// text are the arguments of type string, object path and variant, in order;
	// number is the one that is an integer.
	text   [4]string
	number uint32
}

// wire encodes messages. What was encoded is kept: but for the serials many
// messages are the same.
type wire struct{ known map[message]template }

type template struct {
	raw []byte
	// replyAt is where the serial stands to which it replies.
	replyAt int
}

func newWire() *wire { return &wire{known: make(map[message]template)} }

// maxTemplates bounds what is kept.
const maxTemplates = 1 << 16

// placeholder stands for the serial to which a message replies.
const placeholder = 0xdeadbeef

// encode returns the bytes of a message.
func (w *wire) encode(m message, serial, replyTo uint32) []byte {
	t, ok := w.known[m]
	if !ok {
		t = newTemplate(m)
		if len(w.known) >= maxTemplates {
			clear(w.known)
		}
		w.known[m] = t
	}
	raw := bytes.Clone(t.raw)
	binary.LittleEndian.PutUint32(raw[8:], serial)
	if m.reply {
		binary.LittleEndian.PutUint32(raw[t.replyAt:], replyTo)
	}
	return raw
}

func newTemplate(m message) template {
	d := &dbus.Message{Type: m.kind, Flags: m.flags, Headers: make(map[dbus.HeaderField]dbus.Variant), Body: m.body()}
	set := func(f dbus.HeaderField, v any, given bool) {
		if given {
			d.Headers[f] = dbus.MakeVariant(v)
		}
	}
	set(dbus.FieldPath, dbus.ObjectPath(m.path), m.path != "")
	set(dbus.FieldInterface, m.iface, m.iface != "")
	set(dbus.FieldMember, m.member, m.member != "")
	set(dbus.FieldDestination, m.dest, m.dest != "")
	set(dbus.FieldSender, m.sender, m.sender != "")
	set(dbus.FieldErrorName, m.failed, m.failed != "")
	set(dbus.FieldReplySerial, uint32(placeholder), m.reply)
	if len(d.Body) > 0 {
		d.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(d.Body...))
	}
	var buf bytes.Buffer
	if err := d.EncodeTo(&buf, binary.LittleEndian); err != nil {
		panic(fmt.Sprintf("message of the model %+v: %v", m, err)) // a mistake in this package
	}
	shuffleFields(buf.Bytes(), m)
	mark := binary.LittleEndian.AppendUint32(nil, placeholder)
	return template{raw: buf.Bytes(), replyAt: bytes.Index(buf.Bytes(), mark)}
}

// The fields of a header begin at fieldsAt. Each begins at a multiple of align.
const (
	fieldsAt = 16
	align    = 8
)

// shuffleFields brings the fields of a message's header into an order that depends on the
// message alone: senders have different ones, and godbus has any.
func shuffleFields(raw []byte, m message) {
	end := fieldsAt + int(binary.LittleEndian.Uint32(raw[fieldsAt-4:]))
	var fields [][]byte
	for at := fieldsAt; at < end; {
		n := fieldLength(raw[at:end])
		fields = append(fields, bytes.Clone(raw[at:at+n]))
		at += (n + align - 1) &^ (align - 1)
	}
	slices.SortFunc(fields, func(a, b []byte) int { return int(a[0]) - int(b[0]) })
	h := fnv.New64a()
	fmt.Fprint(h, m)
	rnd := rand.New(rand.NewPCG(h.Sum64(), 0))
	rnd.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	clear(raw[fieldsAt:end])
	at := fieldsAt
	for _, f := range fields {
		at = (at + align - 1) &^ (align - 1)
		at += copy(raw[at:], f)
	}
	binary.LittleEndian.PutUint32(raw[fieldsAt-4:], uint32(at-fieldsAt))
}

// fieldLength is the length of the field at the beginning of some bytes: its code, the
// signature of its value, and that.
func fieldLength(raw []byte) int {
	const value = 4 // behind the code and a signature of one letter
	switch raw[2] {
	case 'g':
		return value + 1 + int(raw[value]) + 1
	case 'u':
		return value + 4
	}
	return value + 4 + int(binary.LittleEndian.Uint32(raw[value:])) + 1
}

// property is an element of the lists that StartTransientUnit takes.
type property struct {
	Name  string
	Value dbus.Variant
}

type auxiliary struct {
	Name       string
	Properties []property
}

// body returns the arguments by the signature.
func (m *message) body() []any {
	if m.sig == transientSignature {
		return []any{m.text[0], m.text[1], []property{}, []auxiliary{}}
	}
	var list []any
	next := 0
	for _, c := range m.sig {
		if c == 'u' {
			list = append(list, m.number)
			continue
		}
		text := m.text[next]
		next++
		switch c {
		case 's':
			list = append(list, text)
		case 'o':
			list = append(list, dbus.ObjectPath(text))
		case 'v':
			list = append(list, dbus.MakeVariant(text))
		}
	}
	return list
}

// The names by which the parties address each other.
const (
	busName     = "org.freedesktop.DBus"
	busPath     = "/org/freedesktop/DBus"
	systemdName = "org.freedesktop.systemd1"
	systemdPath = "/org/freedesktop/systemd1"
	managerName = "org.freedesktop.systemd1.Manager"

	transientSignature = "ssa(sv)a(sa(sv))"
)

func jobPath(id uint32) string { return fmt.Sprintf("/org/freedesktop/systemd1/job/%d", id) }

// managerCall is a call of a method of the manager's.
func managerCall(member, unit string, flags dbus.Flags) message {
	m := message{
		kind: dbus.TypeMethodCall, flags: flags, path: systemdPath, iface: managerName, member: member, dest: systemdName,
		sig: "ss", text: [4]string{unit, "replace"},
	}
	switch member {
	case "StartTransientUnit":
		m.sig = transientSignature
	case "EnqueueUnitJob":
		m.sig, m.text = "sss", [4]string{unit, "start", "replace"}
	}
	return m
}

// nameCall is a call to a service on the bus.
func nameCall(name string, flags dbus.Flags) message {
	return message{
		kind: dbus.TypeMethodCall, flags: flags, path: "/" + pathOf(name), iface: "org.freedesktop.DBus.Properties", member: "Get",
		dest: name, sig: "ss", text: [4]string{name, "Version"},
	}
}

func pathOf(name string) string {
	return string(bytes.ReplaceAll([]byte(name), []byte("."), []byte("/")))
}

// startByName asks the bus to start a service.
func startByName(name string, flags dbus.Flags) message {
	return message{
		kind: dbus.TypeMethodCall, flags: flags, path: busPath, iface: busName, member: "StartServiceByName",
		dest: busName, sig: "su", text: [4]string{name},
	}
}

// activationRequest is what dbus-daemon sends to the manager.
func activationRequest(unit string) message {
	return message{
		kind: dbus.TypeSignal, flags: dbus.FlagNoReplyExpected, path: busPath, iface: "org.freedesktop.systemd1.Activator",
		member: "ActivationRequest", dest: systemdName, sender: busName, sig: "s", text: [4]string{unit},
	}
}

// activationFailure is the manager's refusal of it (src/core/dbus.c,
// signal_activation_request).
func activationFailure(unit string) message {
	return message{
		kind: dbus.TypeSignal, flags: dbus.FlagNoReplyExpected, path: systemdPath, iface: "org.freedesktop.systemd1.Activator",
		member: "ActivationFailure", dest: busName, sig: "sss",
		text: [4]string{unit, "org.freedesktop.systemd1.NoSuchUnit", "Unit not found."},
	}
}

func nameOwnerChanged(name, from, to string) message {
	return message{
		kind: dbus.TypeSignal, flags: dbus.FlagNoReplyExpected, path: busPath, iface: busName, member: "NameOwnerChanged",
		sender: busName, sig: "sss", text: [4]string{name, from, to},
	}
}

func jobNew(id uint32, unit, sender string) message {
	return message{
		kind: dbus.TypeSignal, flags: dbus.FlagNoReplyExpected, path: systemdPath, iface: managerName, member: "JobNew", sender: sender,
		sig: "uos", number: id, text: [4]string{jobPath(id), unit},
	}
}

func jobRemoved(id uint32, unit, result, sender string) message {
	m := jobNew(id, unit, sender)
	m.member, m.sig, m.text[2] = "JobRemoved", "uoss", result
	return m
}

// jobReply is the answer to a call that made a job.
func jobReply(id uint32, dest, sender string) message {
	return message{
		kind: dbus.TypeMethodReply, flags: dbus.FlagNoReplyExpected, reply: true, dest: dest, sender: sender,
		sig: "o", text: [4]string{jobPath(id)},
	}
}

// textReply is the answer of a service.
func textReply(dest, sender string) message {
	return message{
		kind: dbus.TypeMethodReply, flags: dbus.FlagNoReplyExpected, reply: true, dest: dest, sender: sender, sig: "v", text: [4]string{"v"},
	}
}

func failure(name, dest, sender string) message {
	return message{
		kind: dbus.TypeError, flags: dbus.FlagNoReplyExpected, reply: true, failed: name, dest: dest, sender: sender,
		sig: "s", text: [4]string{"No."},
	}
}
