package dbuswire

import "fmt"

// Type is the type of a message. Types above [Signal] are allowed, to be
// ignored.
type Type uint8

// The types of messages.
const (
	MethodCall Type = 1 + iota
	MethodReturn
	Error
	Signal
)

// String returns the type's name in the specification, in lower case.
func (t Type) String() string {
	switch t {
	case MethodCall:
		return "method_call"
	case MethodReturn:
		return "method_return"
	case Error:
		return "error"
	case Signal:
		return "signal"
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Flags are a message's flags. Unknown ones are allowed, to be ignored.
type Flags uint8

// The flags of messages.
const (
	NoReplyExpected Flags = 1 << iota
	NoAutoStart
	AllowInteractiveAuthorization
)

// Message is what was captured of a message. Its strings share one copy of the
// capture.
type Message struct {
	Type   Type
	Flags  Flags
	Serial uint32

	// The header fields, empty or zero where the message has none. Each is
	// well-formed, and true only of what the sender wrote: a client can claim
	// any Sender, which the bus replaces.
	ReplySerial uint32
	Path        string
	Interface   string
	Member      string
	ErrorName   string
	Destination string
	Sender      string
	Signature   string

	// Args are the leading arguments, up to the first that is cut, or that is
	// of a type which an [Arg] can't hold.
	Args []Arg
	// ArgsUnread says that the message has more arguments than Args.
	ArgsUnread bool

	// Size is the length of the whole message by its own account, 0 if not
	// even that was captured.
	Size int
	// HeaderTruncated says that the capture ends within the header: a field
	// that is empty may only be missing.
	HeaderTruncated bool
	// BodyTruncated says that the body goes on behind the capture.
	BodyTruncated bool
}

// Arg is one argument.
type Arg struct {
	// Signature is the argument's type: a basic one (y b n q i u x t d h s o g),
	// or "as".
	Signature string
	// Text is the value of a string, object path or signature.
	Text string
	// Texts is the value of an array of strings.
	Texts []string
	// Number is the value of any other type: an integer, sign-extended if it
	// is signed; 0 or 1 for a boolean; the IEEE 754 bits of a double; the index
	// of a file descriptor.
	Number uint64
}

// Parse reads the message at the start of b, which may be cut anywhere; what
// follows the message is ignored. It fails with [ErrNotDBus], [ErrInvalid] or,
// then returning what it found, [ErrTruncated]. That the body is cut is no
// error.
func Parse(b []byte) (Message, error) {
	if len(b) > 0 && b[0] != littleEndian && b[0] != bigEndian {
		return Message{}, ErrNotDBus // not worth a copy
	}
	return parse(string(b))
}

// IsMessage tells whether b begins as a message does, by its first four bytes.
func IsMessage(b []byte) bool {
	const version = 3
	return len(b) > version && (b[0] == littleEndian || b[0] == bigEndian) && b[1] != 0 && b[version] == protocolVersion
}

// Part is one of the messages in a send.
type Part struct {
	// Offset is where in the send the message begins.
	Offset  int
	Message Message
	// Err is what [Parse] says of it.
	Err error
}

// ParseAll reads all messages of a send: a client may put several into one,
// and the first ones right behind the text of the authentication, which is
// passed over. It ends at the end of b or, since nothing then tells where the
// next message begins, with the first part whose Err isn't nil. A send of
// authentication text alone has no parts.
func ParseAll(b []byte) []Part {
	var parts []Part
	text := string(b)
	for offset := authLen(b); offset < len(text); {
		m, err := parse(text[offset:])
		parts = append(parts, Part{Offset: offset, Message: m, Err: err})
		if err != nil {
			break
		}
		offset += m.Size
	}
	return parts
}
