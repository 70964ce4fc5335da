package model

import (
	"testing"
)

// histories is how many a test carries out: some 20 s of one core, and fewer under
// the race detector (race_test.go).
const histories = 20_000 / slower

// TestHistories holds what nsblame says of random histories against the truth. make
// model carries out more of them.
func TestHistories(t *testing.T) {
	tally, failures := Run(Draw, 1, histories, 3)
	t.Log(tally)
	t.Log(tally.Details())
	if short := tally.Short(); short != "" {
		t.Error("falls short: ", short)
	}
	for _, f := range failures {
		t.Errorf("seed %d: %s\n%s", f.Seed, f.Key, f.Text)
	}
}

// A plan is the same each time, and so is what comes of it.
func TestSameSeedSameHistory(t *testing.T) {
	for seed := range uint64(200) {
		first, second := carryOut(Draw(seed), newWire()), carryOut(Draw(seed), newWire())
		if a, b := first.story(""), second.story(""); a != b {
			t.Fatalf("seed %d differs:\n%s\n%s", seed, a, b)
		}
	}
}
