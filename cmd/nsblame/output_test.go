package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func TestGather(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	o := newOutput(w)
	flush := gather(o)
	write := func(text string) {
		t.Helper()
		if n, err := o.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	}
	read := func() string {
		t.Helper()
		buf := make([]byte, 2*maxHeld)
		n, err := r.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
	write("one\n")
	write("two\n")
	if err := errors.Join(flush(), flush()); err != nil {
		t.Fatal(err)
	}
	if got := read(); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
	long := strings.Repeat("x", maxHeld/2)
	done := make(chan string)
	go func() {
		all, _ := io.ReadAll(io.LimitReader(r, maxHeld))
		done <- string(all)
	}()
	write(long)
	write(long) // enough not to wait for more
	if got := <-done; got != long+long {
		t.Errorf("got %d bytes", len(got))
	}
	write("nobody reads it")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := flush(); !errors.Is(err, errOutputClosed) {
		t.Errorf("flush: %v", err)
	}
	if flush := gather(io.Discard); flush != nil {
		t.Error("something waits that is no file")
	}
}
