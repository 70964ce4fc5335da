package export

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/nsblame/nsblame/findings"
)

// Format is a form of files.
type Format string

// The forms.
const (
	Parquet Format = "parquet"
	CSV     Format = "csv"
	NDJSON  Format = "ndjson"
	Avro    Format = "avro"
)

// Formats are all forms.
var Formats = []Format{Parquet, CSV, NDJSON, Avro}

// verbatim tells which texts a form carries as they are.
func (f Format) verbatim() func(string) bool {
	if f == CSV {
		return isShown
	}
	return isUTF8
}

// encoder writes the rows of one file.
type encoder interface {
	// write adds a row. Its texts are kept until flush.
	write(row []value) error
	// held is how many bytes of rows are not written yet.
	held() int
	// flush writes what is held.
	flush() error
	// close ends the file. The writer below stays open.
	close() error
}

// encoder begins a file of a table.
func (f Format) encoder(w io.Writer, t *Table) (encoder, error) {
	switch f {
	case CSV:
		return newCSV(w, t)
	case NDJSON:
		return &jsonFile{w: w, columns: t.Columns}, nil
	case Avro:
		return newAvro(w, t)
	case Parquet:
		return newParquet(w, t)
	}
	return nil, fmt.Errorf("no form is named %q", string(f))
}

// timeLayout is to the microsecond, so that all engines read it.
const timeLayout = "2006-01-02T15:04:05.000000Z"

func appendTime(dst []byte, us int64) []byte {
	return time.UnixMicro(us).UTC().AppendFormat(dst, timeLayout)
}

// lineBytes is how much text is gathered before it is written.
const lineBytes = 64 << 10

// jsonFile is a file with a JSON object a line.
type jsonFile struct {
	w       io.Writer
	columns []Column
	buf     []byte
}

func (f *jsonFile) write(row []value) error {
	b := append(f.buf, '{')
	for i := range row {
		v := &row[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), f.columns[i].Name...), '"', ':')
		switch {
		case !v.set:
			b = append(b, "null"...)
		case f.columns[i].Type == Text:
			b = findings.Text(v.text).AppendJSON(b)
		case f.columns[i].Type == Bool:
			b = strconv.AppendBool(b, v.num != 0)
		case f.columns[i].Type == Time:
			b = append(appendTime(append(b, '"'), v.num), '"')
		default:
			b = strconv.AppendInt(b, v.num, 10)
		}
	}
	f.buf = append(b, '}', '\n')
	if len(f.buf) < lineBytes {
		return nil
	}
	return f.flush()
}

func (f *jsonFile) held() int { return len(f.buf) }

func (f *jsonFile) flush() error {
	_, err := f.w.Write(f.buf)
	f.buf = f.buf[:0]
	return err
}

func (f *jsonFile) close() error { return f.flush() }

// csvFile is a file of RFC 4180 with a head. An empty cell is null: no text is empty.
type csvFile struct {
	w       *csv.Writer
	columns []Column
	cells   []string
}

func newCSV(w io.Writer, t *Table) (encoder, error) {
	f := &csvFile{w: csv.NewWriter(w), columns: t.Columns, cells: make([]string, len(t.Columns))}
	for i := range t.Columns {
		f.cells[i] = t.Columns[i].Name
	}
	return f, f.w.Write(f.cells)
}

func (f *csvFile) write(row []value) error {
	for i := range row {
		v := &row[i]
		switch {
		case !v.set:
			f.cells[i] = ""
		case f.columns[i].Type == Text:
			f.cells[i] = v.text
		case f.columns[i].Type == Bool:
			f.cells[i] = strconv.FormatBool(v.num != 0)
		case f.columns[i].Type == Time:
			f.cells[i] = string(appendTime(nil, v.num))
		default:
			f.cells[i] = strconv.FormatInt(v.num, 10)
		}
	}
	return f.w.Write(f.cells)
}

// held is 0: the package below holds 4 KiB, and writes by itself.
func (f *csvFile) held() int { return 0 }

func (f *csvFile) flush() error {
	f.w.Flush()
	return f.w.Error()
}

func (f *csvFile) close() error { return f.flush() }
