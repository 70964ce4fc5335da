package recording

import (
	"errors"
	"fmt"

	"github.com/twmb/avro"
)

// transcoder brings records of another version's schema into the form of the
// present one, by Avro's rules: what that version didn't have gets its default.
type transcoder struct{ from, to *avro.Schema }

func newTranscoder(schema, present string) (*transcoder, error) {
	writer, err := avro.Parse(schema)
	if err != nil {
		return nil, fmt.Errorf("parse the schema: %w", err)
	}
	to, err := avro.Parse(present)
	if err != nil {
		return nil, fmt.Errorf("parse the schema: %w", err)
	}
	from, err := avro.Resolve(writer, to)
	if err != nil {
		return nil, err
	}
	return &transcoder{from: from, to: to}, nil
}

var errCount = errors.New("their number is another one")

func (t *transcoder) translate(src []byte, count int) ([]byte, error) {
	var dst []byte
	for range count {
		var v any
		rest, err := t.from.Decode(src, &v, avro.TaggedUnions())
		if err != nil {
			return nil, err
		}
		if len(rest) == len(src) {
			return nil, errCount // a record of nothing could be claimed any number of times
		}
		if dst, err = t.to.AppendEncode(dst, v, avro.TaggedUnions()); err != nil {
			return nil, err
		}
		if src = rest; len(dst) > 4*maxBlock {
			return nil, errTooLarge
		}
	}
	if len(src) > 0 {
		return nil, errCount
	}
	return dst, nil
}

var errTooLarge = errors.New("they are too large")
