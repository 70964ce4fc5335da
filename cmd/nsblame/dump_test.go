package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/nsblame/nsblame/internal/present/render"
)

// Each recording has a text form: a JSON object for each event, in order.
func TestDumpOfRecordings(t *testing.T) {
	for _, pattern := range []string{"testdata/recordings/*.avro", "testdata/corpus/*/h*.avro", "../../examples/*.avro"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			src, err := openRecorded(t.Context(), []string{file}, false, nil, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			summary, err := dump(t.Context(), src, render.NewDumper(&out))
			if err := errors.Join(err, whole(summary)); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if err := src.Close(); err != nil {
				t.Fatal(err)
			}
			checkDump(t, file, out.Bytes())
		}
	}
}

func checkDump(t *testing.T, file string, out []byte) {
	t.Helper()
	lines := json.NewDecoder(bytes.NewReader(out))
	for seq := 1; ; seq++ {
		var line struct {
			Seq  int
			Type string
		}
		err := lines.Decode(&line)
		switch {
		case err == io.EOF && seq > 1:
			return
		case err != nil:
			t.Fatalf("%s: %v", file, err)
		case line.Seq != seq || line.Type == "":
			t.Fatalf("%s: line %d is %+v", file, seq, line)
		}
	}
}
