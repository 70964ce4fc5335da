package export

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/twmb/avro"
	"github.com/twmb/avro/ocf"
)

// avroBlock is the size of a block before compression.
const avroBlock = 256 << 10

// avroFile is an Avro object container file with deflate, which every reader knows.
type avroFile struct {
	w       io.Writer
	columns []Column
	sync    [16]byte
	block   []byte
	rows    int
	packed  bytes.Buffer
	deflate *flate.Writer
}

// avroSchema is the schema of a table's rows: each column is null or a value.
func avroSchema(t *Table) string {
	type column struct {
		Name    string `json:"name"`
		Type    []any  `json:"type"`
		Doc     string `json:"doc"`
		Default any    `json:"default"`
	}
	record := struct {
		Type   string   `json:"type"`
		Name   string   `json:"name"`
		Doc    string   `json:"doc"`
		Fields []column `json:"fields"`
	}{Type: "record", Name: t.Name, Doc: t.About}
	for _, c := range t.Columns {
		var kind any
		switch c.Type {
		case Text:
			kind = "string"
		case Bool:
			kind = "boolean"
		case Int:
			kind = "long"
		case Time:
			kind = map[string]string{"type": "long", "logicalType": "timestamp-micros"}
		}
		record.Fields = append(record.Fields, column{c.Name, []any{"null", kind}, c.About, nil})
	}
	out, err := json.Marshal(record)
	if err != nil {
		panic(err) // nothing in it can't be encoded
	}
	return string(out)
}

func newAvro(w io.Writer, t *Table) (encoder, error) {
	f := &avroFile{w: w, columns: t.Columns}
	rand.Read(f.sync[:]) // never fails
	text := avroSchema(t)
	schema, err := avro.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parse the schema: %w", err)
	}
	// only the head is written by it: rows are encoded without reflection
	_, err = ocf.NewWriter(w, schema, ocf.WithSchema(text), ocf.WithSyncMarker(f.sync), ocf.WithCodec(ocf.DeflateCodec(flate.DefaultCompression)),
		ocf.WithMetadata(map[string][]byte{schemaKey: []byte(SchemaVersion)}))
	if err != nil {
		return nil, err
	}
	f.deflate, err = flate.NewWriter(&f.packed, flate.DefaultCompression)
	return f, err
}

func (f *avroFile) write(row []value) error {
	b := f.block
	for i := range row {
		v := &row[i]
		if !v.set {
			b = append(b, 0)
			continue
		}
		b = append(b, 2) // the second of the union
		switch f.columns[i].Type {
		case Text:
			b = append(binary.AppendVarint(b, int64(len(v.text))), v.text...)
		case Bool:
			b = append(b, byte(v.num))
		default:
			b = binary.AppendVarint(b, v.num)
		}
	}
	f.block = b
	f.rows++
	if len(b) < avroBlock {
		return nil
	}
	return f.flush()
}

func (f *avroFile) held() int { return len(f.block) }

func (f *avroFile) flush() error {
	if f.rows == 0 {
		return nil
	}
	f.packed.Reset()
	f.deflate.Reset(&f.packed)
	if _, err := f.deflate.Write(f.block); err != nil {
		return err
	}
	if err := f.deflate.Close(); err != nil {
		return err
	}
	head := binary.AppendVarint(binary.AppendVarint(nil, int64(f.rows)), int64(f.packed.Len()))
	f.block, f.rows = f.block[:0], 0
	for _, part := range [][]byte{head, f.packed.Bytes(), f.sync[:]} {
		if _, err := f.w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (f *avroFile) close() error { return f.flush() }
