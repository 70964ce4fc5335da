package redact

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/dbuswire"
)

// FuzzArgv: of a command line as many arguments stay as there were, and what is
// asked for twice is done once; the arguments that were given are not touched.
func FuzzArgv(f *testing.F) {
	f.Add("mysql\x00--password\x00hunter2\x00-phunter2")
	f.Add("postgres: writer secret\x00\x00")
	f.Add("curl\x00-H\x00Authorization: Bearer x\x00https://u:p@h/")
	f.Add("x\x00k=0123456789abcdef0123456789abcdef\x00-----BEGIN\xff")
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, block string) {
		argv := strings.Split(block, "\x00")
		before := slices.Clone(argv)
		for _, mode := range []Mode{Secrets, All} {
			got := argvOf(mode, argv...)
			if !slices.Equal(argv, before) {
				t.Fatalf("%q became %q", before, argv)
			}
			if len(got) != len(argv) {
				t.Fatalf("%s: %q became %q", mode, argv, got)
			}
			if again := argvOf(mode, got...); mode == All && !slices.Equal(again, got) {
				t.Fatalf("%s: %q became %q, and that %q", mode, argv, got, again)
			}
			if n, most := len(strings.Join(got, "")), len(block)*(1+len(mark)); n > most+len(mark)*len(argv) {
				t.Fatalf("%s: %d bytes became %d", mode, len(block), n)
			}
			for i, arg := range got[1:] {
				if mode == All && arg != mark {
					t.Fatalf("%q is left of %q", arg, argv[i+1])
				}
			}
		}
	})
}

// FuzzMessage: a message is cut and not changed, and what it asks to be started
// stays, for that is what causes are found by.
func FuzzMessage(f *testing.F) {
	f.Add([]byte("l\x01\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("B\x01\x00\x01\xff\xff\xff\xff\x00\x00\x00\x01\x00\x00\x00\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		in := event.Event{Body: &event.BusMessage{Data: data}}
		got := New(All, nil).Event(in).Body.(*event.BusMessage).Data
		if !bytes.Equal(data, before) || !bytes.HasPrefix(data, got) {
			t.Fatalf("%q became %q", before, got)
		}
		again := New(All, nil).Event(event.Event{Body: &event.BusMessage{Data: got}}).Body.(*event.BusMessage).Data
		if !bytes.Equal(got, again) {
			t.Fatalf("%q became %q, and that %q", before, got, again)
		}
		whole, err := dbuswire.Parse(data)
		if err != nil {
			return
		}
		cut, _ := dbuswire.Parse(got)
		if diff := cmp.Diff(asks(&whole), asks(&cut)); diff != "" {
			t.Fatalf("what is asked for (-before +after):\n%s", diff)
		}
	})
}

// asks is what a message asks to be started.
func asks(m *dbuswire.Message) []string {
	method, units, mode, _ := dbuswire.StartJob(m)
	activated, _ := dbuswire.ActivationRequest(m)
	wanted, _ := dbuswire.WantedName(m)
	return append(slices.Clone(units), method, mode, activated, wanted)
}
