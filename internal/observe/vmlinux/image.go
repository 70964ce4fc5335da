package vmlinux

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// errMalformed is returned for BTF that does not follow the format.
var errMalformed = errors.New("malformed BTF")

// The kinds of types (include/uapi/linux/btf.h).
const (
	kindInt = iota + 1
	kindPointer
	kindArray
	kindStruct
	kindUnion
	kindEnum
	kindForward
	kindTypedef
	kindVolatile
	kindConst
	kindRestrict
	kindFunc
	kindFuncProto
	kindVar
	kindDatasec
	kindFloat
	kindDeclTag
	kindTypeTag
	kindEnum64
	kinds
)

// extraSize is what follows the header of a type: so much once, and so much for
// each of its members.
var extraSize = [kinds]struct{ once, each uint32 }{
	kindInt: {once: 4}, kindArray: {once: 12}, kindStruct: {each: 12}, kindUnion: {each: 12},
	kindEnum: {each: 8}, kindFuncProto: {each: 8}, kindVar: {once: 4}, kindDatasec: {each: 12},
	kindDeclTag: {once: 4}, kindEnum64: {each: 12},
}

const (
	headerSize = 24 // of all BTF
	recordSize = 12 // of a type, before what its kind adds
	magic      = 0xeb9f
)

// image is BTF as it is read.
type image struct {
	types, strings []byte
	// base is what the BTF of a module goes on from: its identities and its
	// offsets of strings begin where those of the base end.
	base                 *image
	firstID, firstString uint32
	offsets              []uint32 // of each type, by identity less firstID
	names                *nameSet
	// found are the types that have one of the names.
	found []uint32
}

// record is the header of a type.
type record struct{ name, info, ref uint32 }

func (r record) kind() uint32 { return r.info >> 24 & 0x1f }
func (r record) vlen() uint32 { return r.info & 0xffff }

func u32(b []byte, at uint32) uint32 { return binary.NativeEndian.Uint32(b[at:]) }

// newImage finds the types that have those names. Raw must stay as it is.
func newImage(raw []byte, base *image, names *nameSet) (*image, error) {
	if len(raw) < headerSize || len(raw) > math.MaxInt32 || binary.NativeEndian.Uint16(raw) != magic {
		return nil, fmt.Errorf("%w: no header", errMalformed)
	}
	size := uint64(u32(raw, 4))
	part := func(offset, length uint32) []byte {
		from, to := size+uint64(offset), size+uint64(offset)+uint64(length)
		if size < headerSize || to > uint64(len(raw)) {
			return nil
		}
		return raw[from:to]
	}
	im := &image{
		types: part(u32(raw, 8), u32(raw, 12)), strings: part(u32(raw, 16), u32(raw, 20)),
		base: base, firstID: 1, names: names,
	}
	if n := len(im.strings); im.types == nil || n == 0 || im.strings[n-1] != 0 {
		return nil, fmt.Errorf("%w: types or names are missing", errMalformed)
	}
	if base != nil {
		im.firstID = base.firstID + uint32(len(base.offsets))
		im.firstString = base.firstString + uint32(len(base.strings))
	}
	return im, im.scan()
}

// scan goes over all types once.
func (im *image) scan() error {
	types := im.types
	im.offsets = make([]uint32, 0, len(types)/30) // 33 bytes are usual
	for at, end := uint32(0), uint32(len(types)); at < end; {
		if end-at < recordSize {
			return fmt.Errorf("%w: a type is cut", errMalformed)
		}
		r := record{u32(types, at), u32(types, at+4), 0}
		kind := r.kind()
		if kind == 0 || kind >= kinds {
			return fmt.Errorf("%w: kind %d is unknown", errMalformed, kind)
		}
		if r.name != 0 {
			im.note(r.name, im.firstID+uint32(len(im.offsets)))
		}
		im.offsets = append(im.offsets, at)
		next := uint64(at) + recordSize + uint64(extraSize[kind].once) + uint64(extraSize[kind].each)*uint64(r.vlen())
		if next > uint64(end) {
			return fmt.Errorf("%w: a type is cut", errMalformed)
		}
		at = uint32(next)
	}
	return nil
}

// note keeps the identity if the name is one that is asked for.
func (im *image) note(name, id uint32) {
	text := im.from(name)
	if !im.names.mayHave(text) {
		return
	}
	end := bytes.IndexByte(text, 0)
	if end >= 0 && im.names.has(text[:end]) {
		im.found = append(im.found, id)
	}
}

// from returns the table of names from an offset on; a name ends with a 0.
func (im *image) from(offset uint32) []byte {
	if offset < im.firstString {
		return im.base.from(offset)
	}
	if offset -= im.firstString; offset < uint32(len(im.strings)) {
		return im.strings[offset:]
	}
	return nil
}

func (im *image) text(offset uint32) string {
	name, _, _ := bytes.Cut(im.from(offset), []byte{0})
	return string(name)
}

// at returns a type, with what follows its header.
func (im *image) at(id uint32) (r record, extra []byte, err error) {
	if id < im.firstID && im.base != nil {
		return im.base.at(id)
	}
	i := uint64(id) - uint64(im.firstID)
	if id < im.firstID || i >= uint64(len(im.offsets)) {
		return record{}, nil, fmt.Errorf("%w: there is no type %d", errMalformed, id)
	}
	at := im.offsets[i]
	r = record{u32(im.types, at), u32(im.types, at+4), u32(im.types, at+8)}
	size := extraSize[r.kind()]
	return r, im.types[at+recordSize:][:size.once+size.each*r.vlen()], nil
}

// nameSet is a set of names that tells quickly which it can't have.
type nameSet struct {
	names map[string]bool
	// first has a bit for each start of a name, by its hash.
	first [1 << 16 / 64]uint64
}

// startHash hashes the first four bytes of a name, which a NUL may end.
func startHash(a, b, c, d byte) uint16 {
	if c == 0 {
		d = 0
	}
	start := uint32(a) | uint32(b)<<8 | uint32(c)<<16 | uint32(d)<<24
	return uint16(start * 2654435761 >> 16)
}

func newNameSet(names []string) *nameSet {
	s := &nameSet{names: make(map[string]bool, len(names))}
	for _, name := range names {
		if len(name) < 2 { // none that matters is so short
			continue
		}
		s.names[name] = true
		start := name + "\x00\x00"
		hash := startHash(start[0], start[1], start[2], start[3])
		s.first[hash/64] |= 1 << (hash % 64)
	}
	return s
}

// mayHave reports whether a name that the text begins with can be in the set.
func (s *nameSet) mayHave(text []byte) bool {
	if len(text) < 4 { // at the end of the table
		return true
	}
	hash := startHash(text[0], text[1], text[2], text[3])
	return s.first[hash/64]&(1<<(hash%64)) != 0
}

func (s *nameSet) has(name []byte) bool { return s.names[string(name)] }
