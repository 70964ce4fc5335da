// Package docs holds those of the documents that nsblame prints.
package docs

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
)

//go:embed schema.json.gz
var schema []byte

// Schema returns the JSON Schema of what nsblame writes with --output json. Package
// schemagen generates it. The binary has it compressed, which takes a tenth.
func Schema() ([]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zip)
}
