package report

import (
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const second = uint64(1e9)

func quantilesOf(values []uint64) Quantiles {
	var s series
	for _, v := range values {
		s.add(v)
	}
	return s.quantiles()
}

func TestQuantilesProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Uint64(), 1, 50).Draw(t, "values")
		s := quantilesOf(values)
		if s.N != uint64(len(values)) || s.Min != slices.Min(values) || s.Max != slices.Max(values) {
			t.Fatalf("%+v of %v", s, values)
		}
		if !slices.IsSorted([]uint64{s.Min, s.Q1, s.Median, s.Q3, s.Max}) {
			t.Fatalf("not in order: %+v", s)
		}
		// as many lie on either side of each
		for _, q := range []struct {
			at   uint64
			part int
		}{{s.Q1, 1}, {s.Median, 2}, {s.Q3, 3}} {
			var below, above int
			for _, v := range values {
				if v < q.at {
					below++
				}
				if v > q.at {
					above++
				}
			}
			if 4*(below-1) > q.part*(len(values)-1) || 4*(above-1) > (4-q.part)*(len(values)-1) {
				t.Fatalf("%d below and %d above %d of %v", below, above, q.at, values)
			}
		}
		shuffled := slices.Clone(values)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if quantilesOf(shuffled) != s {
			t.Fatal("the order matters")
		}
	})
}

// A distribution that shifts after the first values is described as a whole.
func TestQuantilesOfAShift(t *testing.T) {
	const early, late = 70_000, 700_000
	var s series
	for range early {
		s.add(1e6)
	}
	for i := range uint64(late) {
		s.add(1e9 + i)
	}
	got := s.quantiles()
	if got.N != early+late || got.Min != 1e6 || got.Max != 1e9+late-1 || s.sum != early*1e6+late*1e9+late*(late-1)/2 {
		t.Errorf("%+v, sum %d", got, s.sum)
	}
	for name, q := range map[string]uint64{"lower quartile": got.Q1, "median": got.Median, "upper quartile": got.Q3} {
		if near := float64(q) / 1e9; near < 1-accuracy || near > 1+2*accuracy {
			t.Errorf("the %s is %d, where nine of ten values are about 1e9", name, q)
		}
	}
}

// The quantiles of many values are near those that exact ones would be.
func TestQuantilesOfMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		scale := rapid.SampledFrom([]uint64{1, 1000, 1e9, 1 << 62}).Draw(t, "scale")
		values := make([]uint64, maxExact+1+rapid.IntRange(0, 3000).Draw(t, "more"))
		for i := range values {
			values[i] = uint64(random.ExpFloat64() * float64(scale))
		}
		got := quantilesOf(values)
		slices.Sort(values)
		for k, q := range []uint64{got.Min, got.Q1, got.Median, got.Q3, got.Max} {
			at := k * (len(values) - 1)
			low, high := values[at/4], values[(at+3)/4]
			if float64(q) < float64(low)*(1-accuracy)-1 || float64(q) > float64(high)*(1+accuracy)+1 {
				t.Fatalf("quartile %d is %d, want %d to %d", k, q, low, high)
			}
		}
		rand.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		if quantilesOf(values) != got {
			t.Fatal("the order matters")
		}
	})
}
