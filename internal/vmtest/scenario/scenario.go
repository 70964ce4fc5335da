// Package scenario is the format of the files that say what is done in a test
// VM and what nsblame must answer, and the judge of the answer.
//
// The format is described in the README of package vmtest. Parse reads a file;
// Scenario.Judge compares an Outcome with it. Both are pure, so that they can
// be tested without a VM.
package scenario

import (
	"slices"
	"time"
)

// PlainBoot is the way of booting of a scenario that names none.
const PlainBoot = "plain"

// Scenario is one file.
type Scenario struct {
	// Name is the file's, without its directory and extension.
	Name string
	// About says why the scenario exists.
	About string
	// Draft says why the scenario is not part of the suite yet, empty if it is.
	Draft string `json:",omitempty"`
	// Boots name the ways of booting the guest under each of which the
	// scenario is run.
	Boots []string
	// Conditions are those under which a kernel or system can carry the
	// scenario at all.
	Conditions []Condition `json:",omitempty"`
	// Setup runs before nsblame starts.
	Setup []Script `json:",omitempty"`
	// Args is nsblame's command line without its name.
	Args []string
	// User runs nsblame, root if empty.
	User string `json:",omitempty"`
	// AtBoot is set if the nsblame under test is the one that the boot has
	// started.
	AtBoot bool `json:",omitempty"`
	// Alone says why no other scenario may share a run of nsblame with it,
	// empty if one may.
	Alone string `json:",omitempty"`
	// NoCorpus says why the recording is not for the corpus, empty if it is.
	NoCorpus string `json:",omitempty"`
	// Steps follow when nsblame is ready.
	Steps []Step `json:",omitempty"`
	// Cleanup runs at the end, whatever came before.
	Cleanup []Script `json:",omitempty"`
	// CPUs is how many the guest must have, 0 if that does not matter.
	CPUs int `json:",omitempty"`
	// Takes is about how long it takes, 0 if no longer than most.
	Takes time.Duration `json:",omitempty"`
	// Timeout bounds each step and the start and end of nsblame. It is
	// generous: what is waited for is a condition.
	Timeout time.Duration
	// Expect is what nsblame must answer.
	Expect Expect
}

// RunsUnder reports whether the scenario is run under a way of booting.
func (s *Scenario) RunsUnder(boot string) bool { return slices.Contains(s.Boots, boot) }

// Condition is something without which the scenario is skipped.
type Condition struct {
	// Reason says what is missing.
	Reason string
	// Script succeeds where nothing is.
	Script Script
}

// Script is a piece of bash.
type Script struct {
	// Line is where it stands in the file.
	Line int
	// User runs it, root if empty.
	User string `json:",omitempty"`
	// Text is the script.
	Text string
}

// Step is something to do or to wait for. Exactly one of the pointers is set,
// or Exit.
type Step struct {
	// Line is where it stands in the file.
	Line int
	// Run is run to its end and must succeed.
	Run *Script `json:",omitempty"`
	// Until is run again and again until it succeeds.
	Until *Script `json:",omitempty"`
	// Events waits for objects of nsblame's JSON output.
	Events *EventWait `json:",omitempty"`
	// Exit waits until nsblame ends by itself.
	Exit bool `json:",omitempty"`
}

// EventWait is a number of objects of one type that nsblame must have printed
// for the scenario to go on.
type EventWait struct {
	// Count is how many there must be at least.
	Count int
	// Type is their type.
	Type string
	// Checks are what each of them must fulfil.
	Checks []Check `json:",omitempty"`
}

// Outcome is what happened in the guest.
type Outcome struct {
	// Name is the scenario's.
	Name string
	// Skipped says why the scenario was not run, empty if it was.
	Skipped string `json:",omitempty"`
	// Errors are the failures of the scenario itself: a script that failed, a
	// condition that never came true.
	Errors []string `json:",omitempty"`
	// Slice is set if Stdout is the part of the output of a run of nsblame that
	// served other scenarios, too. It has no summary.
	Slice bool `json:",omitempty"`
	// InShared are the failures in such a run, and SharedStdout is the slice that
	// was judged. All else is of the scenario alone then, which followed.
	InShared     []string `json:",omitempty"`
	SharedStdout []byte   `json:",omitempty"`
	// ExitCode is nsblame's, -1 if a signal ended it.
	ExitCode int
	// Stdout and Stderr are what nsblame wrote.
	Stdout, Stderr []byte
	// Vars were written by the scripts to $VARS.
	Vars map[string]string
	// Files are those in the scenario's directory at its end.
	Files map[string][]byte
	// Recording is the stream that nsblame observed, nil if it was not recorded.
	Recording []byte `json:",omitempty"`
	// Scripts is what the scripts wrote, for people to read.
	Scripts []byte
	// KernelWarnings are the kernel's complaints meanwhile.
	KernelWarnings []string `json:",omitempty"`
	// Repeated is how often it was begun anew because the kernel had left out
	// a run of a probe.
	Repeated int `json:",omitempty"`
	// Duration is how long the scenario took in the guest.
	Duration time.Duration
}
