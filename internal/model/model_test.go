package model

import (
	"testing"
)

// histories is how many a test carries out: some 20 s of one core, and fewer under
// the race detector (race_test.go).
const histories = 20_000 / slower

// tolerated is in how many creations one answer may be false as yet. What make model
// still finds are windows of a millisecond: two jobs of one unit between a request and
// its fork, a suspend between a call and its reading. Lower it, and never raise it.
const tolerated = 5000

// TestHistories holds what nsblame says of random histories against the truth. make
// model carries out more of them, and fails for a single false answer.
func TestHistories(t *testing.T) {
	tally, failures := Run(1, histories, 3)
	t.Log(tally)
	t.Log(tally.Details())
	if short := tally.Short(); short != "" {
		t.Error("falls short: ", short)
	}
	if n := tally.Verdicts[wrong] + tally.Verdicts[unmarked]; n*tolerated > tally.Creations+tolerated {
		t.Errorf("%d answers are false", n)
	}
	for _, f := range failures {
		if f.erred() || t.Failed() {
			t.Errorf("seed %d: %s\n%s", f.Seed, f.key, f.Text)
		}
	}
}

// A plan is the same each time, and so is what comes of it.
func TestSameSeedSameHistory(t *testing.T) {
	for seed := range uint64(20) {
		first, second := carryOut(Draw(seed), newWire()), carryOut(Draw(seed), newWire())
		if a, b := first.story(""), second.story(""); a != b {
			t.Fatalf("seed %d differs:\n%s\n%s", seed, a, b)
		}
	}
}
