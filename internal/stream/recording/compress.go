package recording

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Codec is how the blocks of a file are compressed, by its name in Avro.
type Codec string

// The codecs of recordings.
const (
	// Zstandard is small and fast, and has a checksum of its own.
	Zstandard Codec = "zstandard"
	// Deflate is what every Avro reader knows. A block that checks it follows each block.
	Deflate Codec = "deflate"
)

// Codecs are all of them, the usual one first.
var Codecs = []Codec{Zstandard, Deflate}

func (c Codec) known() bool { return slices.Contains(Codecs, c) }

// checked reports whether a block that checks it follows each block.
func (c Codec) checked() bool { return c == Deflate }

// codecName is a codec for the head of a file, which has nothing to compress.
type codecName Codec

var errNameOnly = errors.New("only the head of a file is written so")

// Name implements ocf.Codec, as do the others.
func (c codecName) Name() string                    { return string(c) }
func (codecName) Compress([]byte) ([]byte, error)   { return nil, errNameOnly }
func (codecName) Decompress([]byte) ([]byte, error) { return nil, errNameOnly }
func (codecName) Close() error                      { return nil }

// A packer compresses a block. What it returns is valid until the next.
type packer func(plain []byte) ([]byte, error)

// encoderWindow is how far back zstandard looks, which takes twice as much
// memory. A block is shorter, but for the longest records.
const encoderWindow = 1 << 20

func newPacker(c Codec) (packer, error) {
	if c == Deflate {
		return newDeflater()
	}
	// One goroutine, for what is measured is measured on one core, and blocks
	// are small.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(encoderWindow), zstd.WithEncoderCRC(true), zstd.WithZeroFrames(true), zstd.WithSingleSegment(true))
	if err != nil {
		return nil, err
	}
	return func(plain []byte) ([]byte, error) { return enc.EncodeAll(plain, nil), nil }, nil
}

func newDeflater() (packer, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	return func(plain []byte) ([]byte, error) {
		out.Reset()
		w.Reset(&out)
		if _, err := w.Write(plain); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		return out.Bytes(), nil
	}, nil
}

// unpacker decompresses blocks. What it returns is valid until the next.
type unpacker interface {
	unpack(packed []byte) ([]byte, error)
	close()
}

func newUnpacker(c Codec) (unpacker, error) {
	if c == Deflate {
		return &inflater{}, nil
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock))
	if err != nil {
		return nil, err
	}
	return &unzstd{dec: dec}, nil
}

type unzstd struct {
	dec   *zstd.Decoder
	plain []byte
}

var errNoChecksum = errors.New("it has no checksum")

// unpack takes what has a checksum. Only that shows that a block was changed.
func (u *unzstd) unpack(packed []byte) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(packed); err != nil {
		return nil, err
	}
	if !h.HasCheckSum || h.Skippable {
		return nil, errNoChecksum
	}
	plain, err := u.dec.DecodeAll(packed, u.plain[:0])
	if err == nil {
		u.plain = plain
	}
	return plain, err
}

func (u *unzstd) close() { u.dec.Close() }

var (
	errBlockSize = errors.New("it is too large")
	errBehind    = errors.New("something follows within it")
)

type inflater struct{ plain bytes.Buffer }

// unpack bounds what a block may hold.
func (u *inflater) unpack(packed []byte) ([]byte, error) {
	u.plain.Reset()
	in := bytes.NewReader(packed)
	r := flate.NewReader(in)
	defer r.Close()
	switch n, err := u.plain.ReadFrom(io.LimitReader(r, maxBlock+1)); {
	case err != nil:
		return nil, err
	case n > maxBlock:
		return nil, errBlockSize
	case in.Len() > 0:
		return nil, errBehind
	}
	return u.plain.Bytes(), nil
}

func (*inflater) close() {}
