package scenario

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"time"
)

// DefaultArgs is nsblame's command line where a scenario gives none.
func DefaultArgs() []string { return []string{"trace", "--output", "json"} }

// Shares reports whether a run of nsblame can serve the scenario that serves
// others, too.
func (s *Scenario) Shares() bool { return s.Alone == "" && !s.needsOwnRun() }

// needsOwnRun reports whether the scenario looks at what a run of nsblame has
// only once: its command line, its end, its output as a text.
func (s *Scenario) needsOwnRun() bool {
	ownEnd := func(st Step) bool { return st.Exit }
	ofRun := func(b Block) bool { return slices.Contains([]string{"summary", "loss", "coverage"}, b.Type) }
	return s.AtBoot || s.User != "" || !slices.Equal(s.Args, DefaultArgs()) ||
		s.Expect.ExitCode != 0 || len(s.Expect.Stdout)+len(s.Expect.Stderr) > 0 ||
		slices.ContainsFunc(s.Expect.Blocks, ofRun) || slices.ContainsFunc(s.Steps, ownEnd) ||
		slices.ContainsFunc(s.scripts(), readsOutput)
}

// outputFile is how scripts name the files that nsblame writes to.
var outputFile = regexp.MustCompile(`\$\{?STD(OUT|ERR)\b`)

func readsOutput(s Script) bool { return outputFile.MatchString(s.Text) }

// scripts returns all scripts of the scenario.
func (s *Scenario) scripts() []Script {
	all := slices.Concat(s.Setup, s.Cleanup)
	for _, step := range s.Steps {
		for _, script := range []*Script{step.Run, step.Until} {
			if script != nil {
				all = append(all, *script)
			}
		}
	}
	return all
}

// ForSharing returns the scenario of a run that serves others: nothing is done
// in it, nsblame may print any creation, but must lose nothing and end in good
// order.
func ForSharing(name string, timeout time.Duration) *Scenario {
	return &Scenario{
		Name: name, Args: DefaultArgs(), Timeout: timeout,
		Expect: Expect{Blocks: []Block{{Type: "netns_create", More: true}}},
	}
}

// Cut returns the lines of nsblame's output that tell of the time from begin to
// end, in nanoseconds since boot, whenever they were printed.
func Cut(output []byte, begin, end uint64) []byte {
	slice := []byte{}
	for line := range bytes.Lines(output) {
		var at struct {
			BootNS *uint64 `json:"boot_ns"`
		}
		if json.Unmarshal(line, &at) == nil && at.BootNS != nil && begin <= *at.BootNS && *at.BootNS < end {
			slice = append(slice, line...)
		}
	}
	return slice
}
