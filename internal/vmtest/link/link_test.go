package link

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/vmtest/scenario"
)

func TestRoundTrip(t *testing.T) {
	messages := []*Message{
		{Hello: &Hello{Kernel: "6.1", Init: "systemd 252"}},
		{Output: &Output{Stderr: true, Data: []byte("\x00\xff\nx")}},
		{Started: "a"},
		{Outcome: &scenario.Outcome{Name: "a", Stdout: bytes.Repeat([]byte("line\n"), 1e5)}},
		{End: &End{ExitCode: 3, KernelWarnings: []string{"BUG: x"}}},
	}
	var port bytes.Buffer
	for _, m := range messages {
		if err := Write(&port, m); err != nil {
			t.Fatal(err)
		}
	}
	r := NewReader(&port)
	for _, want := range messages {
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestCorrupt(t *testing.T) {
	var port bytes.Buffer
	if err := Write(&port, &Message{Started: "a scenario"}); err != nil {
		t.Fatal(err)
	}
	whole := port.String()
	swapped := strings.Replace(whole, whole[20:22], whole[21:22]+whole[20:21], 1)
	for name, line := range map[string]string{
		"cut off":            whole[:len(whole)-5],
		"a byte is missing":  whole[:30] + whole[31:],
		"bytes are swapped":  swapped,
		"another line":       "Welcome to Debian\n",
		"something before":   "login: " + whole,
		"empty line":         "\n",
		"checksum of others": strings.Replace(whole, whole[8:16], "00000000", 1),
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := NewReader(strings.NewReader(line)).Next(); !errors.Is(err, ErrCorrupt) {
				t.Errorf("Next = %+v, %v, want ErrCorrupt", m, err)
			}
		})
	}
}
