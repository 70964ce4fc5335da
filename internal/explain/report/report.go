package report

import (
	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/evidence"
	"github.com/nsblame/nsblame/internal/explain/finding"
)

// Report is what a stream tells about the creation of network namespaces.
type Report struct {
	// Host is the machine that was observed, nil if the stream doesn't say.
	Host *event.Host
	// ClockOffsetNS is CLOCK_REALTIME minus CLOCK_BOOTTIME in nanoseconds, as it
	// was last.
	ClockOffsetNS int64
	// From and Until bound what was observed, in nanoseconds since boot.
	From, Until uint64
	// Whole is set if the stream came to its end in good order. Running is set in a
	// snapshot of one that goes on.
	Whole, Running bool
	// Seen counts the creations that the kernel saw, tries that failed and those
	// that were lost included; if the stream has no end, those that are in it.
	Seen uint64
	// Selected counts those that passed the filters, Failed the failed tries
	// among them; FilteredOut those that did not pass.
	Selected, Failed, FilteredOut uint64
	// Causes are the root causes, the most frequent first.
	Causes []Cause
	// Rest is what a snapshot has not among Causes.
	Rest Rest
	// By says what the creations are grouped by in place of their cause.
	By By
	// Observed is how long was observed, in nanoseconds: From to Until, without what
	// lies between several recordings.
	Observed uint64
	// Uncertain bounds how many more creations a cause may have than it counts, because
	// there were too many causes to follow all.
	Uncertain uint64
	// Hosts are the machines of several recordings, the one with the most creations
	// first. There are none for one recording. Times are then since 1970.
	Hosts []Host
	// Ungrouped counts creations whose cause found no place among Causes,
	// because there were too many different ones.
	Ungrouped uint64
	// PernetInits are the modules that were loaded meanwhile and did something to the
	// namespaces that there were, in the order in which they first did so.
	// PernetInitsUngrouped counts those that found no place among them.
	PernetInits          []PernetInits
	PernetInitsUngrouped uint64
	// Endings tells whether the end of namespaces was seen.
	Endings Endings
	// Costed is set if it was asked for what creations are made of; Costs is that,
	// nil where nothing was measured.
	Costed bool
	Costs  *Costs
	// Suspects are the units that were there and created none.
	Suspects Suspects
	// Gaps is what could not be observed.
	Gaps Gaps
}

// Endings tells whether the end of namespaces was seen.
type Endings struct {
	// Seen is set if it was.
	Seen bool
	// Why says why not.
	Why Reason
	// Lost counts the ends that may have been missed: a namespace that seems to
	// be alive may not be.
	Lost uint64
}

// Gaps is all that was not observed, or can't be read any more.
type Gaps struct {
	// Lost counts what was lost, by kind.
	Lost map[event.LossKind]uint64
	// Dead are the probes that were not live.
	Dead []event.Coverage
	// Damage are the unreadable parts of a recording, the first ones; Damages
	// counts all of them, DamagedBlocks and DamagedBytes sum them up.
	Damage                               []event.Damage
	Damages, DamagedBlocks, DamagedBytes uint64
	// Cut counts creations of which something was not recorded whole.
	Cut uint64
	// BusCut counts the bus messages of which too little was captured to tell
	// what they ask for.
	BusCut uint64
}

// LostTotal sums up what was lost, of all kinds.
func (g *Gaps) LostTotal() uint64 {
	var n uint64
	for _, count := range g.Lost {
		n += count
	}
	return n
}

// UnitRef is a unit in which something was done, as a cause names it: parts of
// its name that change from run to run are left out.
type UnitRef struct {
	// Unit is the name. "*" stands for what was left out.
	Unit string
	// Pattern is set if something was left out.
	Pattern bool
	// Manager, OwnerUID and HasOwner are as in cgroup.Placement.
	Manager  event.Manager
	OwnerUID uint32
	HasOwner bool
}

// Host is a machine with what it did, in a report of several recordings.
type Host struct {
	// Name is its name, empty where that is not known; ID stands for the machine.
	Name, ID string
	// Recordings counts those of it.
	Recordings int
	// From and Until bound what was observed, in nanoseconds since 1970; Observed is
	// how long that was.
	From, Until, Observed uint64
	// Selected, Failed, FilteredOut, Alive, Ungrouped and Lost are as those of all.
	Selected, Failed, FilteredOut, Alive, Ungrouped, Lost uint64
	// Complete is set if nothing was lost, cut or not watched.
	Complete bool
}

// Cause is a root cause with all that it did.
type Cause struct {
	// ID stands for the cause in all snapshots of a collector, while it stays what it is.
	ID uint64
	// Recent is what it did lately, nil unless the collector watches.
	Recent *Recent
	// Number is its place among the causes by their counts, from 1.
	Number int
	// Grouped is what the creations have in common, where they are grouped by
	// something else than their cause.
	Grouped Grouped
	// Merged is set if it stands for causes that differ in arguments alone: Command
	// has "*" for what varies. Variants are the command lines, Different counts them.
	Merged    bool
	Variants  Tally
	Different Distinct
	// Pods are the pods for which it was done.
	Pods Names
	// Retried is set if one pod got a sandbox again and again and no container was
	// started in any of them.
	Retried bool
	// Before bounds how many more creations it had before it was counted.
	Before uint64
	// Hosts counts the creations by machine, in a report of several recordings.
	Hosts Tally
	// Trigger is the kind of beginning.
	Trigger finding.Trigger
	// Origin is the unit that it began in, without a Unit where there is none.
	Origin UnitRef
	// Guest is the unit of the service manager in a container that it began in, named
	// as in UnitRef; empty where there is none. It is the guest's word.
	Guest string
	// Command is the command line that it began with; empty where no command
	// did. Process ids and container ids in it that are the process's own are
	// left out, as "<pid>" and "<id>". Comm stands in for one that isn't known.
	Command          []string
	CommandTruncated bool
	Comm             string
	// UID is that process's user, if HasUID.
	UID    uint32
	HasUID bool
	// Why says, with an unknown trigger, where the evidence ends.
	Why finding.Reason
	// Creator is the unit in which the namespaces were made.
	Creator UnitRef
	// Settings are those of the creating unit that made the namespaces.
	Settings []event.UnitSetting
	// Activated is the bus name whose activation was asked for.
	Activated string
	// Restarted is the latest automatic restart, one of which it is known how the
	// run before ended if there is one; nil for other causes.
	Restarted *finding.Restart
	// For are the containers and pods for which it was done: "container" or "pod", and
	// its name.
	For Tally
	// Containers are those in which it was done, RunBy the command lines of the
	// parents of the process at the origin.
	Containers, RunBy Tally
	// Whom is for whom the namespaces were made, where that makes the cause.
	Whom Whom
	// Attempt is the highest that is known of a pod's sandboxes, counted from 0.
	Attempt *uint32
	// Similar counts the other causes that differ in nothing but the arguments
	// of the command.
	Similar int

	// Count counts the creations, Failed those that failed, Errors those by
	// their error number.
	Count, Failed uint64
	Errors        map[uint32]uint64
	// First and Last are the first and the last creation, since boot.
	First, Last uint64
	// Recurrence is how the creations are spread over time.
	Recurrence Recurrence
	// Lives and Intervals are nil unless KeepLives asked for them: the namespaces in
	// time, and how the intervals of Recurrence are spread.
	Lives     *Lives
	Intervals []Bin
	// Occupants are the command lines of those who moved in after others had made
	// the namespaces. Unreported counts those who moved in and were only counted.
	// Visits counts those who left again, or ended there, without a program of
	// their own.
	Occupants          Tally
	Visits, Unreported uint64
	// Life is how long the namespaces lived, from the creation to the last
	// reference; Teardown is how long the kernel took to free them.
	Life, Teardown Quantiles
	// Alive counts the namespaces that were not given up when the stream ended,
	// OldestAlive is when the oldest of them was created.
	Alive, OldestAlive uint64
	// Spent is the time that the creations took in the kernel.
	Spent []Spent
	// Costs is what they are made of, where that was asked for and measured.
	Costs *Costs
	// Evidence counts the creations by that of their origin.
	Evidence map[evidence.Evidence]uint64
	// Example is one of them with its chain: the first of those with the
	// strongest evidence.
	Example *finding.Attribution
	// Remedies are what ends it, and what that costs.
	Remedies []Remedy
}

// Spent is the time spent in a part of the creations.
type Spent struct {
	// What is Whole for all of it, or a subsystem.
	What string
	// Sum is in nanoseconds.
	Sum uint64
	Quantiles
}

// Whole stands in Spent for the creation as a whole.
const Whole = "creation"

// Complete reports whether nothing was lost, cut or not watched.
func (r *Report) Complete() bool {
	g := &r.Gaps
	return r.Whole && g.LostTotal() == 0 && len(g.Dead) == 0 && g.Damages == 0 && g.Cut == 0 && g.BusCut == 0 &&
		r.Endings.Seen && r.Endings.Lost == 0 && r.Ungrouped == 0
}
