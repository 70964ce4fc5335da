package report

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func patternOf(texts ...string) string {
	var p Pattern
	for _, text := range texts {
		p.add(text)
	}
	return p.String()
}

func TestPattern(t *testing.T) {
	for _, tt := range []struct {
		texts []string
		want  string
	}{
		{[]string{"add"}, "add"},
		{[]string{"add", "add"}, "add"},
		{[]string{"chk-1f", "chk-1a"}, "chk-*"},
		{[]string{"chk-1f", "chk-1a", "other"}, "*"},
		{[]string{"ns17", "ns12"}, "ns*"},
		{[]string{"/run/a/12.json", "/run/a/17.json"}, "/run/a/*.json"},
		{[]string{"batch/report-29924160-56q8c", "batch/report-29924161-abcde"}, "batch/report-*"},
		{[]string{"a-a", "a-a-a"}, "a-*"},
		{[]string{"", "x"}, "*"},
	} {
		if got := patternOf(tt.texts...); got != tt.want {
			t.Errorf("%q: %q, expected %q", tt.texts, got, tt.want)
		}
	}
}

// A pattern matches each of its texts, in whatever order and in however many parts they
// came.
func TestPatternMatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[ab1./-]{0,6}`), 1, 8).Draw(t, "texts")
		var whole, first, second Pattern
		for i, text := range texts {
			whole.add(text)
			if i%2 == 0 {
				first.add(text)
			} else {
				second.add(text)
			}
		}
		first.merge(&second)
		for _, p := range []Pattern{whole, first} {
			for _, text := range texts {
				fits := text == p.Prefix
				if p.Varies {
					fits = len(text) >= len(p.Prefix)+len(p.Suffix) && strings.HasPrefix(text, p.Prefix) && strings.HasSuffix(text, p.Suffix)
				}
				if !fits {
					t.Fatalf("%q is not %q", text, p.String())
				}
			}
		}
	})
}

// Commands that differ in an argument are one cause with a pattern, whose figures are
// those of all. One that makes up a large part stays apart.
func TestAlikeCausesAreOne(t *testing.T) {
	s := newStory()
	const varied, same = 2000, 500
	for i := range uint32(varied) {
		s.create(uint64(i)*second, plain(2*i+100, cronPath, "ip", "netns", "add", fmt.Sprintf("chk-%04x", i*7919%65536)))
		if i%(varied/same) == 0 {
			s.create(uint64(i)*second+second/2, plain(2*i+101, cronPath, "ip", "netns", "add", "web"))
		}
	}
	r := s.Report()
	if len(r.Causes) != 2 {
		t.Fatalf("%d causes", len(r.Causes))
	}
	c := &r.Causes[0]
	if got := strings.Join(c.Command, " "); got != "ip netns add chk-*" || !c.Merged || c.Count != varied {
		t.Errorf("%d times %q", c.Count, got)
	}
	if c.Different.N != varied || c.Different.Estimated || len(c.Variants.Values) != maxTally {
		t.Errorf("%+v, %d shown", c.Different, len(c.Variants.Values))
	}
	if got := c.Recurrence.Interval.Median; got != second {
		t.Errorf("every %d", got)
	}
	if c := &r.Causes[1]; strings.Join(c.Command, " ") != "ip netns add web" || c.Merged || c.Count != same {
		t.Errorf("%d times %q", c.Count, c.Command)
	}
}

// A few causes that are alike stay apart.
func TestAFewAlikeStayApart(t *testing.T) {
	s := newStory()
	for i := range uint32(fewAlike) {
		s.create(uint64(i)*second, plain(i+100, cronPath, "ip", "netns", "add", fmt.Sprint("x", i)))
	}
	if r := s.Report(); len(r.Causes) != fewAlike || r.Causes[0].Merged || r.Causes[0].Similar != fewAlike-1 {
		t.Errorf("%d causes", len(r.Causes))
	}
}

// A cause that comes often is kept when there is no room for all, and the error is known.
func TestFrequentCausesStay(t *testing.T) {
	s := newStory()
	const rare, often = 20_000, 10
	var n uint32
	for i := range uint32(rare) {
		n++
		s.create(uint64(n), plain(n+100, cronPath, fmt.Sprintf("job%d", i)))
		if i%often == 0 {
			n++
			s.create(uint64(n), plain(n+100, cronPath, "often"))
		}
	}
	r := s.Report()
	if c := &r.Causes[0]; c.Command[0] != "often" || c.Count != rare/often || c.Before != 0 {
		t.Errorf("%d times %q, up to %d before", c.Count, c.Command, c.Before)
	}
	if r.Ungrouped == 0 || r.Uncertain == 0 || r.Uncertain > rare/1000 {
		t.Errorf("%d ungrouped, uncertain by %d", r.Ungrouped, r.Uncertain)
	}
}

func TestDistinct(t *testing.T) {
	for _, n := range []int{0, 1, 2047, 10_000, 300_000} {
		var whole, first, second distinct
		for i := range n {
			h := hash(fmt.Sprint("pod-", i))
			whole.add(h)
			whole.add(h)
			if i%3 == 0 {
				first.add(h)
			} else {
				second.add(h)
			}
		}
		first.merge(&second)
		for _, d := range []Distinct{whole.count(), first.count()} {
			off := float64(d.N)/float64(max(n, 1)) - 1
			if !d.Estimated && d.N != uint64(n) || d.Estimated && (n < maxHashes || off < -0.06 || off > 0.06) {
				t.Errorf("%+v of %d", d, n)
			}
		}
	}
}
