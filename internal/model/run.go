package model

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Tally sums up the verdicts on many histories.
type Tally struct {
	Histories, Creations uint64
	Verdicts             map[verdict]uint64
	// Reasons counts the unknown by reason.
	Reasons map[string]uint64
	// Knowable and Known count the creations that can be known, and those of them
	// that are, by the kind of cause.
	Knowable, Known map[causeKind]uint64
	// Kinds counts all creations by the kind of cause, Doubts why some can't be known.
	Kinds  map[causeKind]uint64
	Doubts map[string]uint64
	// Failed has the seeds of the histories that failed, by the kind of failure.
	Failed map[string][]uint64
}

// NewTally returns an empty one.
func NewTally() *Tally {
	return &Tally{
		Verdicts: make(map[verdict]uint64), Reasons: make(map[string]uint64), Knowable: make(map[causeKind]uint64),
		Known: make(map[causeKind]uint64), Kinds: make(map[causeKind]uint64), Doubts: make(map[string]uint64),
		Failed: make(map[string][]uint64),
	}
}

func (t *Tally) add(h *history) {
	t.Histories++
	if key := h.failure(); key != "" {
		t.Failed[key] = append(t.Failed[key], h.plan.Seed)
	}
	for _, j := range h.judged {
		t.Creations++
		t.Verdicts[j.verdict]++
		t.Kinds[j.truth.cause]++
		if j.verdict == unknown {
			t.Reasons[string(j.said.Origin.Why.Code)]++
		}
		if j.truth.doubt != "" {
			t.Doubts[j.truth.doubt]++
			continue
		}
		t.Knowable[j.truth.cause]++
		if j.verdict == right {
			t.Known[j.truth.cause]++
		}
	}
}

// Add adds another tally.
func (t *Tally) Add(other *Tally) {
	t.Histories += other.Histories
	t.Creations += other.Creations
	addAll(t.Verdicts, other.Verdicts)
	addAll(t.Reasons, other.Reasons)
	addAll(t.Knowable, other.Knowable)
	addAll(t.Known, other.Known)
	addAll(t.Kinds, other.Kinds)
	addAll(t.Doubts, other.Doubts)
	for key, seeds := range other.Failed {
		t.Failed[key] = append(t.Failed[key], seeds...)
	}
}

func addAll[K comparable](to, from map[K]uint64) {
	for k, n := range from {
		to[k] += n
	}
}

// wanted is how much of what can be known must be, in percent, and enough how many
// creations of a kind must be knowable among very many histories.
const (
	wanted = 99
	enough = 1000
	many   = 500_000
)

// Short says where the tally falls short of what is wanted, empty if nowhere.
func (t *Tally) Short() string {
	var short []string
	for k := byItself; k <= byFailure; k++ {
		n := t.Knowable[k]
		if 100*t.Known[k] < wanted*n {
			short = append(short, fmt.Sprintf("%s: only %s known", causeNames[k], percent(t.Known[k], n)))
		}
		if t.Histories >= many && n < enough {
			short = append(short, fmt.Sprintf("%s: only %d that can be known", causeNames[k], n))
		}
	}
	return strings.Join(short, ", ")
}

// maxSeeds is how many seeds of a kind of failure are reported.
const maxSeeds = 20

// Seeds tells the seeds of the histories that failed, a line for each kind of failure.
func (t *Tally) Seeds() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(t.Failed)) {
		seeds := t.Failed[key]
		slices.Sort(seeds)
		fmt.Fprintf(&b, "%d histories: %s: seeds %v\n", len(seeds), key, seeds[:min(len(seeds), maxSeeds)])
	}
	return b.String()
}

// Details are the counts behind the line.
func (t *Tally) Details() string {
	kinds := make(map[string]uint64)
	for k, n := range t.Kinds {
		kinds[causeNames[k]] = n
	}
	return fmt.Sprintf("%d creations (%s), %d marked, not to be known: %s", t.Creations, counts(kinds), t.Verdicts[marked], counts(t.Doubts))
}

// String is the line that sums it up.
func (t *Tally) String() string {
	var knowable, known uint64
	var kinds []string
	for k := byItself; k <= byFailure; k++ {
		n := t.Knowable[k]
		if n == 0 {
			continue
		}
		knowable, known = knowable+n, known+t.Known[k]
		kinds = append(kinds, fmt.Sprintf("%s %s of %d", causeNames[k], percent(t.Known[k], n), n))
	}
	return fmt.Sprintf("%d histories, %d wrong, %d unmarked, %d doubted needlessly, %d not told apart, %s unknown (%s), of the knowable %s known (%s)",
		t.Histories, t.Verdicts[wrong], t.Verdicts[unmarked], t.Verdicts[needless], t.Verdicts[apart], percent(t.Verdicts[unknown], t.Creations), counts(t.Reasons),
		percent(known, knowable), strings.Join(kinds, ", "))
}

func percent(n, of uint64) string { return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(max(1, of))) }

func counts(m map[string]uint64) string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return int(m[b]) - int(m[a]) })
	var parts []string
	for _, k := range keys {
		parts = append(parts, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(parts, ", ")
}

// Failure is a history with an answer that must not be.
type Failure struct {
	Seed uint64
	Plan *Plan
	Text string
	// Key names its kind.
	Key string
}

// Drawing makes a plan from a seed: Draw or DrawFocused.
type Drawing func(seed uint64) *Plan

// Run carries out the histories of seeds, from first on, and returns the first
// failure of each kind, shrunk. most bounds them.
func Run(draw Drawing, first, n uint64, most int) (*Tally, []Failure) {
	t, w := NewTally(), newWire()
	var failures []Failure
	seen := make(map[string]bool)
	for seed := first; seed < first+n; seed++ {
		p := draw(seed)
		h := carryOut(p, w)
		t.add(h)
		key := h.failure()
		if key == "" || seen[key] || len(failures) >= most {
			continue
		}
		seen[key] = true
		small := shrink(p, w, key)
		failures = append(failures, Failure{Seed: seed, Plan: small, Text: carryOut(small, w).story(key), Key: key})
	}
	return t, failures
}

// failure names the first failure of a history, empty for none.
func (h *history) failure() string {
	if h.err != nil {
		return "error: " + h.err.Error()
	}
	for _, j := range h.judged {
		if key := j.failure(); key != "" {
			return key
		}
	}
	return ""
}

// failure names the failure by its kind.
func (j judged) failure() string {
	if j.verdict >= needless {
		rule := ""
		for _, l := range j.said.Links {
			if l.Cause != nil && l.Kind == "because" {
				rule = string(l.Code())
				break
			}
		}
		return fmt.Sprintf("%s, %s: %s for %s, said %s by %s", verdictNames[j.verdict], j.why, causeNames[j.truth.cause], j.truth.trigger, j.said.Origin.Trigger, rule)
	}
	return ""
}

// missed names what could have been known and was not.
func (j judged) missed() string {
	if j.verdict == right || j.truth.doubt != "" {
		return ""
	}
	return fmt.Sprintf("missed: %s for %s, said %s %s", causeNames[j.truth.cause], j.truth.trigger, j.said.Origin.Trigger, j.said.Origin.Why.Code)
}

// Missed returns a history of each kind in which something was not known that can be,
// shrunk.
func Missed(draw Drawing, first, n uint64, most int) []Failure {
	w := newWire()
	var list []Failure
	seen := make(map[string]bool)
	for seed := first; seed < first+n && len(list) < most; seed++ {
		p := draw(seed)
		for _, j := range carryOut(p, w).judged {
			key := j.missed()
			if key == "" || seen[key] {
				continue
			}
			seen[key] = true
			small := shrink(p, w, key)
			list = append(list, Failure{Seed: seed, Plan: small, Text: carryOut(small, w).story(key), Key: key})
		}
	}
	return list
}

// Print writes a failure as a story.
func (f *Failure) Print(w io.Writer) { fmt.Fprintf(w, "--- seed %d: %s\n%s\n", f.Seed, f.Key, f.Text) }
