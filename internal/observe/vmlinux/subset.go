package vmlinux

import (
	"encoding/binary"
	"fmt"
)

// subset is BTF that is put together of a few types of others.
type subset struct {
	types   []byte
	strings []byte
	named   map[string]uint32 // offsets in strings
	// ids are the identities here of types of the images, by where these are.
	ids   map[*byte]uint32
	count uint32
	// queue has the types that are numbered and not copied yet.
	queue []source
}

// source is a type of an image.
type source struct {
	im *image
	id uint32
}

func newSubset() *subset {
	return &subset{strings: []byte{0}, named: make(map[string]uint32), ids: make(map[*byte]uint32)}
}

// relocatable tells the kinds that a relocation can be against: what has members
// or values, and what stands for such a type.
func relocatable(kind uint32) bool {
	switch kind {
	case kindInt, kindStruct, kindUnion, kindEnum, kindEnum64, kindForward, kindTypedef, kindFloat:
		return true
	}
	return false
}

// add copies a type and what it is made of.
func (s *subset) add(im *image, id uint32) error {
	if _, err := s.number(im, id); err != nil {
		return err
	}
	for len(s.queue) > 0 {
		next := s.queue[0]
		s.queue = s.queue[1:]
		if err := s.copy(next.im, next.id); err != nil {
			return err
		}
	}
	return nil
}

// number returns the identity that the type has here. Types are copied in the
// order of their numbers.
func (s *subset) number(im *image, id uint32) (uint32, error) {
	if id == 0 {
		return 0, nil // void
	}
	where, err := im.where(id)
	if err != nil {
		return 0, err
	}
	if known, ok := s.ids[where]; ok {
		return known, nil
	}
	s.count++
	s.ids[where] = s.count
	s.queue = append(s.queue, source{im, id})
	return s.count, nil
}

// copy appends a type. What pointers and functions lead to is left out.
func (s *subset) copy(im *image, id uint32) error {
	r, extra, err := im.at(id)
	if err != nil {
		return err
	}
	switch r.kind() {
	case kindPointer:
		s.record(record{info: r.info})
		return nil
	case kindInt, kindFloat, kindForward, kindEnum, kindEnum64:
		s.record(record{s.name(im, r.name), r.info, r.ref})
		return s.values(im, r, extra)
	case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
		ref, err := s.number(im, r.ref)
		s.record(record{s.name(im, r.name), r.info, ref})
		return err
	case kindArray:
		return s.array(im, r, extra)
	case kindStruct, kindUnion:
		return s.members(im, r, extra)
	default: // a function's own type, behind a typedef: nothing is read of it
		s.record(record{info: kindForward << 24})
		return nil
	}
}

func (s *subset) array(im *image, r record, extra []byte) error {
	of, err := s.number(im, u32(extra, 0))
	if err != nil {
		return err
	}
	index, err := s.number(im, u32(extra, 4))
	s.record(record{s.name(im, r.name), r.info, r.ref})
	s.append(of, index, u32(extra, 8))
	return err
}

func (s *subset) members(im *image, r record, extra []byte) error {
	s.record(record{s.name(im, r.name), r.info, r.ref})
	for ; len(extra) > 0; extra = extra[extraSize[kindStruct].each:] {
		of, err := s.number(im, u32(extra, 4))
		if err != nil {
			return err
		}
		s.append(s.name(im, u32(extra, 0)), of, u32(extra, 8))
	}
	return nil
}

// values copies what follows the header of a number or an enumeration: of the
// latter's values the first field is the name.
func (s *subset) values(im *image, r record, extra []byte) error {
	each := int(extraSize[r.kind()].each)
	if each == 0 {
		s.types = append(s.types, extra...)
		return nil
	}
	for ; len(extra) > 0; extra = extra[each:] {
		s.append(s.name(im, u32(extra, 0)))
		s.types = append(s.types, extra[4:each]...)
	}
	return nil
}

func (s *subset) record(r record) { s.append(r.name, r.info, r.ref) }

func (s *subset) append(fields ...uint32) {
	for _, f := range fields {
		s.types = binary.NativeEndian.AppendUint32(s.types, f)
	}
}

// name returns the offset that the name at an offset of the image has here.
func (s *subset) name(im *image, offset uint32) uint32 {
	if offset == 0 {
		return 0
	}
	text := im.text(offset)
	if text == "" {
		return 0
	}
	if known, ok := s.named[text]; ok {
		return known
	}
	at := uint32(len(s.strings))
	s.named[text] = at
	s.strings = append(append(s.strings, text...), 0)
	return at
}

// raw is the whole.
func (s *subset) raw() []byte {
	var b []byte
	b = binary.NativeEndian.AppendUint16(b, magic)
	b = append(b, 1, 0) // version, flags
	types, strings := uint32(len(s.types)), uint32(len(s.strings))
	for _, f := range []uint32{headerSize, 0, types, types, strings} {
		b = binary.NativeEndian.AppendUint32(b, f)
	}
	return append(append(b, s.types...), s.strings...)
}

// where is the place of a type, which stands for it: an image and the one that
// it goes on from number theirs in one row.
func (im *image) where(id uint32) (*byte, error) {
	if id < im.firstID && im.base != nil {
		return im.base.where(id)
	}
	i := uint64(id) - uint64(im.firstID)
	if id < im.firstID || i >= uint64(len(im.offsets)) {
		return nil, fmt.Errorf("%w: there is no type %d", errMalformed, id)
	}
	return &im.types[im.offsets[i]], nil
}
