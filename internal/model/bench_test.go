package model

import "testing"

func BenchmarkHistory(b *testing.B) {
	w := newWire()
	for i := range b.N {
		carryOut(Draw(uint64(i)), w)
	}
}
