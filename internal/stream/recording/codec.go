package recording

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
)

// mode is what a walk over the fields of a record does.
type mode uint8

const (
	encoding mode = iota
	decoding
	describing
	visiting
)

// codec walks over the fields of a record, in the order in which they stand in
// the file: it appends them to buf, takes them from buf, describes them, or
// shows them to a visitor.
// Going through the library's reflection costs several times as much, which a
// test holds against this one.
type codec struct {
	mode mode
	bad  bool // decoding: the bytes are not what they should be
	buf  []byte
	pos  int // decoding: how much of buf was taken
	// describing: the fields so far, and the records defined so far
	fields   []field
	defined  map[string]string
	interned *[maxInterned]shared
	rooms    rooms   // decoding
	visitor  Visitor // visiting
	// cells bounds the elements of lists that one block can claim.
	cells int
}

// field is a field of a record in the schema. Each has a default, so that a
// file of an earlier version, which lacks it, can be read.
type field struct{ name, typ, def string }

func (c *codec) describe(name, typ, def string) {
	c.fields = append(c.fields, field{name, typ, def})
}

// long is a number that is signed in the file: Avro knows no other. Those above
// 2^63, which no clock reaches, come out of another Avro reader as negative.
func (c *codec) long(name string, v uint64) uint64 {
	switch c.mode {
	case encoding:
		c.buf = binary.AppendVarint(c.buf, int64(v))
	case decoding:
		return c.varint()
	case describing:
		c.describe(name, `"long"`, "0")
	case visiting:
		c.visitor.Field(name, v)
	}
	return v
}

func (c *codec) varint() uint64 {
	if c.pos < len(c.buf) && c.buf[c.pos] < 0x80 { // most are short
		b := uint64(c.buf[c.pos])
		c.pos++
		return b>>1 ^ -(b & 1)
	}
	return c.longVarint()
}

// longVarint is varint for a number of several bytes.
func (c *codec) longVarint() uint64 {
	const ends = 0x8080808080808080 // the bits that the last byte lacks
	rest := c.rest()
	if len(rest) < 8 {
		return c.anyVarint()
	}
	n := binary.LittleEndian.Uint64(rest)
	end := bits.TrailingZeros64(^n & ends)
	if end == 64 {
		return c.anyVarint()
	}
	c.pos += end/8 + 1
	// what follows it goes, then seven bits of each byte come together
	n &= 1<<end - 1
	n = n&0x007f007f007f007f | n&0x7f007f007f007f00>>1
	n = n&0x00003fff00003fff | n&0x3fff00003fff0000>>2
	n = n&0x000000000fffffff | n&0x0fffffff00000000>>4
	return n>>1 ^ -(n & 1)
}

// anyVarint is varint for a number of any length.
func (c *codec) anyVarint() uint64 {
	var n uint64
	for i, b := range c.rest() {
		if i == binary.MaxVarintLen64-1 && b > 1 {
			break // more than 64 bits
		}
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			c.pos += i + 1
			return n>>1 ^ -(n & 1)
		}
	}
	c.fail()
	return 0
}

// rest is what is still to be decoded.
func (c *codec) rest() []byte { return c.buf[c.pos:] }

// fail gives up what is still to be decoded.
func (c *codec) fail() { c.bad, c.pos = true, len(c.buf) }

// most of what is walked over is decoded
func (c *codec) u64(name string, v *uint64) {
	if c.mode == decoding {
		*v = c.varint()
		return
	}
	*v = c.long(name, *v)
}

// signed is long for a number that can be negative.
func (c *codec) signed(name string, v int64) int64 {
	if c.mode == visiting {
		c.visitor.Field(name, v)
		return v
	}
	return int64(c.long(name, uint64(v)))
}

func (c *codec) i64(name string, v *int64) { *v = c.signed(name, *v) }
func (c *codec) u32(name string, v *uint32) {
	if c.mode != decoding {
		c.long(name, uint64(*v))
		return
	}
	n := c.varint()
	c.bad = c.bad || n > 1<<32-1
	*v = uint32(n)
}

func (c *codec) i32(name string, v *int32) {
	n := c.signed(name, int64(*v))
	c.bad = c.bad || n != int64(int32(n))
	*v = int32(n)
}

func (c *codec) int(name string, v *int) { *v = int(c.signed(name, int64(*v))) }

func (c *codec) bool(name string, v *bool) {
	switch c.mode {
	case encoding:
		b := byte(0)
		if *v {
			b = 1
		}
		c.buf = append(c.buf, b)
	case decoding:
		if c.pos >= len(c.buf) || c.buf[c.pos] > 1 {
			c.fail()
			return
		}
		*v = c.buf[c.pos] == 1
		c.pos++
	case describing:
		c.describe(name, `"boolean"`, "false")
	case visiting:
		c.visitor.Field(name, *v)
	}
}

// raw is a string or bytes.
func (c *codec) raw() []byte {
	n := c.varint()
	rest := c.rest()
	if c.bad || n > uint64(len(rest)) {
		c.fail()
		return nil
	}
	c.pos += int(n)
	return rest[:n]
}

func (c *codec) putRaw(s string) {
	c.buf = binary.AppendVarint(c.buf, int64(len(s)))
	c.buf = append(c.buf, s...)
}

// bytes is a name that a traced process or a file controls: any bytes, so not
// an Avro string, which has to be UTF-8.
func (c *codec) bytes(name string, v *string) {
	switch c.mode {
	case encoding:
		c.putRaw(*v)
	case decoding:
		*v = c.text(c.raw())
	case describing:
		c.describe(name, `"bytes"`, `""`)
	case visiting:
		c.visitor.Field(name, *v)
	}
}

// maxInterned bounds the strings that are kept to be shared, maxSharedLen how
// long one may be.
const (
	maxInterned  = 1 << 12
	maxSharedLen = 64
)

// shared is a string with its mark, which differs where most strings do.
type shared struct {
	text string
	mark uint64
}

// text makes a string, without a copy if its like was met not long before.
func (c *codec) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > maxSharedLen {
		return string(b)
	}
	if c.interned == nil {
		c.interned = new([maxInterned]shared)
	}
	m := mark(b)
	place := &c.interned[m%maxInterned]
	if place.mark != m || place.text != string(b) {
		*place = shared{string(b), m}
	}
	return place.text
}

// mark is a number that most strings have for themselves. Those of the same length,
// beginning and end have the same, and push each other out.
func mark(b []byte) uint64 {
	var first, last uint64
	switch n := len(b); {
	case n >= 8:
		first, last = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		first, last = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	default:
		first, last = uint64(b[0]), uint64(b[n/2])<<8|uint64(b[n-1])
	}
	const odd, other = 0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9
	sum := (first+uint64(len(b)))*odd ^ last*other
	return (sum ^ sum>>29) * odd >> 40
}

// maxWord bounds a string of nsblame's own making.
const maxWord = 1 << 16

// word is a string of nsblame's own making.
func word[S ~string](c *codec, name string, v *S) {
	switch c.mode {
	case encoding:
		c.putRaw(string(bytes.ToValidUTF8([]byte(*v), []byte("\uFFFD"))))
	case decoding:
		raw := c.raw()
		c.bad = c.bad || len(raw) > maxWord
		*v = S(c.text(raw))
	case describing:
		c.describe(name, `"string"`, `""`)
	case visiting:
		c.visitor.Field(name, string(*v))
	}
}

// data is a block of bytes.
func (c *codec) data(name string, v *[]byte) {
	switch c.mode {
	case encoding:
		c.putRaw(string(*v))
	case decoding:
		if b := c.raw(); len(b) > 0 {
			*v = bytes.Clone(b)
		}
	case describing:
		c.describe(name, `"bytes"`, `""`)
	case visiting:
		c.visitor.Field(name, *v)
	}
}

// maxCells is how many elements the lists of one block may have in all. The
// memory that a block can claim is bounded by it.
const maxCells = 1 << 21

// items walks over the elements of a list, however the writer has cut it
// into blocks. add takes one.
func (c *codec) items(add func()) {
	for !c.bad {
		n := int64(c.varint())
		if n == 0 {
			return
		}
		if n < 0 { // its size in bytes follows
			n = -n
			c.varint()
		}
		if n < 0 || n > int64(len(c.rest())) || n > int64(c.cells) {
			c.bad = true
			return
		}
		c.cells -= int(n)
		for ; n > 0 && !c.bad; n-- {
			add()
		}
	}
}

// count is how many elements the list that follows has, 0 if it has many, or says its
// size.
func (c *codec) count() int {
	if rest := c.rest(); len(rest) > 1 && rest[0]&1 == 0 && rest[0] < 0x80 {
		return min(int(rest[0]>>1), len(rest))
	}
	return 0
}

// strings is a list of names that others control.
func (c *codec) strings(name string, v *[]string) {
	switch c.mode {
	case encoding:
		if len(*v) > 0 {
			c.buf = binary.AppendVarint(c.buf, int64(len(*v)))
			for _, s := range *v {
				c.putRaw(s)
			}
		}
		c.buf = append(c.buf, 0)
	case decoding:
		if n := c.count(); n > 0 {
			*v = make([]string, 0, n)
		}
		c.items(func() { *v = append(*v, c.text(c.raw())) })
		if len(*v) == 0 {
			*v = nil
		}
	case describing:
		c.describe(name, `{"type":"array","items":"bytes"}`, "[]")
	case visiting:
		c.visitor.Field(name, *v)
	}
}

// nested is a record within a record. typ is its name.
func nested[T any](c *codec, name, typ string, v *T, walk func(*codec, *T)) {
	switch c.mode {
	case describing:
		schema, def := define(c, typ, v, walk)
		c.describe(name, schema, def)
	case visiting:
		visitRecord(c, name, v, walk)
	default:
		walk(c, v)
	}
}

// list is a list of records.
func list[T any](c *codec, name, typ string, v *[]T, walk func(*codec, *T)) {
	switch c.mode {
	case encoding:
		if len(*v) > 0 {
			c.buf = binary.AppendVarint(c.buf, int64(len(*v)))
			for i := range *v {
				walk(c, &(*v)[i])
			}
		}
		c.buf = append(c.buf, 0)
	case decoding:
		if n := c.count(); n > 0 {
			*v = make([]T, 0, n)
		}
		c.items(func() {
			*v = append(*v, *new(T))
			walk(c, &(*v)[len(*v)-1])
		})
		if len(*v) == 0 {
			*v = nil
		}
	case describing:
		schema, _ := define(c, typ, new(T), walk)
		c.describe(name, `{"type":"array","items":`+schema+`}`, "[]")
	case visiting:
		c.visitor.List(name)
		for i := range *v {
			visitRecord(c, "", &(*v)[i], walk)
		}
		c.visitor.EndList()
	}
}

// optional is a record or nothing.
func optional[T any](c *codec, name, typ string, v **T, walk func(*codec, *T)) {
	switch c.mode {
	case encoding:
		if *v == nil {
			c.buf = append(c.buf, 0)
			return
		}
		c.buf = append(c.buf, 2)
		walk(c, *v)
	case decoding:
		switch c.varint() {
		case 0:
		case 1:
			*v = new(T)
			walk(c, *v)
		default:
			c.bad = true
		}
	case describing:
		schema, _ := define(c, typ, new(T), walk)
		c.describe(name, `["null",`+schema+`]`, "null")
	case visiting:
		if *v == nil {
			c.visitor.Field(name, nil)
			return
		}
		visitRecord(c, name, *v, walk)
	}
}

// define returns the schema of a record, or its name where it is defined
// already, and its default.
func define[T any](c *codec, typ string, v *T, walk func(*codec, *T)) (schema, def string) {
	if def, known := c.defined[typ]; known {
		return strconv.Quote(typ), def
	}
	inner := codec{mode: describing, defined: c.defined}
	walk(&inner, v)
	fields, defs := "", ""
	for i, f := range inner.fields {
		if i > 0 {
			fields, defs = fields+",", defs+","
		}
		fields += fmt.Sprintf(`{"name":%q%s,"type":%s,"default":%s}`, f.name, aliases(typ+"."+f.name), f.typ, f.def)
		defs += fmt.Sprintf(`%q:%s`, f.name, f.def)
	}
	def = "{" + defs + "}"
	c.defined[typ] = def
	return fmt.Sprintf(`{"type":"record","name":%q%s,"fields":[%s]}`, typ, aliases(typ), fields), def
}

// aliases returns the attribute that names what a record or a field was called
// by earlier versions.
func aliases(name string) string {
	old, renamed := formerNames[name]
	if !renamed {
		return ""
	}
	return fmt.Sprintf(`,"aliases":[%q]`, old)
}
