package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/nsblame/nsblame/internal/event"
)

var (
	// ErrNotRecording says that a file is something else.
	ErrNotRecording = errors.New("not an nsblame recording")
	errEmpty        = fmt.Errorf("the file is empty: %w", ErrNotRecording)
	// ErrHead says that the head of a file, without which nothing else in it
	// can be understood, is damaged.
	ErrHead = errors.New("the head of the recording is damaged: nothing in it can be read")
	// ErrFormat says that a file is of a version that this one can't read.
	ErrFormat = errors.New("it was recorded by another version of nsblame, whose form this one doesn't know")
	// ErrOther says that a file doesn't belong to the one before.
	ErrOther = errors.New("the file belongs to another recording, or the files are out of order: replay each recording by itself, its files in the order of their numbers")
)

const (
	magic    = "Obj\x01"
	syncSize = 16
	// maxHead bounds the head of a file: the schema is most of it.
	maxHead = 1 << 20
	// maxHeader is the longest that the count and the size of a block can be.
	maxHeader = 2 * binary.MaxVarintLen64
)

// Reader reads a stream of events from one or more files. It puts a Damage event
// in the place of a damaged part and goes on behind it. It holds one block at a
// time. What a recording defines and does not forget is bounded by MaxMemory.
type Reader struct {
	// Growing is set for a file that may still be written to. Reading then ends
	// with the last record of the stream, not with the end of the file.
	Growing bool
	// MaxMemory is how many bytes what the recording defines may take. Beyond it a
	// Damage event stands for the block, and all that was defined is forgotten.
	// NewReader sets it to DefaultMemory.
	MaxMemory uint64

	in     window
	unpack unpacker
	check  *checker // nil where blocks check themselves
	sync   [syncSize]byte
	stream string
	part   uint64
	// older is set for a file whose schema isn't the present one.
	older *transcoder
	codec codec
	left  int // records of the present block that are still to come
	queue []event.Event
	now   uint64
	// lost is set while a definition that others refer to may be missing: from a
	// damaged part to the end of the next complete restatement.
	lost bool
	// restating counts the definitions that are still to come of a segment's
	// beginning, -1 when not within one.
	restating int64
	seen      seen
	// closed is the last record of a file.
	closed    *closing
	ended     bool
	block     placed
	allowance allowance
}

// placed is where the present block lies.
type placed struct{ offset, bytes uint64 }

// seen is what the stream has had of what it says only once.
type seen struct {
	host      bool
	offset    int64
	coverage  map[event.Probe]event.Coverage
	listeners map[uint32]bool
}

// NewReader reads the head of a recording.
func NewReader(r io.Reader) (*Reader, error) {
	d := &Reader{
		MaxMemory: DefaultMemory, restating: -1, codec: codec{mode: decoding}, allowance: newAllowance(),
		seen: seen{coverage: make(map[event.Probe]event.Coverage), listeners: make(map[uint32]bool)},
	}
	err := d.open(r)
	if err != nil {
		return nil, err
	}
	// what the parts before have defined is restated in this one
	d.lost = d.part > 0
	return d, nil
}

// Continue goes on with the next file of the stream, once Next has returned
// io.EOF. If files between the two are missing, or nothing in this one can be
// read, a Damage event says so.
func (d *Reader) Continue(r io.Reader) error {
	stream, part := d.stream, d.part
	err := d.open(r)
	if errors.Is(err, ErrHead) || errors.Is(err, ErrNotRecording) {
		// Whoever wrote it may have been killed before it had a head. Those
		// behind it are whole by themselves.
		d.stream, d.part = stream, part+1
		return d.abandon(err)
	}
	if err != nil {
		return err
	}
	if d.stream != stream || d.part <= part {
		return ErrOther
	}
	if missing := d.part - part - 1; missing > 0 {
		d.damage(event.Damage{Blocks: missing, Why: fmt.Sprintf("%d of the files of this recording are not there, before number %d", missing, d.part+1)}) // their names count from 1
	}
	return nil
}

// abandon gives up all of the present file.
func (d *Reader) abandon(why error) error {
	for {
		raw, err := d.in.peek(1)
		if err != nil {
			return err
		}
		if len(raw) == 0 {
			break
		}
		d.in.skip(len(raw))
	}
	d.ended = true
	d.damage(event.Damage{Bytes: d.in.offset, Blocks: 1, Truncated: d.in.offset == 0, Why: fmt.Sprintf("the file behind number %d: %s", d.part, why)})
	return nil
}

// Close frees what reading has taken.
func (d *Reader) Close() {
	if d.unpack != nil {
		d.unpack.close()
	}
}

// open reads the head of a file.
func (d *Reader) open(r io.Reader) error {
	d.in = window{r: r}
	d.closed, d.ended, d.left, d.older = nil, false, 0, nil
	meta, err := d.head()
	if err != nil {
		return err
	}
	if len(meta[metaCheck]) == 0 && len(meta[metaFormat]) == 0 && len(meta[metaStream]) == 0 {
		return ErrNotRecording
	}
	schema := string(meta["avro.schema"])
	name := Codec(meta["avro.codec"])
	sum := fmt.Sprintf("%08x", headSum(meta, schema, string(name), d.sync))
	if sum != string(meta[metaCheck]) {
		return ErrHead
	}
	if string(meta[metaFormat]) != format || !name.known() {
		return ErrFormat
	}
	if err := d.useCodec(name, schema); err != nil {
		return err
	}
	d.stream = string(meta[metaStream])
	if d.part, err = strconv.ParseUint(string(meta[metaPart]), 10, 32); err != nil {
		return ErrHead
	}
	if present := schemaFor(name); schema != present {
		if d.older, err = newTranscoder(schema, present); err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
	}
	return nil
}

// useCodec prepares for the blocks of a file.
func (d *Reader) useCodec(name Codec, schema string) (err error) {
	d.Close()
	if d.unpack, err = newUnpacker(name); err != nil {
		return fmt.Errorf("set up decompression: %w", err)
	}
	d.check = nil
	if !name.checked() {
		return nil
	}
	place, err := placeOfCheck(schema)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	d.check = newChecker(place, d.sync)
	return nil
}

// head reads the metadata and the mark of blocks.
func (d *Reader) head() (map[string][]byte, error) {
	start, err := d.in.peek(len(magic))
	if err != nil {
		return nil, err
	}
	if len(start) < len(magic) {
		if len(start) > 0 && bytes.HasPrefix([]byte(magic), start) {
			return nil, ErrHead
		}
		if len(start) == 0 {
			return nil, errEmpty
		}
		return nil, ErrNotRecording
	}
	if !bytes.HasPrefix(start, []byte(magic)) {
		return nil, ErrNotRecording
	}
	for size := 4 << 10; ; size *= 2 {
		raw, err := d.in.peek(size)
		if err != nil {
			return nil, err
		}
		meta, sync, n, ok := parseHead(raw)
		if ok {
			d.sync = sync
			d.in.skip(n)
			return meta, nil
		}
		if len(raw) < size || size >= maxHead {
			return nil, ErrHead
		}
	}
}

// parseHead takes the head of an Avro file apart; false if it isn't whole.
func parseHead(raw []byte) (meta map[string][]byte, sync [syncSize]byte, n int, ok bool) {
	meta = make(map[string][]byte)
	c := codec{mode: decoding, buf: raw[len(magic):], cells: 1 << 10}
	c.items(func() {
		key := string(c.raw())
		meta[key] = bytes.Clone(c.raw())
	})
	if c.bad || len(c.rest()) < syncSize {
		return nil, sync, 0, false
	}
	copy(sync[:], c.rest())
	return meta, sync, len(magic) + c.pos + syncSize, true
}

// Next returns the next event, or io.EOF at the end of the file. Any other
// error is the underlying reader's.
func (d *Reader) Next() (event.Event, error) {
	for {
		if len(d.queue) > 0 {
			ev := d.queue[0]
			d.queue = d.queue[1:]
			d.now = max(d.now, ev.BootNS)
			return ev, nil
		}
		if d.left > 0 {
			if ev, ok := d.take(); ok {
				d.now = max(d.now, ev.BootNS)
				return ev, nil
			}
			continue
		}
		if d.ended {
			more, err := d.trailing()
			if err != nil {
				return event.Event{}, err
			}
			if more {
				continue
			}
			return event.Event{}, io.EOF
		}
		if err := d.fill(); err != nil {
			return event.Event{}, err
		}
	}
}

// trailing reports what stands behind the last record of a file, where nothing
// should.
func (d *Reader) trailing() (bool, error) {
	if d.Growing || d.closed == nil {
		return false, nil
	}
	start := d.in.offset
	for {
		raw, err := d.in.peek(1)
		if err != nil {
			return false, err
		}
		if len(raw) == 0 {
			break
		}
		d.in.skip(len(raw))
	}
	if d.in.offset == start {
		return false, nil
	}
	d.damage(event.Damage{Offset: start, Bytes: d.in.offset - start, Blocks: 1, Why: "something follows the end of the recording"})
	return true, nil
}

// Stream returns what all files of a recording have in common, and which of them the
// present one is, from 0.
func (d *Reader) Stream() (id string, part uint64) { return d.stream, d.part }

// Begins reports whether the file that is being read is the first of its
// stream.
func (d *Reader) Begins() bool { return d.part == 0 }

// GoesOn reports whether the file that was read to its end says that the stream
// goes on in another one.
func (d *Reader) GoesOn() bool { return d.closed != nil && d.closed.continued }

// damage puts a lost part into the stream.
func (d *Reader) damage(b event.Damage) {
	d.lost, d.restating = true, -1
	d.queue = append(d.queue, event.Event{BootNS: d.now, Body: &b})
}

// take returns the next event of the present block; false if the next record
// isn't for the stream.
func (d *Reader) take() (event.Event, bool) {
	r, ok := d.codec.record()
	d.left--
	if !ok || (d.left == 0) != (len(d.codec.rest()) == 0) {
		// The block's checksum was right, so this is how it was written: by
		// another hand than ours.
		d.left = 0
		d.damage(event.Damage{Offset: d.block.offset, Bytes: d.block.bytes, Blocks: 1, Why: "the records in the block are not what the schema says"})
		return event.Event{}, false
	}
	switch b := r.body.(type) {
	case *segment:
		d.beginSegment(b)
	case *closing:
		d.closed, d.ended = b, d.left == 0
		if !d.ended {
			d.left = 0
			d.damage(event.Damage{Offset: d.block.offset, Bytes: d.block.bytes, Blocks: 1, Why: "records follow the last one"})
		}
	case event.Body:
		if code := d.allowance.take(b, d.MaxMemory); code != "" {
			d.left = 0
			d.damage(event.Damage{Offset: d.block.offset, Bytes: d.block.bytes, Blocks: 1, Code: code})
			return event.Event{}, false
		}
		if !r.restated {
			d.note(b)
			return event.Event{BootNS: r.bootNS, Body: b}, true
		}
		return d.restated(r.bootNS, b)
	}
	return event.Event{}, false
}

func (d *Reader) beginSegment(s *segment) {
	d.restating = int64(s.definitions)
	d.endRestatement()
}

// endRestatement ends a restatement.
func (d *Reader) endRestatement() {
	if d.restating == 0 {
		d.lost, d.restating = false, -1
	}
}

// note remembers what need not be said again.
func (d *Reader) note(b event.Body) {
	switch b := b.(type) {
	case *event.Host:
		d.seen.host, d.seen.offset = true, b.ClockOffsetNS
	case *event.Clock:
		d.seen.offset = b.OffsetNS
	case *event.Coverage:
		d.seen.coverage[b.Probe] = *b
	case *event.BusMessage:
		if !b.Listener.IsZero() {
			d.noteListener(b.Bus)
		}
	}
}

// restated decides whether what is restated was unknown.
func (d *Reader) restated(boot uint64, body event.Body) (event.Event, bool) {
	if b, ok := body.(*event.BusMessage); ok {
		// the message is one of the stream, only its listener is restated
		if d.noteListener(b.Bus) {
			b.Listener = event.ProcessID{}
		}
		return event.Event{BootNS: boot, Body: b}, true
	}
	lost := d.lost
	d.restating--
	d.endRestatement()
	if !lost {
		return event.Event{}, false
	}
	switch b := body.(type) {
	case *event.Host:
		if d.seen.host && d.seen.offset == b.ClockOffsetNS {
			return event.Event{}, false
		}
		if d.seen.host {
			body = &event.Clock{OffsetNS: b.ClockOffsetNS}
		}
	case *event.Coverage:
		if d.seen.coverage[b.Probe] == *b {
			return event.Event{}, false
		}
	}
	d.note(body)
	return event.Event{BootNS: boot, Body: body}, true
}

// noteListener notes that the stream has named the listener of a bus, and reports whether
// it had before.
func (d *Reader) noteListener(bus uint32) (before bool) {
	if before = d.seen.listeners[bus]; before {
		return true
	}
	if len(d.seen.listeners) >= maxListeners {
		clear(d.seen.listeners)
	}
	d.seen.listeners[bus] = true
	return false
}

// fill reads the next block, or finds out what is in its place.
func (d *Reader) fill() error {
	raw, err := d.in.peek(maxHeader)
	if err != nil {
		return err
	}
	start := d.in.offset
	if len(raw) == 0 {
		d.ended = true
		if d.closed == nil {
			d.damage(event.Damage{Offset: start, Truncated: true, Blocks: 1, Why: "the recording has no end: whoever wrote it was killed or ran out of space, or the file was cut"})
		}
		return nil
	}
	count, size, n, ok := blockHeader(raw)
	if !ok {
		return d.resync("the header of a block is not one")
	}
	end := n + size + syncSize
	whole := end + d.check.size()
	if raw, err = d.in.peek(whole); err != nil {
		return err
	}
	if len(raw) < whole {
		return d.resync("the file ends within a block")
	}
	if !bytes.Equal(raw[n+size:end], d.sync[:]) {
		return d.resync("a block doesn't end where its header says")
	}
	if d.check != nil && !bytes.Equal(raw[end:whole], d.check.block(raw[:end])) {
		return d.resync("a block is not what its checksum says")
	}
	plain, err := d.unpack.unpack(raw[n : n+size])
	if err != nil {
		return d.resync("a block can't be decompressed: " + err.Error())
	}
	if plain, err = d.translate(plain, count); err != nil {
		return d.resync("the records in a block are not what the schema says: " + err.Error())
	}
	if count == 0 && len(plain) > 0 {
		return d.resync("the header of a block doesn't count what is in it")
	}
	d.in.skip(whole)
	d.block = placed{start, uint64(whole)}
	d.codec.buf, d.codec.pos, d.codec.bad, d.codec.cells = plain, 0, false, maxCells
	d.left = count
	return nil
}

// blockHeader reads how many records a block has, and in how many bytes; n is
// its own length.
func blockHeader(raw []byte) (count, size, n int, ok bool) {
	c, n1 := binary.Varint(raw)
	if n1 <= 0 {
		return 0, 0, 0, false
	}
	s, n2 := binary.Varint(raw[n1:])
	if n2 <= 0 || c < 0 || c > maxBlock || s < 0 || s > maxBlock {
		return 0, 0, 0, false
	}
	return int(c), int(s), n1 + n2, true
}

// translate brings what another version wrote into the form of this one.
func (d *Reader) translate(plain []byte, count int) ([]byte, error) {
	if d.older == nil {
		return plain, nil
	}
	return d.older.translate(plain, count)
}

// resync gives up the block that begins here, and looks for the end of one.
func (d *Reader) resync(why string) error {
	start := d.in.offset
	_, size, n, ok := blockHeader(d.in.buf)
	for {
		raw := d.in.buf
		if i := bytes.Index(raw, d.sync[:]); i >= 0 {
			d.in.skip(i + syncSize)
			if err := d.skipCheck(); err != nil {
				return err
			}
			bad := event.Damage{Offset: start, Bytes: d.in.offset - start, Blocks: 1, Why: why}
			if ok && uint64(n+size+syncSize+d.check.size()) < bad.Bytes {
				bad.Blocks++ // the mark behind the first was damaged, the second is within reach of it
			}
			d.damage(bad)
			return nil
		}
		// all but what may be the beginning of a mark
		d.in.skip(max(0, len(raw)-syncSize+1))
		before := len(d.in.buf)
		more, err := d.in.peek(before + 64<<10)
		if err != nil {
			return err
		}
		if len(more) == before {
			d.in.skip(before)
			d.ended = true
			d.damage(event.Damage{Offset: start, Bytes: d.in.offset - start, Blocks: 1, Truncated: true, Why: why})
			return nil
		}
	}
}

// skipCheck passes over what checks the block that was given up, or is left of it.
func (d *Reader) skipCheck() error {
	if d.check == nil {
		return nil
	}
	raw, err := d.in.peek(d.check.size())
	if err != nil {
		return err
	}
	raw = raw[:min(len(raw), d.check.size())]
	if len(raw) < d.check.size() || d.check.was(raw) {
		d.in.skip(len(raw))
	}
	return nil
}

// window is the part of a file that is looked at.
type window struct {
	r io.Reader
	// buf is a part of room.
	buf, room []byte
	offset    uint64 // of buf in the file
	ended     bool
}

// peek returns at least n bytes, or all that are left of the file.
func (w *window) peek(n int) ([]byte, error) {
	for len(w.buf) < n && !w.ended {
		// A size that a damaged header claims costs no more memory than there
		// are bytes.
		if cap(w.buf)-len(w.buf) < 4<<10 {
			if len(w.room) < max(2*len(w.buf), 256<<10) {
				w.room = make([]byte, max(2*len(w.buf), 256<<10))
			}
			w.buf = w.room[:copy(w.room, w.buf)]
		}
		k, err := w.r.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+k]
		if errors.Is(err, io.EOF) {
			w.ended = true
		} else if err != nil {
			return nil, fmt.Errorf("read the recording: %w", err)
		}
	}
	return w.buf, nil
}

func (w *window) skip(n int) {
	w.buf = w.buf[n:]
	w.offset += uint64(n)
}
