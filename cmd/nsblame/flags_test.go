package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

func TestByteSize(t *testing.T) {
	for in, want := range map[string]byteSize{
		"65536": 64 << 10, "64K": 64 << 10, "64k": 64 << 10, "8M": 8 << 20, "8MiB": 8 << 20,
		"8mib": 8 << 20, "1G": 1 << 30, "5000000": 8 << 20, "3M": 4 << 20, "65536B": 64 << 10,
	} {
		var got byteSize
		if err := got.Set(in); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", in, got, err, want)
		}
	}
	for in, want := range map[string]error{
		"": errByteSize, "M": errByteSize, "8MB8": errByteSize, "8X": errByteSize, "-8M": errByteSize,
		"8KM": errByteSize, "8MiBiB": errByteSize, "8iB": errByteSize, "1.5M": errByteSize, "99999999999999999999": errByteSize,
		"0": errByteSizeRange, "1K": errByteSizeRange, "2G": errByteSizeRange, "4294967295G": errByteSizeRange,
	} {
		var got byteSize
		if err := got.Set(in); !errors.Is(err, want) {
			t.Errorf("%q: got %d, %v; want the error %q", in, got, err, want)
		}
	}
}

func TestByteSizeString(t *testing.T) {
	for in, want := range map[byteSize]string{0: "0", 4096: "4K", 8 << 20: "8M", 1 << 30: "1G", 5000: "5000"} {
		if got := in.String(); got != want {
			t.Errorf("%d: got %q, want %q", uint32(in), got, want)
		}
	}
}

func TestReadyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ready")
	f := readyFile(path)
	if err := os.WriteFile(path, []byte("stale"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.clear(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the stale file is still there: %v", err)
	}
	if err := f.announce(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != strconv.Itoa(os.Getpid())+"\n" {
		t.Errorf("got %q, %v", content, err)
	}
	if err := f.withdraw(); err != nil {
		t.Fatal(err)
	}
	if err := f.withdraw(); err != nil {
		t.Errorf("a file that is gone already: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestReadyFileRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := readyFile(dir).clear(); !errors.Is(err, errNotRegular) {
		t.Errorf("a directory: %v", err)
	}
	if err := readyFile(filepath.Join(dir, "none", "ready")).clear(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
