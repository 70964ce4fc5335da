package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/lineage"
)

// A process is written as it is now, however often it or others were written before.
func TestWrittenProcesses(t *testing.T) {
	var list []*lineage.Process
	for i := range uint32(12) {
		for _, comm := range []string{"a", strings.Repeat("b", 50), strings.Repeat("\x1b", maxWritten)} {
			p := lineage.Process{ID: event.ProcessID{PID: i % 5, StartNS: 1}, TID: i % 3, Comm: comm, Argv: []string{comm, fmt.Sprint(i)}}
			list = append(list, &p)
			list = append(list, &lineage.Process{ID: p.ID, TID: p.TID, Comm: comm, Exec: &p})
		}
	}
	e := encoder{written: &writtenProcesses{}}
	for i := range 2000 {
		p := list[i*i%len(list)]
		if i%3 > 0 {
			p = list[i%4]
		}
		p.Exited = i%7 == 0
		anew := encoder{}
		e.b = e.b[:0]
		for _, to := range []*encoder{&e, &anew} {
			to.open('[')
			processObject(to, p)
			processObject(to, p)
			to.close(']')
		}
		if string(e.b) != string(anew.b) {
			t.Fatalf("%d: %s, want %s", i, e.b, anew.b)
		}
	}
}
