package report

import (
	"math"
	"slices"
)

// maxHashes is how many hashes a distinct keeps: of fewer values the count is exact, of
// more it is within 5 % in 95 of 100 cases.
const maxHashes = 1 << 11

// Distinct is how many different values there were.
type Distinct struct {
	N uint64
	// Estimated is set if N is not exact.
	Estimated bool
}

// distinct counts different values in bounded room. It keeps the least of their hashes:
// how close together these are tells how many there are (Bar-Yossef and others, 2002).
type distinct struct{ least []uint64 }

// hash spreads the bytes of texts over 64 bits: FNV-1a, and a step that mixes the high
// bits in (Steele and others, SplitMix, 2014).
func hash(texts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, text := range texts {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
		h = (h ^ 0x100) * 1099511628211
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func (d *distinct) add(hash uint64) {
	full := len(d.least) == maxHashes
	if full && hash >= d.least[maxHashes-1] {
		return
	}
	at, known := slices.BinarySearch(d.least, hash)
	if known {
		return
	}
	if full {
		d.least = d.least[:maxHashes-1]
	}
	d.least = slices.Insert(d.least, at, hash)
}

func (d *distinct) merge(other *distinct) {
	for _, h := range other.least {
		d.add(h)
	}
}

func (d *distinct) count() Distinct {
	if len(d.least) < maxHashes {
		return Distinct{N: uint64(len(d.least))}
	}
	part := (float64(d.least[maxHashes-1]) + 1) / math.Exp2(64)
	return Distinct{N: uint64(math.Round((maxHashes - 1) / part)), Estimated: true}
}

func (d *distinct) size() uint64 { return 8 * uint64(cap(d.least)) }

// names are the names of many of a kind, as a pattern and a count.
type names struct {
	distinct
	pattern Pattern
}

// Names is what names have in common, with how many there are.
type Names struct {
	Pattern
	Distinct
}

func (n *names) add(name string) {
	n.distinct.add(hash(name))
	n.pattern.add(name)
}

func (n *names) merge(other *names) {
	n.distinct.merge(&other.distinct)
	n.pattern.merge(&other.pattern)
}

func (n *names) names() Names { return Names{Pattern: n.pattern, Distinct: n.count()} }
