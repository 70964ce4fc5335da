package systemd

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

const (
	// maxAnswers bounds in bytes what a manager may send in one connection. The
	// properties of a service take some 40 KB.
	maxAnswers = 8 << 20
	// maxAnswer bounds one message of it.
	maxAnswer = 1 << 20
)

var (
	errAnswersTooLong = fmt.Errorf("the manager sends more than %d MiB", maxAnswers>>20)
	errAnswerTooLong  = fmt.Errorf("the manager sends a message of more than %d MiB", maxAnswer>>20)
	// errRefused is returned where the other end hangs up on who asks.
	errRefused = errors.New("the manager refuses to be asked")
)

const (
	// firstPing is after how long without an answer a manager is pinged; a
	// manager that isn't busy answers within a few milliseconds.
	firstPing = 100 * time.Millisecond
	// lastPing bounds the time between two, each twice as long as the one before.
	lastPing = 2 * time.Second
)

// session is a connection on which questions are asked, by one goroutine. It is
// a client of D-Bus that can do just that: it takes a bounded part of what the
// other end sends, and decodes what was asked for and nothing else. A service
// has some 300 properties.
type session struct {
	conn net.Conn
	in   *bufio.Reader
	// left is how much may still be read.
	left   int
	serial uint32
	// greets is set until a bus was asked for a name, before anything else.
	greets bool
	// replies are those that came before they were waited for.
	replies map[uint32][]byte
	// buffer holds the message that was read last.
	buffer []byte
}

func newSession(conn net.Conn) *session {
	s := &session{conn: conn, left: maxAnswers}
	s.in = bufio.NewReaderSize(bounded{s}, 4<<10)
	return s
}

// bounded reads what may still be read.
type bounded struct{ s *session }

func (b bounded) Read(p []byte) (int, error) {
	if b.s.left == 0 {
		return 0, errAnswersTooLong
	}
	n, err := b.s.conn.Read(p[:min(len(p), b.s.left)])
	b.s.left -= n
	return n, err
}

// authenticate says who asks. That and the begin of the messages go in one piece:
// a manager wakes up for each.
func (s *session) authenticate() error {
	uid := hex.EncodeToString([]byte(strconv.Itoa(os.Geteuid())))
	if _, err := s.conn.Write([]byte("\x00AUTH EXTERNAL " + uid + "\r\nBEGIN\r\n")); err != nil {
		return err
	}
	line, err := s.in.ReadSlice('\n')
	switch {
	case errors.Is(err, io.EOF):
		return errRefused
	case err != nil:
		return err
	case !strings.HasPrefix(string(line), "OK "):
		return errRefused
	}
	return nil
}

// query is a method call with strings for arguments.
type query struct {
	path, ifc, member string
	args              []string
}

// D-Bus's codes of header fields and flags that a query needs.
const (
	fieldPath, fieldInterface, fieldMember, fieldDestination, fieldSignature = 1, 2, 3, 6, 8
	flagNoReply, flagNoAutoStart                                             = 1, 2
)

// append appends the message to b. It starts nothing.
func (q *query) append(b []byte, serial uint32, flags byte) []byte {
	m := message{b: make([]byte, 0, 256)}
	m.b = append(m.b, 'l', byte(dbuswire.MethodCall), flags|flagNoAutoStart, 1)
	m.b = binary.LittleEndian.AppendUint32(m.b, 0) // the body's length
	m.b = binary.LittleEndian.AppendUint32(m.b, serial)
	m.b = binary.LittleEndian.AppendUint32(m.b, 0) // that of the fields
	m.field(fieldPath, "o", q.path)
	m.field(fieldInterface, "s", q.ifc)
	m.field(fieldMember, "s", q.member)
	m.field(fieldDestination, "s", destination(q.ifc))
	if len(q.args) > 0 {
		m.field(fieldSignature, "g", strings.Repeat("s", len(q.args)))
	}
	binary.LittleEndian.PutUint32(m.b[12:], uint32(len(m.b)-16))
	m.align(8)
	begin := len(m.b)
	for _, arg := range q.args {
		m.string(arg)
	}
	binary.LittleEndian.PutUint32(m.b[4:], uint32(len(m.b)-begin))
	return append(b, m.b...)
}

// destination is who is asked: the bus itself for what is the bus's.
func destination(ifc string) string {
	if ifc == busIfc {
		return busIfc
	}
	return busName
}

// message is one that is being written.
type message struct{ b []byte }

func (m *message) align(n int) {
	for len(m.b)%n != 0 {
		m.b = append(m.b, 0)
	}
}

func (m *message) field(code byte, kind, value string) {
	m.align(8)
	m.b = append(m.b, code, 1, kind[0], 0)
	if kind == "g" {
		m.b = append(append(append(m.b, byte(len(value))), value...), 0)
		return
	}
	m.string(value)
}

func (m *message) string(value string) {
	m.align(4)
	m.b = binary.LittleEndian.AppendUint32(m.b, uint32(len(value)))
	m.b = append(append(m.b, value...), 0)
}

// send asks all at once, and returns the serial of the first. The others follow.
func (s *session) send(list ...query) (first uint32, err error) {
	var b []byte
	if s.greets {
		s.greets = false
		s.serial++
		hello := query{path: "/org/freedesktop/DBus", ifc: busIfc, member: "Hello"}
		b = hello.append(b, s.serial, 0)
	}
	first = s.serial + 1
	for i := range list {
		s.serial++
		b = list[i].append(b, s.serial, 0)
	}
	_, err = s.conn.Write(b)
	return first, err
}

// ping has the manager look at what it was sent. No answer is wanted.
func (s *session) ping() error {
	s.serial++
	q := query{path: managerPath, ifc: "org.freedesktop.DBus.Peer", member: "Ping"}
	_, err := s.conn.Write(q.append(nil, s.serial, flagNoReply))
	return err
}

// managerError is an error that the other end answers with.
type managerError struct{ name, text string }

func (e *managerError) Error() string {
	if e.text == "" {
		return e.name
	}
	return e.text
}

// reply returns the answer to a question. What it returns is valid until the
// next call.
func (s *session) reply(ctx context.Context, serial uint32) ([]byte, error) {
	raw, kept := s.replies[serial]
	delete(s.replies, serial)
	for !kept {
		if err := s.await(ctx); err != nil {
			return nil, err
		}
		var err error
		if raw, err = s.read(); err != nil {
			return nil, err
		}
		answers := replyTo(raw)
		if kept = answers == serial; !kept && answers != 0 {
			s.keep(answers, raw)
		}
	}
	m, err := dbuswire.Parse(raw)
	if err != nil {
		return nil, err
	}
	if m.Type != dbuswire.Error {
		return raw, nil
	}
	e := &managerError{name: m.ErrorName}
	if len(m.Args) > 0 {
		e.text = cutText(m.Args[0].Text)
	}
	return nil, e
}

// replyTo returns which question a message answers, 0 for none: the manager sends
// each signal of each unit to whoever is connected.
func replyTo(raw []byte) uint32 {
	if kind := dbuswire.Type(raw[1]); kind != dbuswire.MethodReturn && kind != dbuswire.Error {
		return 0
	}
	// the header says it; the arguments don't matter here
	m, err := dbuswire.Parse(raw[:min(len(raw), headerOf(raw))])
	if err != nil && !errors.Is(err, dbuswire.ErrTruncated) {
		return 0
	}
	return m.ReplySerial
}

// keep keeps an answer that came early.
func (s *session) keep(serial uint32, raw []byte) {
	if s.replies == nil {
		s.replies = make(map[uint32][]byte)
	}
	s.replies[serial] = append([]byte(nil), raw...)
}

// await waits for something to read, and pings the manager meanwhile, at ever
// longer intervals. A manager that has read a message along with the end of the
// authentication looks at it once there is more to read (see untilRead, which
// leaves a gap: a read that has taken all there was looks once more before it
// returns, in net/unix/af_unix.c, unix_stream_read_generic).
func (s *session) await(ctx context.Context) error {
	if s.in.Buffered() > 0 {
		return nil
	}
	for wait := firstPing; ; wait = min(2*wait, lastPing) {
		if err := s.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			return err
		}
		_, err := s.in.Peek(1)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			// a message that has begun may take until the end of the question
			return errors.Join(err, s.conn.SetReadDeadline(time.Time{}))
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := s.ping(); err != nil {
			return err
		}
	}
}

const prelude = 16

// headerOf is the length of a message's header, by its own account.
func headerOf(raw []byte) int {
	return (prelude + int(order(raw).Uint32(raw[12:])) + 7) &^ 7
}

func order(raw []byte) binary.ByteOrder {
	if raw[0] == 'B' {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// read reads the next message. Memory is taken as it comes, not as it is
// announced.
func (s *session) read() ([]byte, error) {
	head, err := s.in.Peek(prelude)
	if err != nil {
		return nil, err
	}
	if !dbuswire.IsMessage(head) {
		return nil, dbuswire.ErrNotDBus
	}
	fields, body := order(head).Uint32(head[12:]), order(head).Uint32(head[4:])
	if fields > maxAnswer || body > maxAnswer || fields+body+2*prelude > maxAnswer {
		return nil, errAnswerTooLong
	}
	size := headerOf(head) + int(body)
	s.buffer = s.buffer[:0]
	for len(s.buffer) < size {
		part := min(size-len(s.buffer), max(4<<10, len(s.buffer)))
		from := len(s.buffer)
		s.buffer = append(s.buffer, make([]byte, part)...)
		if _, err := io.ReadFull(s.in, s.buffer[from:]); err != nil {
			return nil, err
		}
	}
	return s.buffer, nil
}
