package recording

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/unraced"
)

// deflated are options for a recording that every Avro reader can read.
var deflated = Options{Stream: options.Stream, Sync: options.Sync, Codec: Deflate}

// A file of a version that has the record for checks at another place is read, and
// damage to it is found.
func TestCheckOfAnotherVersion(t *testing.T) {
	present := fileSchema
	t.Cleanup(func() { fileSchema = present })
	ours, place := kinds, len(kinds)-1
	t.Cleanup(func() { kinds = ours })
	// an earlier version has the last type of records not yet
	kinds = kinds[:place]
	fileSchema = buildSchema()
	list := []event.Event{{BootNS: 3, Body: &event.Clock{OffsetNS: -5}}, {BootNS: 7, Body: &event.End{Seen: 1}}}
	file := write(t, deflated, list, func(int) bool { return true })
	kinds, fileSchema = ours, present
	got, err := read(file)
	if d := diff(list, got); d != "" || err != nil {
		t.Fatalf("%v (-written +read):\n%s", err, d)
	}
	last := len(file) - syncSize - 1 // of the sum of the last block
	file[last] ^= 4
	if got, err = read(file); err != nil {
		t.Fatal(err)
	}
	if err := sound(list, got); err != nil {
		t.Error(err)
	}
}

// A file without the record that checks is none that nsblame has written.
func TestSchemaWithoutCheck(t *testing.T) {
	for _, schema := range []string{fileSchema, `{"fields":[{"name":"body","type":"long"}]}`, `7`} {
		if place, err := placeOfCheck(schema); err == nil {
			t.Errorf("%.40q: at place %d", schema, place)
		}
	}
	if place, err := placeOfCheck(schemaFor(Deflate) + " "); err != nil || place != len(kinds) {
		t.Errorf("place %d, %v", place, err)
	}
}

// A block that becomes too large is refused, before it takes more memory than one may.
func TestInflatingIsBounded(t *testing.T) {
	unraced.Leave(t)
	var bomb bytes.Buffer
	w, err := flate.NewWriter(&bomb, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, io.LimitReader(zeroes{}, 32*maxBlock)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var in inflater
	if _, err := in.unpack(bomb.Bytes()); !errors.Is(err, errBlockSize) {
		t.Errorf("a bomb of %d bytes: %v", bomb.Len(), err)
	}
	if n := in.plain.Cap(); n > 4*maxBlock {
		t.Errorf("it took %d bytes", n)
	}
	var small bytes.Buffer
	w.Reset(&small)
	if _, err := io.Copy(w, strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	small.WriteByte(0)
	if _, err := in.unpack(small.Bytes()); !errors.Is(err, errBehind) {
		t.Errorf("with something behind it: %v", err)
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }
