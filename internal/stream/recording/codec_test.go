package recording

import (
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/nsblame/nsblame/internal/event"
)

// Numbers of every length are decoded as encoding/binary does, wherever they stand.
func TestVarint(t *testing.T) {
	for bits := range 64 {
		for _, v := range []int64{1 << bits, 1<<bits - 1, -1 << bits, -1<<bits - 1} {
			number := binary.AppendVarint(nil, v)
			for behind := range 10 {
				buf := append(append([]byte{1}, number...), make([]byte, behind)...)
				for i := range behind {
					buf[1+len(number)+i] = 0xff
				}
				c := codec{mode: decoding, buf: buf, pos: 1}
				if got := int64(c.varint()); c.bad || got != v || c.pos != 1+len(number) {
					t.Fatalf("%d with %d bytes behind it: %d, bad %v, %d bytes taken", v, behind, got, c.bad, c.pos-1)
				}
			}
			for cut := range number {
				c := codec{mode: decoding, buf: number[:cut]}
				if c.varint(); !c.bad || len(c.rest()) > 0 {
					t.Fatalf("%d cut to %d bytes is taken", v, cut)
				}
			}
		}
	}
	for _, long := range []byte{2, 0xff} {
		c := codec{mode: decoding, buf: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, long, 0}}
		if c.varint(); !c.bad {
			t.Errorf("more than 64 bits are taken")
		}
	}
}

// Events that nobody keeps are not given out twice, and those of a bad record neither.
func TestPassingEventsAreApart(t *testing.T) {
	row := kinds[kindIndex[reflect.TypeFor[*event.Forget]()]]
	c := codec{mode: decoding}
	seen := make(map[any]bool)
	for range 3 * roomEvents {
		c.buf, c.pos, c.bad = nil, 0, false
		v := row.decode(&c)
		if seen[v] || !c.bad {
			t.Fatalf("%p again, bad %v", v, c.bad)
		}
		seen[v] = true
	}
}
