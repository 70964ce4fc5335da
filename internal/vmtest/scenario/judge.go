package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Object is one object of nsblame's JSON output.
type Object = map[string]any

// parseObjects decodes JSON lines. Each must be an object with a type and a
// schema.
func parseObjects(output []byte) ([]Object, error) {
	var objects []Object
	n := 0
	for line := range bytes.Lines(output) {
		n++
		v, err := decodeJSON(string(line))
		if err != nil {
			return nil, fmt.Errorf("stdout, line %d is no JSON (%w): %.200q", n, err, line)
		}
		object, ok := v.(Object)
		if !ok {
			return nil, fmt.Errorf("stdout, line %d is no object: %.200q", n, line)
		}
		if _, ok := object["type"].(string); !ok {
			return nil, fmt.Errorf("stdout, line %d has no type: %.200q", n, line)
		}
		if _, ok := number(object["schema"]); !ok {
			return nil, fmt.Errorf("stdout, line %d has no schema: %.200q", n, line)
		}
		if !bytes.HasSuffix(line, []byte("\n")) {
			return nil, fmt.Errorf("stdout, line %d has no end", n)
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// Met reports whether the output so far holds what is waited for. An
// unfinished last line is left out.
func (w *EventWait) Met(output []byte, vars map[string]string) (bool, error) {
	objects, err := parseObjects(output[:bytes.LastIndexByte(output, '\n')+1])
	if err != nil {
		return false, err
	}
	checks, err := bindAll(w.Checks, vars)
	if err != nil {
		return false, err
	}
	n := 0
	for _, o := range objects {
		if o["type"] == w.Type && len(failing(checks, o)) == 0 {
			n++
		}
	}
	return n >= w.Count, nil
}

// crash matches what a Go program prints when it goes down.
var crash = regexp.MustCompile(`(?m)^panic:|^fatal error:|^goroutine \d+ \[|runtime error:`)

// Judge returns all that is wrong with the outcome; nothing if the scenario
// has passed.
func (s *Scenario) Judge(o *Outcome) []string {
	var failures []string
	for _, f := range o.InShared {
		failures = append(failures, "in a run of nsblame that served other scenarios, too: "+f)
	}
	failures = append(failures, o.Errors...)
	for _, w := range o.KernelWarnings {
		failures = append(failures, "the kernel complained: "+w)
	}
	if o.ExitCode != s.Expect.ExitCode {
		failures = append(failures, fmt.Sprintf("exit code is %d, expected %d", o.ExitCode, s.Expect.ExitCode))
	}
	if crash.Match(o.Stderr) {
		failures = append(failures, "nsblame crashed")
	}
	failures = append(failures, testText("stdout", s.Expect.Stdout, o.Stdout, o.Vars)...)
	failures = append(failures, testText("stderr", s.Expect.Stderr, o.Stderr, o.Vars)...)
	if s.printsJSON() {
		objects, err := parseObjects(o.Stdout)
		if err != nil {
			return append(failures, err.Error())
		}
		failures = append(failures, s.judgeObjects(objects, o)...)
	}
	return failures
}

func testText(name string, checks []TextCheck, text []byte, vars map[string]string) []string {
	var failures []string
	for _, c := range checks {
		if err := c.test(string(text), vars); err != nil {
			failures = append(failures, fmt.Sprintf("%s: %s: %v", name, c, err))
		}
	}
	return failures
}

func (s *Scenario) judgeObjects(objects []Object, o *Outcome) []string {
	var failures []string
	switch {
	case s.Expect.ExitCode != 0, o.Slice:
	case s.reports():
		if len(objects) != 1 || objects[0]["type"] != "report" {
			failures = append(failures, fmt.Sprintf("stdout must be one report, found %d objects", len(objects)))
		}
	default:
		failures = s.judgeSummary(objects)
	}
	var types []string
	for _, b := range s.Expect.Blocks {
		types = append(types, b.Type)
	}
	if s.Expect.ExitCode == 0 {
		types = append(types, accounted...)
	}
	slices.Sort(types)
	for _, typ := range slices.Compact(types) {
		failures = append(failures, s.judgeType(typ, objects, o.Vars)...)
	}
	for _, f := range s.Expect.Fields {
		if err := f.test(objects, o.Files); err != nil {
			failures = append(failures, fmt.Sprintf("line %d: %s of %s: %v", f.Line, f.Path, f.Type, err))
		}
	}
	return failures
}

// judgeSummary holds the closing object to what is true of every run: it is
// there, it counts what was printed, and nothing was lost (or for a list, left
// unseen) unless the scenario speaks of the summary itself.
func (s *Scenario) judgeSummary(objects []Object) []string {
	summaries := ofType(objects, "summary")
	if len(summaries) != 1 || objects[len(objects)-1]["type"] != "summary" {
		return []string{fmt.Sprintf("stdout must end with its only summary, found %d", len(summaries))}
	}
	checks := []string{fmt.Sprintf(".printed == %d", len(ofType(objects, "netns_create")))}
	switch {
	case s.lists():
		checks = []string{fmt.Sprintf(".listed == %d", len(ofType(objects, "netns")))}
		if !s.expects("summary") {
			checks = append(checks, ".incomplete == false")
		}
	case !s.expects("summary"):
		checks = append(checks, ".lost == 0")
	}
	var failures []string
	for _, text := range checks {
		c, err := parseCheck(text)
		if err == nil {
			var b bound
			if b, err = c.bind(nil); err == nil {
				err = b.test(summaries[0])
			}
		}
		if err != nil {
			failures = append(failures, fmt.Sprintf("summary: %s: %v", text, err))
		}
	}
	return failures
}

// lists reports whether nsblame lists what there is, in place of a stream.
func (s *Scenario) lists() bool { return s.Args[0] == "list" }

func ofType(objects []Object, typ string) []Object {
	var found []Object
	for _, o := range objects {
		if o["type"] == typ {
			found = append(found, o)
		}
	}
	return found
}

// judgeType holds the objects of a type against the blocks of that type. Each
// object must be accounted for by one block, each block must get its number.
func (s *Scenario) judgeType(typ string, objects []Object, vars map[string]string) []string {
	var blocks []Block
	var checks [][]bound
	for _, b := range s.Expect.Blocks {
		if b.Type != typ {
			continue
		}
		bs, err := bindAll(b.Checks, vars)
		if err != nil {
			return []string{fmt.Sprintf("%s: %v", b, err)}
		}
		blocks, checks = append(blocks, b), append(checks, bs)
	}
	found := ofType(objects, typ)
	fits := make([][]bool, len(blocks))
	for i := range blocks {
		fits[i] = make([]bool, len(found))
		for j, o := range found {
			fits[i][j] = len(failing(checks[i], o)) == 0
		}
	}
	taken := assign(blocks, fits, len(found))

	var failures []string
	for i, b := range blocks {
		got := 0
		for _, t := range taken {
			if t == i {
				got++
			}
		}
		if got < b.Min {
			failures = append(failures, fmt.Sprintf("%s: found %d%s", b, got, nearest(checks[i], found, func(j int) bool {
				return taken[j] < 0 || blocks[taken[j]].Min == 0
			})))
		}
	}
	return append(failures, unexpected(typ, blocks, checks, found, taken)...)
}

// unexpected describes the objects that no block has taken, the first few of
// them in full.
func unexpected(typ string, blocks []Block, checks [][]bound, found []Object, taken []int) []string {
	const inFull = 3
	var failures []string
	n := 0
	for j, o := range found {
		if taken[j] >= 0 {
			continue
		}
		if n++; n <= inFull {
			failures = append(failures, fmt.Sprintf("unexpected %s: %s%s", typ, describe(o), misses(blocks, checks, o)))
		}
	}
	if n > inFull {
		failures = append(failures, fmt.Sprintf("unexpected %s: %d more", typ, n-inFull))
	}
	return failures
}

// failing returns why the object does not fulfil the checks.
func failing(checks []bound, o Object) []string {
	var why []string
	for _, c := range checks {
		if err := c.test(o); err != nil {
			why = append(why, fmt.Sprintf("%s: %v", c, err))
		}
	}
	return why
}

// assign gives as many objects as possible to the blocks: taken[j] is the
// block of object j, or -1. It looks for augmenting paths, first from the
// places that must be filled, then from the objects that are left. Neither
// step takes back what the other has placed.
func assign(blocks []Block, fits [][]bool, objects int) (taken []int) {
	taken = slices.Repeat([]int{-1}, objects)
	room := func(i int) bool {
		n := 0
		for _, t := range taken {
			if t == i {
				n++
			}
		}
		return blocks[i].More || n < blocks[i].Min
	}
	// fill finds an object for block i, taking it from another block if that
	// one can have another.
	var fill func(i int, tried []bool) bool
	fill = func(i int, tried []bool) bool {
		for j := range taken {
			if !fits[i][j] || tried[j] || taken[j] == i {
				continue
			}
			tried[j] = true
			if taken[j] < 0 || fill(taken[j], tried) {
				taken[j] = i
				return true
			}
		}
		return false
	}
	for i, b := range blocks {
		for range b.Min {
			if !fill(i, make([]bool, objects)) {
				break
			}
		}
	}
	// place finds a block for object j, moving another object out of it if
	// that one fits elsewhere.
	var place func(j int, tried []bool) bool
	place = func(j int, tried []bool) bool {
		for i := range blocks {
			if !fits[i][j] || tried[i] {
				continue
			}
			tried[i] = true
			if room(i) {
				taken[j] = i
				return true
			}
			for k, t := range taken {
				if t == i && place(k, tried) {
					taken[j] = i
					return true
				}
			}
		}
		return false
	}
	for j := range taken {
		if taken[j] < 0 {
			place(j, make([]bool, len(blocks)))
		}
	}
	return taken
}

// nearest says what keeps the best of the objects that are left, or that a block
// has which needs none, from fulfilling the checks.
func nearest(checks []bound, objects []Object, left func(int) bool) string {
	var best []string
	for j, o := range objects {
		if why := failing(checks, o); left(j) && (best == nil || len(why) < len(best)) {
			best = why
		}
	}
	if best == nil {
		return ""
	}
	return "; the nearest misses\n\t" + strings.Join(best, "\n\t")
}

// misses says why an object belongs to none of the blocks.
func misses(blocks []Block, checks [][]bound, o Object) string {
	var b strings.Builder
	for i, block := range blocks {
		why := failing(checks[i], o)
		if why == nil {
			why = []string{"has its number already"}
		}
		fmt.Fprintf(&b, "\n\t%s: %s", block, strings.Join(why, "; "))
	}
	return b.String()
}

func describe(o Object) string {
	if p, ok := o["process"].(map[string]any); ok {
		return fmt.Sprintf("call %s, error %s, process %s", show(o["call"]), show(o["error"]), show(p))
	}
	return show(o)
}

// test returns nil if the field's values are what they must be.
func (f Field) test(objects []Object, files map[string][]byte) error {
	p, err := parsePath(f.Path)
	if err != nil {
		return err
	}
	var got []string
	for _, o := range ofType(objects, f.Type) {
		values, err := p.find(o)
		if err != nil {
			return err
		}
		for _, v := range values {
			if text, ok := v.(string); ok {
				got = append(got, text)
			} else {
				got = append(got, show(v))
			}
		}
	}
	slices.Sort(got)
	if f.File == "" {
		return distinct(got)
	}
	content, ok := files[f.File]
	if !ok {
		return fmt.Errorf("the scenario left no file %s", f.File)
	}
	want := strings.Fields(string(content))
	slices.Sort(want)
	return sameLists(got, want)
}

func distinct(sorted []string) error {
	if len(sorted) == 0 {
		return errors.New("no values")
	}
	for i := 1; i < len(sorted); i++ {
		if sorted[i] == sorted[i-1] {
			return fmt.Errorf("%s occurs more than once", sorted[i])
		}
	}
	return nil
}

// sameLists compares two sorted lists.
func sameLists(got, want []string) error {
	if slices.Equal(got, want) {
		return nil
	}
	missing, extra := difference(want, got), difference(got, want)
	return fmt.Errorf("%d values, expected %d; missing %.200s; not expected %.200s",
		len(got), len(want), strings.Join(missing, " "), strings.Join(extra, " "))
}

// difference returns what is in sorted list a but not in b, by number.
func difference(a, b []string) []string {
	var only []string
	for i, j := 0, 0; i < len(a); {
		switch {
		case j == len(b) || a[i] < b[j]:
			only = append(only, a[i])
			i++
		case a[i] == b[j]:
			i, j = i+1, j+1
		default:
			j++
		}
	}
	return only
}
