package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/internal/deliver/spool"
)

func open(t rapid.TB, dir string) *spool.Disk {
	t.Helper()
	d, err := spool.OpenDisk(dir, spool.MinSize)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fresh is a directory that nobody else may read.
func fresh(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "spool")
}

// A queue is a list, also when it is closed and opened again.
func TestDiskIsAList(t *testing.T) {
	base := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		dir := filepath.Join(base, fmt.Sprint(runs))
		defer os.RemoveAll(dir)
		d := open(t, dir)
		defer func() { d.Close() }()
		var want [][]byte
		next := 0
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				record := bytes.Repeat([]byte{byte(next)}, rapid.SampledFrom([]int{0, 1, 100, 60_000, spool.MaxRecord}).Draw(t, "size"))
				next++
				switch err := d.Append(record); {
				case err == nil:
					want = append(want, record)
				case !errors.Is(err, spool.ErrFull) || len(want) == 0:
					t.Fatal(err)
				}
			},
			"ack": func(t *rapid.T) {
				n := rapid.IntRange(0, len(want)).Draw(t, "n")
				if err := d.Ack(n); err != nil {
					t.Fatal(err)
				}
				want = want[n:]
			},
			"reopen": func(t *rapid.T) {
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
				d = open(t, dir)
			},
			"": func(t *rapid.T) {
				got, err := d.Peek(1000, 1<<30)
				if err != nil || !slices.EqualFunc(got, want, bytes.Equal) || d.Len() != uint64(len(want)) {
					t.Fatalf("%d records of %d, %v", len(got), len(want), err)
				}
			},
		})
	})
}

// Wherever a crash cut the last file off, the records before that are there.
func TestTorn(t *testing.T) {
	dir := fresh(t)
	d := open(t, dir)
	for i := range 10 {
		if err := d.Append(fmt.Append(nil, "record", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.records"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	whole, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	const frame = 8 + len("record0")
	for cut := range len(whole) + 1 {
		torn := fresh(t)
		if err := os.Mkdir(torn, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(torn, filepath.Base(names[0])), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		d := open(t, torn)
		if err := d.Append([]byte("after")); err != nil {
			t.Fatal(err)
		}
		got, err := d.Peek(100, 1<<20)
		if err != nil || len(got) != cut/frame+1 || string(got[len(got)-1]) != "after" || int(d.Damaged()) != cut%frame {
			t.Fatalf("cut at %d: %d records, %d bytes damaged, %v", cut, len(got), d.Damaged(), err)
		}
		d.Close()
	}
}

// The bound is that of all files, and room comes back.
func TestDiskIsBounded(t *testing.T) {
	dir := fresh(t)
	d := open(t, dir)
	defer d.Close()
	record := make([]byte, 10_000)
	for round := range 3 {
		n := 0
		for d.Append(record) == nil {
			n++
		}
		if n < 50 {
			t.Fatalf("round %d: %d records", round, n)
		}
		var size int64
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			if size += info.Size(); info.Mode().Perm()&0o077 != 0 {
				t.Errorf("others may read %s", e.Name())
			}
		}
		if size > spool.MinSize+100 {
			t.Errorf("%d bytes", size)
		}
		if err := d.Ack(int(d.Len())); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnlyOne(t *testing.T) {
	dir := fresh(t)
	defer open(t, dir).Close()
	if _, err := spool.OpenDisk(dir, spool.MinSize); !errors.Is(err, spool.ErrInUse) {
		t.Error(err)
	}
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := spool.OpenDisk(shared, spool.MinSize); !errors.Is(err, spool.ErrOpenToOthers) {
		t.Error(err)
	}
}

func TestMemory(t *testing.T) {
	m := spool.NewMemory(1000)
	n := 0
	for m.Append(make([]byte, 36)) == nil {
		n++
	}
	if n != 10 {
		t.Errorf("%d records", n)
	}
	if got, _ := m.Peek(100, 40); len(got) != 1 {
		t.Errorf("%d fit into 40 bytes", len(got))
	}
	if got, _ := m.Peek(100, 1); len(got) != 1 {
		t.Errorf("the first one is not given")
	}
	if err := m.Ack(4); err != nil || m.Len() != 6 || m.Append(make([]byte, 300)) != nil {
		t.Error("no room comes back")
	}
}
