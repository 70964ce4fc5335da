// Schemagen writes the JSON Schema of nsblame's answers, as package findings has
// them, with its comments as descriptions. Its argument is the file.
package main

//go:generate go run . ../../../docs/schema.json

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "schemagen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("the file to write is the one argument")
	}
	data, err := generate()
	if err != nil {
		return err
	}
	var zipped bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level is one
	_, err = zip.Write(data)
	if err = errors.Join(err, zip.Close()); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(args[0], data, 0o644), os.WriteFile(args[0]+".gz", zipped.Bytes(), 0o644))
}
