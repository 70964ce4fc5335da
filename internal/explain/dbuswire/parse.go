package dbuswire

import (
	"errors"
	"math"
	"strings"
)

const (
	protocolVersion = 1
	// preludeSize is the size of the header's fixed part, the length of the
	// fields' array included.
	preludeSize = 16

	// The first byte of a message.
	littleEndian = 'l'
	bigEndian    = 'B'
)

// The codes of the header fields.
const (
	fieldPath = 1 + iota
	fieldInterface
	fieldMember
	fieldErrorName
	fieldReplySerial
	fieldDestination
	fieldSender
	fieldSignature
	fieldUnixFDs
)

// fieldTypes are the types that the specification prescribes, by code.
var fieldTypes = [...]string{
	fieldPath: "o", fieldInterface: "s", fieldMember: "s", fieldErrorName: "s", fieldReplySerial: "u",
	fieldDestination: "s", fieldSender: "s", fieldSignature: "g", fieldUnixFDs: "u",
}

// requiredFields are sets of codes, by the type of message.
var requiredFields = [...]fieldSet{
	MethodCall:   1<<fieldPath | 1<<fieldMember,
	MethodReturn: 1 << fieldReplySerial,
	Error:        1<<fieldErrorName | 1<<fieldReplySerial,
	Signal:       1<<fieldPath | 1<<fieldInterface | 1<<fieldMember,
}

// fieldSet is a set of header fields, the bit of each being its code's.
type fieldSet uint16

func parse(text string) (Message, error) {
	var m Message
	r := reader{text: text, end: preludeSize}
	err := m.read(&r)
	switch {
	case err == nil:
		return m, nil
	case errors.Is(err, ErrTruncated):
		m.HeaderTruncated = true
		return m, err
	}
	return Message{}, err
}

func (m *Message) read(r *reader) error {
	fields, body, err := m.readPrelude(r)
	if err != nil {
		return err
	}
	bodyStart := (preludeSize + fields + 7) &^ 7
	m.Size = bodyStart + body
	if m.Size > maxMessage {
		return errTooLong
	}
	m.BodyTruncated = body > 0 && len(r.text) < m.Size
	r.end = preludeSize + fields
	if err := m.readFields(r); err != nil {
		return err
	}
	r.end = bodyStart
	switch err := r.align(8); {
	case errors.Is(err, ErrTruncated):
		// Only padding is missing of the header.
		m.ArgsUnread = m.Signature != ""
		return checkBody(m.Signature, body)
	case err != nil:
		return err
	}
	r.end = m.Size
	return m.readBody(r)
}

// readPrelude reads the fixed part of the header and returns the lengths of
// the fields and of the body.
func (m *Message) readPrelude(r *reader) (fields, body int, err error) {
	if err := m.readFirst(r); err != nil {
		return 0, 0, err
	}
	bodyLen, err := r.uint32()
	if err != nil {
		return 0, 0, err
	}
	if bodyLen > maxMessage {
		return 0, 0, errTooLong
	}
	if m.Serial, err = r.serial(); err != nil {
		return 0, 0, err
	}
	fieldsLen, err := r.uint32()
	if err != nil {
		return 0, 0, err
	}
	if fieldsLen > maxArray {
		return 0, 0, errTooLong
	}
	return int(fieldsLen), int(bodyLen), nil
}

// readFirst reads the four bytes by which a message is recognised.
func (m *Message) readFirst(r *reader) error {
	order, err := r.byte()
	if err != nil {
		return err
	}
	if order != littleEndian && order != bigEndian {
		return ErrNotDBus
	}
	r.big = order == bigEndian
	kind, err := r.byte()
	if err != nil {
		return err
	}
	if kind == 0 {
		return ErrNotDBus
	}
	m.Type = Type(kind)
	flags, err := r.byte()
	if err != nil {
		return err
	}
	m.Flags = Flags(flags)
	version, err := r.byte()
	if err != nil {
		return err
	}
	if version != protocolVersion {
		return ErrNotDBus
	}
	return nil
}

// serial reads a serial number, which is never zero.
func (r *reader) serial() (uint32, error) {
	n, err := r.uint32()
	if err == nil && n == 0 {
		err = errSerial
	}
	return n, err
}

func (m *Message) readFields(r *reader) error {
	var seen fieldSet
	for r.pos < r.end {
		if err := r.align(8); err != nil {
			return err
		}
		code, err := r.byte()
		if err != nil {
			return err
		}
		kind, err := r.variantType()
		if err != nil {
			return err
		}
		if int(code) < len(fieldTypes) {
			if err := seen.add(code, kind); err != nil {
				return err
			}
		}
		if err := m.readField(r, code, kind); err != nil {
			return err
		}
	}
	if int(m.Type) < len(requiredFields) && requiredFields[m.Type]&^seen != 0 {
		return errFieldMissing
	}
	return nil
}

// add adds a field that the specification knows. That one can't appear twice
// is also why a message that is cut behind a field has the same as the whole.
func (s *fieldSet) add(code byte, kind string) error {
	bit := fieldSet(1) << code
	switch {
	case code == 0:
		return errField
	case kind != fieldTypes[code]:
		return errFieldType
	case *s&bit != 0:
		return errFieldTwice
	}
	*s |= bit
	return nil
}

// readField reads the value of a field, whose type has been checked unless the
// field is an unknown one, which is skipped.
func (m *Message) readField(r *reader, code byte, kind string) (err error) {
	switch code {
	case fieldPath:
		m.Path, err = r.string('o')
	case fieldInterface:
		m.Interface, err = r.name(validInterface, errInterface)
	case fieldMember:
		m.Member, err = r.name(validMember, errMember)
	case fieldErrorName:
		m.ErrorName, err = r.name(validInterface, errErrorName)
	case fieldReplySerial:
		m.ReplySerial, err = r.serial()
	case fieldDestination:
		m.Destination, err = r.name(validBusName, errBusName)
	case fieldSender:
		m.Sender, err = r.name(validBusName, errBusName)
	case fieldSignature:
		m.Signature, err = r.string('g')
	default:
		err = r.skip(kind, 1)
	}
	return err
}

// name reads a string of the form that valid demands, else fails with invalid.
func (r *reader) name(valid func(string) bool, invalid error) (string, error) {
	s, err := r.string('s')
	if err == nil && !valid(s) {
		return "", invalid
	}
	return s, err
}

// checkBody compares the signature with the length of the body. No type is
// without bytes.
func checkBody(signature string, length int) error {
	switch {
	case signature == "" && length > 0:
		return errBodyUntyped
	case signature != "" && length == 0:
		return errOverrun
	}
	return nil
}

func (m *Message) readBody(r *reader) error {
	if err := checkBody(m.Signature, r.end-r.pos); err != nil {
		return err
	}
	signature := m.Signature
	for signature != "" {
		kind := argType(signature)
		if kind == "" {
			m.ArgsUnread = true
			return nil
		}
		arg, err := r.arg(kind)
		if errors.Is(err, ErrTruncated) {
			m.ArgsUnread = true
			return nil
		}
		if err != nil {
			return err
		}
		if m.Args == nil {
			m.Args = make([]Arg, 0, min(len(signature), 4))
		}
		m.Args = append(m.Args, arg)
		signature = signature[len(kind):]
	}
	if r.pos < r.end {
		return errTrailing
	}
	return nil
}

// argType returns the type that signature begins with if an [Arg] can hold it.
func argType(signature string) string {
	switch {
	case basic(signature[0]):
		return signature[:1]
	case strings.HasPrefix(signature, "as"):
		return signature[:2]
	}
	return ""
}

func (r *reader) arg(kind string) (a Arg, err error) {
	a.Signature = kind
	switch c := kind[0]; c {
	case 'a':
		a.Texts, err = r.strings()
	case 's', 'o', 'g':
		a.Text, err = r.string(c)
	default:
		a.Number, err = r.number(c)
	}
	return a, err
}

// number reads a value of fixed size and extends it to 64 bits.
func (r *reader) number(kind byte) (uint64, error) {
	n, err := r.unsigned(fixedSize(kind))
	if err != nil {
		return 0, err
	}
	switch kind {
	case 'b':
		if n > 1 {
			return 0, errBoolean
		}
	case 'n':
		n = signExtend(n, math.MaxInt16)
	case 'i':
		n = signExtend(n, math.MaxInt32)
	}
	return n, nil
}

// signExtend extends a signed integer whose largest value is limit.
func signExtend(n, limit uint64) uint64 {
	if n > limit {
		n |= ^limit
	}
	return n
}

// strings reads an array of strings that was captured as a whole.
func (r *reader) strings() ([]string, error) {
	end, err := r.array('s')
	if err != nil {
		return nil, err
	}
	if end > len(r.text) {
		return nil, ErrTruncated
	}
	outer := r.end
	r.end = end
	all := []string{}
	for r.pos < r.end {
		s, err := r.string('s')
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	r.end = outer
	return all, nil
}
