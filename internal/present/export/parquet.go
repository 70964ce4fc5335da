package export

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	parquetMagic = "PAR1"
	// groupRows and groupBytes bound a row group, before compression.
	groupRows  = 64 << 10
	groupBytes = 8 << 20
	// maxGroups bounds the row groups of a file, as the format numbers them by 16 bits.
	maxGroups = math.MaxInt16
)

// parquetFile is a Parquet file of flat columns, each optional. A row group has one
// page a column, compressed with zstandard. Texts are in a dictionary.
type parquetFile struct {
	w       io.Writer
	offset  int64
	columns []parquetColumn
	rows    int64
	size    int
	packer  *zstd.Encoder
	meta    format.FileMetaData
	page    []byte
	packed  []byte
}

// parquetColumn is a column of the row group that is being gathered.
type parquetColumn struct {
	Column
	levels []byte
	nums   []int64
	bits   []byte
	// words are the different texts, in the order in which they came.
	words map[string]int32
	plain []byte
	index []int32
}

// newPacker compresses on the goroutine that calls it.
func newPacker() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false), zstd.WithZeroFrames(true))
}

func newParquet(w io.Writer, t *Table) (encoder, error) {
	packer, err := newPacker()
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	f := &parquetFile{w: w, packer: packer}
	f.meta = format.FileMetaData{
		Version: 2, CreatedBy: "nsblame",
		KeyValueMetadata: thrift.Slice[format.KeyValue]{{Key: schemaKey, Value: SchemaVersion}},
		Schema:           thrift.Slice[format.SchemaElement]{{Name: t.Name, NumChildren: thrift.New(int32(len(t.Columns)))}},
	}
	for _, c := range t.Columns {
		f.columns = append(f.columns, parquetColumn{Column: c, words: make(map[string]int32)})
		f.meta.Schema = append(f.meta.Schema, schemaElement(c))
		f.meta.ColumnOrders = append(f.meta.ColumnOrders, format.ColumnOrder{Value: &format.TypeDefinedOrder{}})
	}
	return f, f.put([]byte(parquetMagic))
}

// physical is how values of a type are stored.
func physical(t Type) format.Type {
	switch t {
	case Text:
		return format.ByteArray
	case Bool:
		return format.Boolean
	}
	return format.Int64
}

func schemaElement(c Column) format.SchemaElement {
	e := format.SchemaElement{Name: c.Name, Type: thrift.New(physical(c.Type)), RepetitionType: thrift.New(format.Optional)}
	switch c.Type {
	case Text:
		e.ConvertedType = thrift.New(deprecated.UTF8)
		e.LogicalType.Value = &format.StringType{}
	case Time:
		e.ConvertedType = thrift.New(deprecated.TimestampMicros)
		e.LogicalType.Value = &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: &format.MicroSeconds{}}}
	}
	return e
}

func (f *parquetFile) put(b []byte) error {
	n, err := f.w.Write(b)
	f.offset += int64(n)
	return err
}

func (f *parquetFile) write(row []value) error {
	for i := range row {
		f.size += f.columns[i].add(&row[i])
	}
	if f.rows++; f.rows < groupRows && f.size < groupBytes {
		return nil
	}
	return f.flush()
}

// add takes a value, and returns how many bytes it takes.
func (c *parquetColumn) add(v *value) int {
	if !v.set {
		c.levels = append(c.levels, 0)
		return 1
	}
	c.levels = append(c.levels, 1)
	switch c.Type {
	case Bool:
		c.bits = append(c.bits, byte(v.num))
		return 2
	case Text:
		n, known := c.words[v.text]
		size := 5
		if !known {
			n = int32(len(c.words))
			c.words[v.text] = n
			c.plain = append(binary.LittleEndian.AppendUint32(c.plain, uint32(len(v.text))), v.text...)
			size += 2*len(v.text) + 48
		}
		c.index = append(c.index, n)
		return size
	}
	c.nums = append(c.nums, v.num)
	return 9
}

func (c *parquetColumn) reset() {
	c.levels, c.nums, c.bits, c.index, c.plain = c.levels[:0], c.nums[:0], c.bits[:0], c.index[:0], c.plain[:0]
	clear(c.words)
}

func (f *parquetFile) held() int { return f.size }

// flush writes a row group.
func (f *parquetFile) flush() error {
	if f.rows == 0 {
		return nil
	}
	if len(f.meta.RowGroups) == maxGroups {
		return fmt.Errorf("more than %d row groups in a file", maxGroups)
	}
	group := format.RowGroup{NumRows: f.rows, FileOffset: f.offset, Ordinal: int16(len(f.meta.RowGroups))}
	for i := range f.columns {
		chunk, err := f.chunk(&f.columns[i])
		if err != nil {
			return err
		}
		group.Columns = append(group.Columns, chunk)
		group.TotalByteSize += chunk.MetaData.TotalUncompressedSize
		group.TotalCompressedSize += chunk.MetaData.TotalCompressedSize
		f.columns[i].reset()
	}
	f.meta.RowGroups = append(f.meta.RowGroups, group)
	f.meta.NumRows += f.rows
	f.rows, f.size = 0, 0
	return nil
}

// chunk writes a column of a row group.
func (f *parquetFile) chunk(c *parquetColumn) (format.ColumnChunk, error) {
	meta := format.ColumnMetaData{
		Type: physical(c.Type), PathInSchema: thrift.Slice[string]{c.Name}, Codec: format.Zstd, NumValues: int64(len(c.levels)),
		Encoding: thrift.Slice[format.Encoding]{format.RLE, format.Plain}, Statistics: c.statistics(),
	}
	start := f.offset
	data := format.DataPageHeader{
		NumValues: int32(len(c.levels)), Encoding: format.Plain, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
	}
	if c.Type == Text {
		data.Encoding = format.RLEDictionary
		meta.Encoding = append(meta.Encoding, format.RLEDictionary)
		meta.DictionaryPageOffset = f.offset
		n, err := f.putPage(c.plain, format.PageHeader{
			Type: format.DictionaryPage, DictionaryPageHeader: thrift.New(format.DictionaryPageHeader{NumValues: int32(len(c.words)), Encoding: format.Plain}),
		})
		if err != nil {
			return format.ColumnChunk{}, err
		}
		meta.TotalUncompressedSize += n
	}
	page, err := c.appendPage(f.page[:0])
	if err != nil {
		return format.ColumnChunk{}, err
	}
	f.page = page
	meta.DataPageOffset = f.offset
	n, err := f.putPage(page, format.PageHeader{Type: format.DataPage, DataPageHeader: thrift.New(data)})
	meta.TotalUncompressedSize += n
	meta.TotalCompressedSize = f.offset - start
	return format.ColumnChunk{MetaData: meta}, err
}

// appendPage appends the values of a column: which of them are null, then the others.
func (c *parquetColumn) appendPage(dst []byte) ([]byte, error) {
	levels, err := (&rle.Encoding{BitWidth: 1}).EncodeLevels(nil, c.levels)
	if err != nil {
		return nil, err
	}
	dst = append(binary.LittleEndian.AppendUint32(dst, uint32(len(levels))), levels...)
	switch c.Type {
	case Text:
		index, err := (&rle.DictionaryEncoding{}).EncodeInt32(nil, c.index)
		return append(dst, index...), err
	case Bool:
		for i := 0; i < len(c.bits); i += 8 {
			var b byte
			for j, bit := range c.bits[i:min(i+8, len(c.bits))] {
				b |= bit << j
			}
			dst = append(dst, b)
		}
		return dst, nil
	}
	for _, n := range c.nums {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(n))
	}
	return dst, nil
}

// statistics lets readers pass over what they don't look for.
func (c *parquetColumn) statistics() format.Statistics {
	var s format.Statistics
	for _, l := range c.levels {
		s.NullCount += int64(1 - l)
	}
	if len(c.nums) == 0 {
		return s
	}
	low, high := c.nums[0], c.nums[0]
	for _, n := range c.nums {
		low, high = min(low, n), max(high, n)
	}
	s.MinValue = binary.LittleEndian.AppendUint64(nil, uint64(low))
	s.MaxValue = binary.LittleEndian.AppendUint64(nil, uint64(high))
	return s
}

// putPage compresses and writes a page. It returns its size before compression, with
// the header.
func (f *parquetFile) putPage(plain []byte, h format.PageHeader) (size int64, err error) {
	f.packed = f.packer.EncodeAll(plain, f.packed[:0])
	h.UncompressedPageSize, h.CompressedPageSize = int32(len(plain)), int32(len(f.packed))
	head, err := thrift.Marshal(&thrift.CompactProtocol{}, &h)
	if err != nil {
		return 0, fmt.Errorf("write the head of a page: %w", err)
	}
	if err := f.put(head); err != nil {
		return 0, err
	}
	return int64(len(head) + len(plain)), f.put(f.packed)
}

func (f *parquetFile) close() error {
	if err := f.flush(); err != nil {
		return err
	}
	foot, err := thrift.Marshal(&thrift.CompactProtocol{}, &f.meta)
	if err != nil {
		return fmt.Errorf("write the foot: %w", err)
	}
	foot = binary.LittleEndian.AppendUint32(foot, uint32(len(foot)))
	return f.put(append(foot, parquetMagic...))
}
