package export

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/parquet-go/parquet-go"
	"github.com/twmb/avro/ocf"
	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// aTable has a column of each type.
var aTable = Table{"things", "a thing", []Column{{"t", Text, ""}, {"n", Int, ""}, {"b", Bool, ""}, {"at", Time, ""}, {rawColumn, Text, ""}}}

// cell is a value as a reader of any form has it, null as "".
func cell(v value, c Column) string {
	switch {
	case !v.set:
		return ""
	case c.Type == Text:
		return v.text
	case c.Type == Bool:
		return fmt.Sprint(v.num != 0)
	case c.Type == Time:
		return string(appendTime(nil, v.num))
	}
	return fmt.Sprint(v.num)
}

// readers read a file of each form with a library that is not ours.
var readers = map[Format]func(t *testing.T, raw []byte, table *Table) [][]string{
	Parquet: readParquet, Avro: readAvro, CSV: readCSV, NDJSON: readNDJSON,
}

func readParquet(t *testing.T, raw []byte, table *Table) (rows [][]string) {
	t.Helper()
	file, err := parquet.OpenFile(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := file.Lookup(schemaKey); v != SchemaVersion {
		t.Errorf("schema %q", v)
	}
	for _, group := range file.RowGroups() {
		r := group.Rows()
		buf := make([]parquet.Row, 100)
		for {
			n, err := r.ReadRows(buf)
			for _, row := range buf[:n] {
				out := make([]string, len(table.Columns))
				for i, v := range row {
					switch c := table.Columns[i]; {
					case v.IsNull():
					case c.Type == Text:
						out[i] = string(v.ByteArray())
					case c.Type == Bool:
						out[i] = fmt.Sprint(v.Boolean())
					default:
						out[i] = cell(value{set: true, num: v.Int64()}, c)
					}
				}
				rows = append(rows, out)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

func readAvro(t *testing.T, raw []byte, table *Table) (rows [][]string) {
	t.Helper()
	r, err := ocf.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for {
		var row map[string]any
		err := r.Decode(&row)
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		out := make([]string, len(table.Columns))
		for i, c := range table.Columns {
			switch v := row[c.Name].(type) {
			case nil:
			case interface {
				UTC() interface{ Format(string) string }
			}:
				out[i] = v.UTC().Format(timeLayout)
			case interface{ UnixMicro() int64 }:
				out[i] = string(appendTime(nil, v.UnixMicro()))
			default:
				out[i] = fmt.Sprint(v)
			}
		}
		rows = append(rows, out)
	}
}

func readCSV(t *testing.T, raw []byte, table *Table) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range table.Columns {
		if rows[0][i] != c.Name {
			t.Errorf("column %d is %q", i, rows[0][i])
		}
	}
	return rows[1:]
}

func readNDJSON(t *testing.T, raw []byte, table *Table) (rows [][]string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	for d.More() {
		var row map[string]any
		if err := d.Decode(&row); err != nil {
			t.Fatal(err)
		}
		out := make([]string, len(table.Columns))
		for i, c := range table.Columns {
			if v := row[c.Name]; v != nil {
				out[i] = fmt.Sprint(v)
			}
		}
		rows = append(rows, out)
	}
	return rows
}

// TestForms: whatever is written in any form, another library reads it back.
func TestForms(t *testing.T) {
	for _, f := range Formats {
		t.Run(string(f), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				var file bytes.Buffer
				e, err := f.encoder(&file, &aTable)
				if err != nil {
					rt.Fatal(err)
				}
				var want [][]string
				for range rapid.IntRange(0, 40).Draw(rt, "rows") {
					row := drawRow(rt, f)
					line := make([]string, len(row))
					for i := range row {
						line[i] = cell(row[i], aTable.Columns[i])
					}
					want = append(want, line)
					if err := e.write(row); err != nil {
						rt.Fatal(err)
					}
					if rapid.IntRange(0, 9).Draw(rt, "flush") == 0 {
						if err := e.flush(); err != nil {
							rt.Fatal(err)
						}
					}
				}
				if err := e.close(); err != nil {
					rt.Fatal(err)
				}
				if e.held() != 0 {
					rt.Errorf("%d bytes are held at the end", e.held())
				}
				if diff := cmp.Diff(want, readers[f](t, file.Bytes(), &aTable), cmpopts.EquateEmpty()); diff != "" {
					rt.Fatal(diff)
				}
			})
		})
	}
}

// drawRow is any row, with any bytes in its text.
func drawRow(t *rapid.T, f Format) []value {
	type thing struct{ values []value }
	thingFields := make([]field[thing], 0, 4)
	for i, c := range aTable.Columns[:4] {
		thingFields = append(thingFields, field[thing]{c.Name, c.Type, "", func(x *thing) value { return x.values[i] }})
	}
	x := thing{make([]value, 4)}
	if rapid.Bool().Draw(t, "text") {
		x.values[0] = text(string(rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "bytes")))
	}
	if rapid.Bool().Draw(t, "number") {
		x.values[1] = value{set: true, num: rapid.Int64().Draw(t, "n")}
	}
	if rapid.Bool().Draw(t, "truth") {
		x.values[2] = truth(rapid.Bool().Draw(t, "b"))
	}
	if rapid.Bool().Draw(t, "time") {
		x.values[3] = value{set: true, num: rapid.Int64Range(0, 4e15).Draw(t, "at")}
	}
	row := appendRow(nil, thingFields, &x, f.verbatim())
	// no text is lost: it is verbatim, or its bytes stand beside it
	got := row[0].text
	if row[4].set {
		var raw map[string]string
		if err := json.Unmarshal([]byte(row[4].text), &raw); err != nil {
			t.Fatal(err)
		}
		b, err := base64.StdEncoding.DecodeString(raw["t"])
		if err != nil {
			t.Fatal(err)
		}
		got = string(b)
	}
	if got != x.values[0].text {
		t.Fatalf("%q became %q", x.values[0].text, got)
	}
	return row
}

// A list is the text of a JSON array, and its bytes are kept if it is not UTF-8.
func TestLists(t *testing.T) {
	type thing struct{ argv []string }
	fields := []field[thing]{{"argv", Text, "", func(x *thing) value { return list(x.argv) }}}
	for _, tc := range []struct {
		argv      []string
		want, raw string
	}{
		{nil, "", ""},
		{[]string{}, "[]", ""},
		{[]string{"ip", "", `a"b`}, `["ip","","a\"b"]`, ""},
		{[]string{"a\xff", "b\x1b"}, `["a\\xff","b\u001b"]`, `{"argv":["Yf8=","Yhs="]}`},
	} {
		row := appendRow(nil, fields, &thing{tc.argv}, isUTF8)
		if row[0].text != tc.want || row[1].text != tc.raw {
			t.Errorf("%q: %s and %s", tc.argv, row[0].text, row[1].text)
		}
	}
}

// Whatever a machine is called, its directory is one name, and the name follows
// from that unless it is very long.
func TestEscapeName(t *testing.T) {
	for name, want := range map[string]string{
		"node1": "node1", "a.b-c_d": "a.b-c_d", "..": ".%2E", ".": "%2E", "../../etc": "..%2F..%2Fetc", "a b%": "a%20b%25",
		"C:\\x": "C%3A%5Cx", "ü": "%C3%BC", "\x00": "%00", nullPartition: "%5F_HIVE_DEFAULT_PARTITION__",
	} {
		if got := escapeName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := string(rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "name"))
		got := escapeName(name)
		if len(got) > maxName || strings.ContainsAny(got, `/\`+"\x00") || !fs.ValidPath("host="+got) {
			t.Fatalf("%q", got)
		}
		if back, err := url.PathUnescape(got); err != nil || len(name) <= maxName/3 && back != name {
			t.Fatalf("%q becomes %q, %v", name, back, err)
		}
	})
}

const second = uint64(1e9)

// a recording in which there was a creation at each of these seconds since 1970.
func exportAt(t *testing.T, opt Options, id string, hostname string, times ...uint64) error {
	t.Helper()
	r, err := Begin(opt, id, 0)
	if err != nil {
		return err
	}
	defer r.Abort()
	consume := func(f finding.Finding) {
		if err == nil {
			err = r.Consume(f)
		}
	}
	consume(&finding.Observed{Event: event.Event{Body: &event.Host{Hostname: hostname}}})
	for i, at := range times {
		k := finding.NewAttribution(&lineage.Creation{BootNS: at * second, Netns: event.NetnsCreate{Serial: uint64(i + 1)}})
		consume(&finding.Created{Attribution: k, Selected: true})
	}
	consume(&finding.Summary{Printed: uint64(len(times))})
	if err != nil {
		return err
	}
	return r.Commit()
}

// exported are the files below a directory, with how many lines each has.
func exported(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		list = append(list, fmt.Sprintf("%s %d", filepath.ToSlash(rel), bytes.Count(raw, []byte("\n"))))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

const day = 24 * 60 * 60

func TestPartitions(t *testing.T) {
	opt := Options{Dir: t.TempDir(), Format: NDJSON}
	id := strings.Repeat("a", 32)
	if err := exportAt(t, opt, id, "../x", 1, 2, day+1); err != nil {
		t.Fatal(err)
	}
	part := "part-" + id + "-000000-"
	want := []string{
		"causes/host=..%2Fx/day=1970-01-01/" + part + "0.ndjson 1",
		"causes/host=..%2Fx/day=1970-01-02/" + part + "0.ndjson 1",
		"creations/host=..%2Fx/day=1970-01-01/" + part + "0.ndjson 2",
		"creations/host=..%2Fx/day=1970-01-02/" + part + "0.ndjson 1",
		"ends/host=..%2Fx/day=1970-01-01/" + part + "0.ndjson 0",
		"fors/host=..%2Fx/day=1970-01-01/" + part + "0.ndjson 0",
		"joins/host=..%2Fx/day=1970-01-01/" + part + "0.ndjson 0",
		"losses/host=..%2Fx/day=1970-01-01/" + part + "0.ndjson 0",
		"recordings/host=..%2Fx/day=1970-01-01/" + part + "0.ndjson 1",
	}
	if diff := cmp.Diff(want, exported(t, opt.Dir)); diff != "" {
		t.Error(diff)
	}
	// the same again is refused and changes nothing
	if err := exportAt(t, opt, id, "../x", 1); !errors.Is(err, ErrExported) {
		t.Error(err)
	}
	if diff := cmp.Diff(want, exported(t, opt.Dir)); diff != "" {
		t.Error(diff)
	}
	// another recording of the machine adds files, and one that is replaced leaves none
	if err := exportAt(t, opt, "some other id", "../x", 3); err != nil {
		t.Fatal(err)
	}
	opt.Existing = Replace
	if err := exportAt(t, opt, id, "../x", 1); err != nil {
		t.Fatal(err)
	}
	var of []string
	for _, name := range exported(t, opt.Dir) {
		if strings.HasPrefix(name, "creations/") && strings.Contains(name, id) {
			of = append(of, name)
		}
	}
	if diff := cmp.Diff([]string{"creations/host=..%2Fx/day=1970-01-01/" + part + "0.ndjson 1"}, of); diff != "" {
		t.Error(diff)
	}
}

// However many days there are, few files are open, and no row is lost.
func TestManyDays(t *testing.T) {
	opt := Options{Dir: t.TempDir(), Format: NDJSON}
	var times []uint64
	for range 2 {
		for d := range uint64(3 * maxOpen) {
			times = append(times, d*day)
		}
	}
	if err := exportAt(t, opt, "x", "node", times...); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range exported(t, opt.Dir) {
		if strings.HasPrefix(name, "creations/") && strings.HasSuffix(name, " 1") {
			n++
		}
		if strings.Contains(name, ".tmp") {
			t.Error(name)
		}
	}
	if n != len(times) {
		t.Errorf("%d of %d creations are there", n, len(times))
	}
}

// What is given up leaves no file.
func TestAbort(t *testing.T) {
	opt := Options{Dir: t.TempDir(), Format: Parquet}
	r, err := Begin(opt, "x", 0)
	if err != nil {
		t.Fatal(err)
	}
	k := finding.NewAttribution(&lineage.Creation{})
	if err := r.Consume(&finding.Created{Attribution: k, Selected: true}); err != nil {
		t.Fatal(err)
	}
	if got := exported(t, opt.Dir); len(got) != 1 || !strings.Contains(got[0], "/.part-") {
		t.Errorf("%q", got)
	}
	r.Abort()
	if got := exported(t, opt.Dir); len(got) != 0 {
		t.Errorf("%q is left", got)
	}
}

// Every column has a name of its own and says what it is.
func TestTables(t *testing.T) {
	for _, table := range Tables() {
		var names []string
		for _, c := range table.Columns {
			if c.About == "" || slices.Contains(names, c.Name) || c.Name == "host" || c.Name == "day" {
				t.Errorf("%s.%s", table.Name, c.Name)
			}
			names = append(names, c.Name)
		}
	}
}

// Labels and subsystems are objects in one text. What of them is escaped there has its
// bytes in the row.
func TestBytesOfObjects(t *testing.T) {
	type thing struct {
		labels []event.Label
		netns  event.NetnsCreate
	}
	fields := []field[thing]{
		{"l", Text, "", func(x *thing) value { return labels(x.labels) }},
		{"s", Text, "", func(x *thing) value { return subsystems(&x.netns) }},
	}
	row := func(x thing, verbatim func(string) bool) (out []string) {
		for _, v := range appendRow(nil, fields, &x, verbatim) {
			out = append(out, v.text)
		}
		return out
	}
	plain := thing{labels: []event.Label{{Key: "app", Value: "web"}}, netns: event.NetnsCreate{Init: []event.Init{{Subsystem: "ip_vs", DurationNS: 7}}}}
	if d := cmp.Diff([]string{`{"app":"web"}`, `{"ip_vs":7}`, ""}, row(plain, isUTF8)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	foreign := thing{
		labels: []event.Label{{Key: "app", Value: "a\xff"}, {Key: "\xfe", Value: "b"}},
		netns:  event.NetnsCreate{Init: []event.Init{{Subsystem: "x\xff", DurationNS: 1}, {Subsystem: "y", DurationNS: 2}, {Subsystem: "x\xff", DurationNS: 3}}},
	}
	for _, verbatim := range []func(string) bool{isUTF8, isShown} {
		got := row(foreign, verbatim)
		var raw map[string][][]byte
		if err := json.Unmarshal([]byte(got[2]), &raw); err != nil {
			t.Fatal(err)
		}
		want := map[string][][]byte{"l": {[]byte("app"), []byte("a\xff"), []byte("\xfe"), []byte("b")}, "s": {[]byte("x\xff")}}
		if d := cmp.Diff(want, raw); d != "" {
			t.Errorf("the bytes (-want +got):\n%s", d)
		}
		for _, text := range got[:2] {
			if !json.Valid([]byte(text)) || !utf8.ValidString(text) || !strings.Contains(text, `\xff`) {
				t.Errorf("%s", text)
			}
		}
	}
}
