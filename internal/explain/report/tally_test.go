package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func tallyOf(values []string) Tally {
	var t tallying
	for _, v := range values {
		t.add([]string{v})
	}
	return t.tally()
}

// A value that comes late and often is not lost behind many that came before.
func TestTallyOfLateValues(t *testing.T) {
	var values []string
	for i := range 1000 {
		values = append(values, fmt.Sprint("early ", i))
	}
	for range 500 {
		values = append(values, "late", "later")
	}
	got := tallyOf(values)
	want := []Counted{{[]string{"late"}, 500}, {[]string{"later"}, 500}}
	if diff := cmp.Diff(want, got.Values[len(got.Values)-2:]); diff != "" {
		t.Error(diff)
	}
	if len(got.Values) != maxTally || got.Others != 1000-(maxTally-2) {
		t.Errorf("%+v", got)
	}
}

// Of few different values the counts are exact, and the most frequent are shown
// in the order in which they came.
func TestTallyOfFewValues(t *testing.T) {
	got := tallyOf(strings.Split("abcdefghijkkdaa", ""))
	want := Tally{Others: 3}
	for _, v := range strings.Split("abcdefgk", "") {
		want.Values = append(want.Values, Counted{[]string{v}, uint64(strings.Count("abcdefghijkkdaa", v))})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := tallyOf(nil); got.Values != nil || got.Others != 0 {
		t.Errorf("%+v", got)
	}
}

// The bounds in the documentation of Tally.
func TestTallyBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// small numbers come more often than large ones
		drawn := rapid.SliceOfN(rapid.IntRange(0, 200), 1, 400).Draw(t, "values")
		often := make(map[string]uint64)
		var values []string
		for _, v := range drawn {
			name := fmt.Sprint(v * v / 200)
			values = append(values, name)
			often[name]++
		}
		got := tallyOf(values)
		n, sum := uint64(len(values)), got.Others
		shown := make(map[string]bool)
		for _, v := range got.Values {
			name := v.Value[0]
			shown[name] = true
			sum += v.Count
			if v.Count > often[name] || (often[name]-v.Count)*maxCounters > n || len(often) <= maxCounters && v.Count != often[name] {
				t.Fatalf("%s counts %d, came %d times of %d", name, v.Count, often[name], n)
			}
		}
		if sum != n {
			t.Fatalf("%d in all, want %d", sum, n)
		}
		for name, count := range often {
			if count*6 >= n && !shown[name] {
				t.Fatalf("%s came %d times of %d and is not shown", name, count, n)
			}
		}
	})
}
