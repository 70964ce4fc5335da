package recording

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

var keep = flag.String("keep", "", "write a recording of this version to testdata under this name")

// What was recorded by each earlier version is read as it was then.
func TestEarlierVersions(t *testing.T) {
	if *keep != "" {
		_, file := sampleFile(t, options)
		if err := os.WriteFile(filepath.Join("testdata", *keep+".avro"), file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("testdata/*.avro")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := read(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := diff(sample(), got); d != "" {
			t.Errorf("%s (-recorded +read):\n%s", name, d)
		}
	}
}

// A file of a version that lacked a field and a type, and had its types in
// another order, is read: what was lacking has its default.
func TestOtherSchema(t *testing.T) {
	present := fileSchema
	t.Cleanup(func() { fileSchema = present })
	older := strings.Replace(fileSchema, `,{"name":"machine_id","type":"string","default":""}`, "", 1)
	if older == fileSchema {
		t.Fatal("the field is not there")
	}
	// Written with the present encoding of records that are the same in both.
	fileSchema = older
	list := []event.Event{
		{BootNS: 3, Body: &event.Clock{OffsetNS: -5}},
		{BootNS: 4, Body: &event.Program{Argv: []string{"a", "\xff"}, Exe: "/x"}},
		{BootNS: 5, Body: &event.NetnsCreate{Serial: 1, Init: []event.Init{{Op: "x", IPVS: &event.IPVS{ID: 3}}, {Op: "y"}}}},
		{BootNS: 6, Body: &event.BusMessage{Data: []byte{0, 1, 0xff}}},
		{BootNS: 7, Body: &event.End{Seen: 1}},
	}
	file := write(t, options, list, func(int) bool { return false })
	fileSchema = present
	got, err := read(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := diff(list, got); d != "" {
		t.Errorf("(-written +read):\n%s", d)
	}
	// and damage to such a file is still found
	at := bytes.LastIndex(file, options.Sync[:]) - 5
	file[at] ^= 1
	got, err = read(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := sound(list, got); err != nil {
		t.Error(err)
	}
}

// Each former name is of something that is there, and is in no use again.
func TestFormerNames(t *testing.T) {
	for name, old := range formerNames {
		record, field, isField := strings.Cut(name, ".")
		if !strings.Contains(fileSchema, `"name":"`+record+`"`) || isField && !strings.Contains(fileSchema, `"name":"`+field+`","aliases":["`+old+`"]`) {
			t.Errorf("%s, once %s, is not in the schema", name, old)
		}
	}
	if got, want := strings.Count(fileSchema, `"aliases"`), len(formerNames); got != want {
		t.Errorf("%d aliases in the schema, want %d", got, want)
	}
}

// Fields that this version lacks are skipped in a file that has them.
func TestDroppedFields(t *testing.T) {
	const names = `{"name":"names","type":{"type":"array","items":"bytes"},"default":[]}`
	const dropped = `,{"name":"slice","type":"bytes","default":""},{"name":"triggers","type":{"type":"array","items":"bytes"},"default":[]}`
	schema := strings.Replace(fileSchema, names, names+dropped, 1)
	if schema == fileSchema {
		t.Fatal("the field is not there")
	}
	list := []event.Event{{Body: &event.Unit{Unit: event.UnitState{Name: "a.service", Names: []string{"b"}, MainPID: 7}}}}
	raw, err := appendRecord(nil, record{body: list[0].Body})
	if err != nil {
		t.Fatal(err)
	}
	// behind the names: a string and a list of one
	before := []byte{2, 2, 'b', 0}
	at := bytes.Index(raw, before) + len(before)
	raw = append(raw[:at:at], append([]byte{2, 'x', 2, 2, 'y', 0}, raw[at:]...)...)
	older, err := newTranscoder(schema, fileSchema)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := older.translate(raw, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := codec{mode: decoding, buf: plain, cells: maxCells}
	got, ok := c.record()
	if d := diff(list, []event.Event{{Body: got.body.(event.Body)}}); !ok || d != "" {
		t.Errorf("(-written +read):\n%s", d)
	}
}
