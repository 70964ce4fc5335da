package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
)

// Whoever else may write into the directory can make files with the numbers of
// the parts to come. A recording passes them over, and touches none.
func TestFilesOfOthersDoNotEndARotatedRecording(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	s, err := createSink(&recordTarget{file: at("r.avro"), rotateSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("r-000002.avro"), []byte("another's"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"r-000003.avro": "/nowhere", "r-000005.avro": at("r-000002.avro")} {
		if err := os.Symlink(target, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		before := len(s.names)
		for len(s.names) == before {
			if err := s.Write(event.Event{BootNS: uint64(i), Body: &event.Host{BootID: "b"}}); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := []string{at("r-000001.avro"), at("r-000004.avro"), at("r-000006.avro"), at("r-000007.avro")}
	if diff := cmp.Diff(want, s.names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if text, err := os.ReadFile(at("r-000002.avro")); err != nil || string(text) != "another's" {
		t.Errorf("another's file: %q, %v", text, err)
	}
}
