package recording

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"sync"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"

	"github.com/nsblame/nsblame/internal/event"
)

const (
	// blockBytes is the size before compression at which a block is written.
	blockBytes = 128 << 10
	// segmentBytes is the size before compression of a segment, and
	// segmentFactor how many times as long as its own beginning it is at least:
	// where much has to be restated it is done less often.
	segmentBytes  = 4 << 20
	segmentFactor = 8
	// maxRecord bounds one record; maxBlock what a block may hold, before and
	// after compression.
	maxRecord = 4 << 20
	maxBlock  = 8 << 20
)

// The keys of the file's metadata.
const (
	metaFormat = "nsblame.format"
	metaStream = "nsblame.stream"
	metaPart   = "nsblame.part"
	metaCheck  = "nsblame.check"

	format = "1"
)

// ErrClosed is returned for what is written after Close.
var ErrClosed = errors.New("the recording is closed")

// Options of a Writer.
type Options struct {
	// Stream is a random number, the same in all files of a stream.
	Stream [16]byte
	// Sync is a random number that marks the ends of blocks.
	Sync [16]byte
	// Codec is how blocks are compressed; empty stands for Zstandard.
	Codec Codec
	// SegmentBytes is the size of a segment; 0 stands for the usual one.
	SegmentBytes int
}

// Writer writes a stream of events. Its methods may be called from any
// goroutine.
type Writer struct {
	mu      sync.Mutex
	w       io.Writer
	opt     Options
	pack    packer
	check   *checker // nil where blocks check themselves
	part    uint64
	block   []byte
	records int
	packed  []byte
	// segment is what is in the present segment, before compression, and
	// segmentEnd at which size it is ended.
	segment, segmentEnd int
	now                 uint64
	known               definitions
	bytes, events       uint64
	err                 error
}

// NewWriter begins a recording. The first events should be those that open a
// stream: Host and Coverage.
func NewWriter(w io.Writer, opt Options) (*Writer, error) {
	if opt.SegmentBytes == 0 {
		opt.SegmentBytes = segmentBytes
	}
	if opt.Codec == "" {
		opt.Codec = Zstandard
	}
	pack, err := newPacker(opt.Codec)
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	rec := &Writer{opt: opt, pack: pack, known: newDefinitions()}
	if opt.Codec.checked() {
		rec.check = newChecker(len(kinds), opt.Sync)
	}
	return rec, rec.begin(w)
}

// Continue ends the present file and goes on in another one, which can be read
// without it.
func (r *Writer) Continue(w io.Writer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.close(true); err != nil {
		return err
	}
	r.part++
	r.err = nil
	return r.begin(w)
}

// Restart goes on in another file after what could not be written, with all that is
// known. That is in the file when it returns. The file before has no end, or ends with
// its last whole block, so a reader reports what is missing between the two.
func (r *Writer) Restart(w io.Writer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.block, r.records = r.block[:0], 0
	r.part++
	r.err = nil
	err := r.begin(w)
	if err == nil {
		err = r.flush()
	}
	if err != nil {
		r.part-- // there is no such file
	}
	return err
}

// Skip leaves an event out. What it defines is restated, if recording goes on.
func (r *Writer) Skip(ev event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = max(r.now, ev.BootNS)
	r.known.observe(ev.Body)
}

// begin writes the head of a file.
func (r *Writer) begin(w io.Writer) error {
	r.w = counting{w, &r.bytes}
	text := schemaFor(r.opt.Codec)
	header := metadata(&r.opt, r.part, text)
	schema, err := avro.Parse(text)
	if err != nil {
		return fmt.Errorf("parse the schema: %w", err)
	}
	_, err = ocf.NewWriter(r.w, schema, ocf.WithSchema(text), ocf.WithSyncMarker(r.opt.Sync), ocf.WithMetadata(header), ocf.WithCodec(codecName(r.opt.Codec)))
	if err != nil {
		return r.fail(err)
	}
	return r.beginSegment()
}

// metadata is what stands in the head of a file. Nothing in an Avro file
// guards its head, so a checksum of ours does.
func metadata(opt *Options, part uint64, schema string) map[string][]byte {
	m := map[string][]byte{
		metaFormat: []byte(format),
		metaStream: fmt.Appendf(nil, "%x", opt.Stream),
		metaPart:   strconv.AppendUint(nil, part, 10),
	}
	m[metaCheck] = fmt.Appendf(nil, "%08x", headSum(m, schema, string(opt.Codec), opt.Sync))
	return m
}

// headSum is a checksum of all that a reader relies upon in the head.
func headSum(meta map[string][]byte, schema, codec string, sync [16]byte) uint32 {
	h := crc32.New(castagnoli)
	for _, key := range []string{metaFormat, metaStream, metaPart} {
		fmt.Fprintf(h, "%d:%s", len(meta[key]), meta[key])
	}
	fmt.Fprintf(h, "%d:%s%d:%s%x", len(schema), schema, len(codec), codec, sync)
	return h.Sum32()
}

// Write adds an event. It is in the file once its block is full or Flush is
// called.
func (r *Writer) Write(ev event.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	if r.segment >= r.segmentEnd {
		if err := r.beginSegment(); err != nil {
			return err
		}
	}
	r.now = max(r.now, ev.BootNS)
	r.events++
	rec := record{bootNS: ev.BootNS, body: ev.Body}
	if b, ok := ev.Body.(*event.BusMessage); ok {
		rec = r.known.listening(rec, b)
	}
	if err := r.append(rec); err != nil {
		return err
	}
	r.known.observe(ev.Body)
	return nil
}

// append adds a record to the present block.
func (r *Writer) append(rec record) error {
	before := len(r.block)
	block, err := appendRecord(r.block, rec)
	if err == nil && len(block)-before > maxRecord {
		// nothing that a machine says of itself is as long
		block, err = appendRecord(r.block, record{bootNS: rec.bootNS, body: &event.Loss{Kind: event.LossRecord, Count: 1}})
	}
	if err != nil {
		return r.fail(err)
	}
	r.block = block
	r.segment += len(block) - before
	r.records++
	if len(r.block) >= blockBytes {
		return r.flush()
	}
	return nil
}

// beginSegment restates all that is defined.
func (r *Writer) beginSegment() error {
	if err := r.flush(); err != nil {
		return err
	}
	r.segment = 0
	r.known.newSegment()
	list := r.known.list()
	if err := r.append(record{bootNS: r.now, restated: true, body: &segment{definitions: uint64(len(list))}}); err != nil {
		return err
	}
	for _, body := range list {
		if err := r.append(record{bootNS: r.now, restated: true, body: body}); err != nil {
			return err
		}
	}
	r.segmentEnd = max(r.opt.SegmentBytes, segmentFactor*r.segment)
	return nil
}

// Flush puts everything so far into the file.
func (r *Writer) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	return r.flush()
}

func (r *Writer) flush() error {
	if r.records == 0 {
		return nil
	}
	// count and size, then the block, then the mark, and what checks it: one write
	body, err := r.pack(r.block)
	if err != nil {
		return r.fail(err)
	}
	r.packed = appendBlock(r.packed[:0], r.records, body, r.opt.Sync)
	if r.check != nil {
		r.packed = append(r.packed, r.check.block(r.packed)...)
	}
	r.block, r.records = r.block[:0], 0
	if _, err := r.w.Write(r.packed); err != nil {
		return r.fail(err)
	}
	return nil
}

// appendBlock appends a block as Avro has it.
func appendBlock(dst []byte, records int, body []byte, sync [syncSize]byte) []byte {
	dst = binary.AppendVarint(dst, int64(records))
	dst = binary.AppendVarint(dst, int64(len(body)))
	return append(append(dst, body...), sync[:]...)
}

// Close ends the recording; the file it was written to stays open. Without it
// a reader says that the recording has no end.
func (r *Writer) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.close(false)
}

func (r *Writer) close(continued bool) error {
	if errors.Is(r.err, ErrClosed) {
		return nil
	}
	if r.err != nil {
		return r.err
	}
	err := r.append(record{bootNS: r.now, body: &closing{continued: continued}})
	if err == nil {
		err = r.flush()
	}
	if err == nil {
		r.err = ErrClosed
	}
	return err
}

// fail makes an error final: nothing is written behind a torn block.
func (r *Writer) fail(err error) error {
	r.err = fmt.Errorf("write the recording: %w", err)
	return r.err
}

// Written returns the number of events and bytes so far; what waits for its
// block is counted with the events.
func (r *Writer) Written() (events, bytes uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events, r.bytes
}

// counting counts the bytes that went through.
type counting struct {
	w io.Writer
	n *uint64
}

func (c counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	*c.n += uint64(max(0, n))
	return n, err
}
