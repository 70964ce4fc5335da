package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
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

func TestRanBetween(t *testing.T) {
	before := []program{{id: 1, name: "a", runs: 3, spent: 30}, {id: 2, name: "b", runs: 5, spent: 50}}
	after := []program{{id: 1, name: "a", runs: 3, spent: 30}, {id: 2, name: "b", runs: 7, spent: 65}, {id: 3, name: "new", runs: 1, spent: 4}}
	got, want := ranBetween(before, after), []program{{2, "b", 2, 15}, {3, "new", 1, 4}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
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
