package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestAttributed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "output")
	const output = `a line of stderr
{"type":"netns_create","process":{"pid":7}}
{"type":"netns_create","process":{"pid":8}}
{"type":"netns_create","process":{"pid":7}}
{"type":"netns_free"}
{"type":"summary","seen":3,"lost":1}
`
	if err := os.WriteFile(path, []byte(output), 0o644); err != nil {
		t.Fatal(err)
	}
	counts, summary, err := attributed(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[int]int{7: 2, 8: 1}; !maps.Equal(counts, want) {
		t.Errorf("got %v, want %v", counts, want)
	}
	if summary == nil || summary.Seen != 3 || summary.Lost != 1 {
		t.Errorf("got summary %+v", summary)
	}
}

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == answerVerb {
		exit(answer(os.Args[2]))
	}
	os.Exit(m.Run())
}

func TestPingpong(t *testing.T) {
	for _, message := range [][]byte{{'p'}, statusCall()} {
		p, err := newPingpong(filepath.Join(t.TempDir(), "socket"), message)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(repeat(10, p.send), p.close()); err != nil {
			t.Fatal(err)
		}
	}
}
