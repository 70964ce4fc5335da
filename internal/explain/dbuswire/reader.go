package dbuswire

import (
	"math"
	"strings"
	"unicode/utf8"
)

// The limits that the specification sets.
const (
	maxArray   = 1 << 26
	maxMessage = 1 << 27
	maxDepth   = 64
)

// reader reads marshalled values from what was captured of a message.
type reader struct {
	// text is the capture, from the first byte of the message, to which all
	// alignment relates.
	text string
	pos  int
	// end is where the message says that the region being read ends. It may
	// lie behind the capture; what lies behind end is invalid, what lies
	// between is truncated.
	end int
	big bool
}

// take returns the next n bytes.
func (r *reader) take(n int64) (string, error) {
	switch {
	case n > int64(r.end-r.pos):
		return "", errOverrun
	case n > int64(len(r.text)-r.pos):
		return "", ErrTruncated
	}
	s := r.text[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return s, nil
}

// align skips the padding up to a multiple of n, a power of two.
func (r *reader) align(n int) error {
	padding, err := r.take(int64(-r.pos & (n - 1)))
	if err != nil {
		return err
	}
	for i := range len(padding) {
		if padding[i] != 0 {
			return errPadding
		}
	}
	return nil
}

// unsigned reads an aligned unsigned integer of size bytes.
func (r *reader) unsigned(size int) (uint64, error) {
	if err := r.align(size); err != nil {
		return 0, err
	}
	b, err := r.take(int64(size))
	if err != nil {
		return 0, err
	}
	var n uint64
	for i := range size {
		if r.big {
			n = n<<8 | uint64(b[i])
		} else {
			n |= uint64(b[i]) << (8 * i)
		}
	}
	return n, nil
}

func (r *reader) uint32() (uint32, error) {
	n, err := r.unsigned(4)
	return uint32(n & math.MaxUint32), err
}

func (r *reader) byte() (byte, error) {
	n, err := r.unsigned(1)
	return byte(n & math.MaxUint8), err
}

// string reads a value of a string-like type: s, o or g.
func (r *reader) string(kind byte) (string, error) {
	width := 4
	if kind == 'g' {
		width = 1
	}
	n, err := r.unsigned(width)
	if err != nil {
		return "", err
	}
	s, err := r.take(int64(n) + 1) // n is at most 32 bits wide
	if err != nil {
		return "", err
	}
	s, terminated := strings.CutSuffix(s, "\x00")
	if !terminated {
		return "", errUnterminated
	}
	return s, checkString(kind, s)
}

func checkString(kind byte, s string) error {
	switch {
	case kind == 'o' && !validObjectPath(s):
		return errObjectPath
	case kind == 'g' && !validSignature(s):
		return errSignature
	case kind == 's' && (strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)):
		return errText
	}
	return nil
}

// variantType reads the signature of a variant, which is one complete type.
func (r *reader) variantType() (string, error) {
	s, err := r.string('g')
	if err != nil {
		return "", err
	}
	if s == "" || completeType(s) != len(s) {
		return "", errSignature
	}
	return s, nil
}

// array reads the length of an array and the padding before its first element,
// and returns where the array ends.
func (r *reader) array(elem byte) (end int, err error) {
	n, err := r.uint32()
	if err != nil {
		return 0, err
	}
	if n > maxArray {
		return 0, errTooLong
	}
	if err := r.align(alignment(elem)); err != nil {
		return 0, err
	}
	if int(n) > r.end-r.pos {
		return 0, errOverrun
	}
	return r.pos + int(n), nil
}

// skip passes over a value of the complete type sig.
func (r *reader) skip(sig string, depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	switch c := sig[0]; c {
	case 's', 'o', 'g':
		_, err := r.string(c)
		return err
	case 'v':
		inner, err := r.variantType()
		if err != nil {
			return err
		}
		return r.skip(inner, depth+1)
	case 'a':
		end, err := r.array(sig[1])
		if err != nil {
			return err
		}
		_, err = r.take(int64(end - r.pos)) // its elements don't matter
		return err
	case '(':
		return r.skipStruct(sig[1:len(sig)-1], depth+1)
	default:
		_, err := r.unsigned(fixedSize(c))
		return err
	}
}

func (r *reader) skipStruct(sig string, depth int) error {
	if err := r.align(8); err != nil {
		return err
	}
	for sig != "" {
		n := completeType(sig)
		if err := r.skip(sig[:n], depth); err != nil {
			return err
		}
		sig = sig[n:]
	}
	return nil
}
