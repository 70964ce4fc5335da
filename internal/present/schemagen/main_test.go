package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/nsblame/nsblame/docs"
)

// TestFile fails where the schema in docs is not what the types make.
func TestFile(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("../../../docs/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	printed, err := docs.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range [][]byte{file, printed} {
		diff := cmp.Diff(string(want), string(got))
		if diff == "" {
			continue
		}
		t.Errorf("run go generate ./internal/present/schemagen (-generated +docs/schema.json):\n%s", diff)
	}
}

// TestGoldens validates all lines of JSON that there are golden files of.
func TestGoldens(t *testing.T) {
	schema := compiled(t)
	files, err := filepath.Glob("../render/testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			if !bytes.HasPrefix(line, []byte(`{"schema"`)) {
				continue
			}
			lines++
			if err := schema.Validate(instance(t, line)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if lines == 0 {
		t.Error("no golden file has a line of JSON")
	}
}

// TestInvalid has lines that the schema must refuse.
func TestInvalid(t *testing.T) {
	schema := compiled(t)
	for name, line := range map[string]string{
		"no type":           `{"schema":1}`,
		"unknown type":      `{"schema":2,"type":"nonsense"}`,
		"missing field":     `{"schema":2,"type":"loss","time":null,"boot_ns":1,"kind":"creation"}`,
		"wrong type":        `{"schema":2,"type":"loss","time":null,"boot_ns":"1","kind":"creation","count":1}`,
		"null for a number": `{"schema":2,"type":"damage","time":null,"boot_ns":1,"offset":null,"bytes":1,"blocks":1,"truncated":false,"why":""}`,
		"no such version":   `{"schema":99,"type":"loss","time":null,"boot_ns":1,"kind":"creation","count":1}`,
	} {
		if schema.Validate(instance(t, []byte(line))) == nil {
			t.Errorf("%s: the schema allows %s", name, line)
		}
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const url = "schema.json"
	c := jsonschema.NewCompiler()
	text, err := docs.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource(url, instance(t, text)); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func instance(t *testing.T, data []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
