package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/nsblame/nsblame/findings"
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

// Dumper writes events as text, a JSON object a line, field by field as its
// methods are called.
type Dumper struct {
	w     io.Writer
	enc   encoder
	clock clock
	seq   uint64
}

// NewDumper returns a Dumper to w.
func NewDumper(w io.Writer) *Dumper { return &Dumper{w: w} }

// Event writes one event. kind is the name of its type; fields calls the methods
// below for each field.
func (d *Dumper) Event(ev event.Event, kind string, fields func() error) error {
	d.clock.observe(ev)
	d.seq++
	e := &d.enc
	e.b = append(e.b[:0], '{')
	e.uint("seq", d.seq)
	e.uint("boot_ns", ev.BootNS)
	if t, known := d.clock.wall(ev.BootNS); known {
		e.key("time")
		e.b = append(t.AppendFormat(append(e.b, '"'), findings.TimeLayout), '"')
	} else {
		e.null("time")
	}
	e.str("type", kind)
	if err := fields(); err != nil {
		return err
	}
	if m, ok := ev.Body.(*event.BusMessage); ok {
		e.strings("messages", messages(m.Data))
	}
	e.b = append(e.b, '}', '\n')
	if _, err := d.w.Write(e.b); err != nil {
		return fmt.Errorf("write the dump: %w", err)
	}
	return nil
}

// Field writes a field. Of bytes it writes base64, of a number of an error also
// the error's name.
func (d *Dumper) Field(name string, value any) {
	e := &d.enc
	switch v := value.(type) {
	case nil:
		e.null(name)
	case uint64:
		e.uint(name, v)
		if name == "errno" && v != 0 {
			e.str("error", errnoName(uint32(v)))
		}
	case int64:
		e.int(name, v)
	case bool:
		e.bool(name, v)
	case string:
		e.str(name, v)
	case []string:
		e.strings(name, v)
	case []byte:
		e.key(name + "_base64")
		e.base64(string(v))
	default:
		panic(fmt.Sprintf("no text form for a %T", value))
	}
}

// Record begins a record, which in a list has no name.
func (d *Dumper) Record(name string) { d.begin(name, '{') }

// EndRecord ends it.
func (d *Dumper) EndRecord() { d.enc.close('}') }

// List begins a list of records.
func (d *Dumper) List(name string) { d.begin(name, '[') }

// EndList ends it.
func (d *Dumper) EndList() { d.enc.close(']') }

func (d *Dumper) begin(name string, c byte) {
	if name != "" {
		d.enc.key(name)
	}
	d.enc.open(c)
}

// messages says in a line each what was sent over a bus, empty for what is no
// message.
func messages(data []byte) []string {
	lines := make([]string, 0, 1)
	for _, part := range dbuswire.ParseAll(data) {
		lines = append(lines, messageLine(&part.Message, part.Err))
	}
	return lines
}

// messageLine says what a message is: its type, from whom to whom, what is
// called, and the arguments that are texts.
func messageLine(m *dbuswire.Message, err error) string {
	var b strings.Builder
	b.WriteString(m.Type.String())
	for _, field := range []struct{ name, value string }{
		{"sender", m.Sender},
		{"destination", m.Destination},
		{"path", m.Path},
		{"interface", m.Interface},
		{"member", m.Member},
		{"error", m.ErrorName},
	} {
		if field.value != "" {
			fmt.Fprintf(&b, " %s=%s", field.name, quoteName(field.value, maxName))
		}
	}
	for _, arg := range m.Args {
		switch {
		case arg.Texts != nil:
			fmt.Fprintf(&b, " [%s]", quoteName(strings.Join(arg.Texts, " "), maxName))
		case arg.Text != "":
			b.WriteString(" " + quoteName(arg.Text, maxName))
		default:
			fmt.Fprintf(&b, " %d", arg.Number)
		}
	}
	if m.ArgsUnread {
		b.WriteString(" " + ellipsis)
	}
	if err != nil {
		b.WriteString(" (" + err.Error() + ")")
	}
	return b.String()
}
