package render

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/nsblame/nsblame/findings"
)

// A time of day is written as the layout says, whatever was written before.
func TestStamp(t *testing.T) {
	zones := []*time.Location{time.UTC, time.FixedZone("", 7200), time.FixedZone("", -5*3600-1800)}
	rapid.Check(t, func(t *rapid.T) {
		var s stamp
		for range rapid.IntRange(1, 6).Draw(t, "times") {
			second := rapid.OneOf(rapid.Int64Range(0, 1), rapid.Int64Range(-1<<37, 1<<40)).Draw(t, "second")
			at := time.Unix(second, rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).In(rapid.SampledFrom(zones).Draw(t, "zone"))
			if got, want := string(s.append([]byte("{"), at)), "{"+at.Format(findings.TimeLayout); got != want {
				t.Fatalf("%s, want %s", got, want)
			}
		}
	})
}
