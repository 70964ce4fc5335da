package recording

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
)

// castagnoli is the polynomial of the file's checksums.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	// checkName is the record that checks the block before it. Only files that need it
	// have it in their schema, behind all others.
	checkName   = "Check"
	checkSchema = `{"type":"record","name":"` + checkName + `","doc":"CRC-32C of the block before","fields":[{"name":"sum","type":"bytes","default":""}]}`
)

// schemaFor is the schema of the files that this version writes with a codec.
func schemaFor(c Codec) string {
	if !c.checked() {
		return fileSchema
	}
	const end = "]}]}"
	return strings.TrimSuffix(fileSchema, end) + "," + checkSchema + end
}

// checker makes the blocks that check others. To other readers such a block is one
// with a record in it. It is stored as it is, so that the block before gives each of its
// bytes: no byte of either can change unseen. Of a stream of deflate, some bits say
// nothing, and a sum of what it holds would not find them.
type checker struct {
	sync [syncSize]byte
	// head is all up to the sum.
	head []byte
}

// newChecker returns one for files in whose schema the record has this place among the
// others.
func newChecker(place int, sync [syncSize]byte) *checker {
	// no time, and restated, so that readers of events leave it out
	record := binary.AppendVarint([]byte{0, 1}, int64(place))
	record = binary.AppendVarint(record, crc32.Size)
	n := uint16(len(record) + crc32.Size)
	stored := binary.LittleEndian.AppendUint16([]byte{1}, n) // the last part of a stream, stored
	stored = binary.LittleEndian.AppendUint16(stored, ^n)
	stored = append(stored, record...)
	head := binary.AppendVarint(nil, 1)
	head = binary.AppendVarint(head, int64(len(stored)+crc32.Size))
	return &checker{sync, append(head, stored...)}
}

// size is that of each block that it makes.
func (c *checker) size() int {
	if c == nil {
		return 0
	}
	return len(c.head) + crc32.Size + syncSize
}

// block is what checks another, which is given whole.
func (c *checker) block(checked []byte) []byte {
	sum := crc32.Checksum(checked, castagnoli)
	return append(binary.BigEndian.AppendUint32(slices.Clone(c.head), sum), c.sync[:]...)
}

// was reports whether this was a block that checks another, though a part of it may have
// been changed.
func (c *checker) was(raw []byte) bool {
	return bytes.HasPrefix(raw, c.head) || bytes.HasSuffix(raw, c.sync[:])
}

var errNoCheck = errors.New("its schema has no record that checks a block")

// placeOfCheck is where a schema has the record that checks a block, among the types of
// records.
func placeOfCheck(schema string) (int, error) {
	if schema == schemaFor(Deflate) {
		return len(kinds), nil
	}
	var top struct {
		Fields []struct {
			Name string
			Type json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(schema), &top); err != nil {
		return 0, err
	}
	for _, field := range top.Fields {
		var union []json.RawMessage
		if field.Name != "body" || json.Unmarshal(field.Type, &union) != nil {
			continue
		}
		for i, raw := range union {
			var branch struct{ Name string }
			if json.Unmarshal(raw, &branch) == nil && branch.Name == checkName {
				return i, nil
			}
		}
	}
	return 0, errNoCheck
}
