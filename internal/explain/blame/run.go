package blame

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/nsblame/nsblame/internal/event"
	"github.com/nsblame/nsblame/internal/explain/bounded"
	"github.com/nsblame/nsblame/internal/explain/finding"
	"github.com/nsblame/nsblame/internal/explain/lineage"
	"github.com/nsblame/nsblame/internal/explain/request"
)

// unitKey names a unit of a manager.
type unitKey struct {
	owner request.Owner
	unit  string
}

// run is one run of a unit, known by its first process.
type run struct {
	unitKey
	// first is the process that the manager forked, zero where it is not known.
	first event.ProcessID
	// cgroup is where it runs.
	cgroup event.CgroupID
	// below is set if that is a cgroup below the unit's own.
	below bool
	// at is a time by which it had begun.
	at uint64
}

// began is a time by which the run had begun, as early as it is known.
func (r run) began() uint64 {
	if r.first.StartNS != 0 {
		return min(r.at, r.first.StartNS)
	}
	return r.at
}

// same reports whether two runs of a unit are the same: by their first process,
// or where that is not known by their cgroup.
func (r run) same(other run) bool {
	if r.first.IsZero() || other.first.IsZero() {
		return r.cgroup == other.cgroup
	}
	return r.first == other.first
}

func (r run) question() event.Question { return r.ask(r.unit) }

// ask is a question about a unit that has to do with the run.
func (r run) ask(unit string) event.Question {
	return event.Question{Unit: unit, Manager: r.owner.Manager, UID: r.owner.UID, Run: r.first, Cgroup: r.cgroup}
}

// runningTypes are the types of units that have processes and settings for them (man
// systemd.exec).
var runningTypes = []string{".service", ".socket", ".mount", ".swap"}

// runOf tells in which run of which such unit a process is, by its cgroup and the
// process below the manager from which it descends.
func runOf(p *lineage.Process, ancestry []lineage.Process, at uint64) (run, bool) {
	pl := finding.Place(p)
	if !slices.Contains(runningTypes, path.Ext(pl.Unit)) || pl.Container != nil {
		return run{}, false
	}
	own := request.Owner{Manager: pl.Manager}
	if pl.Manager == event.ManagerUser {
		if !pl.HasOwner {
			return run{}, false
		}
		own.UID = pl.OwnerUID
	}
	return run{
		unitKey: unitKey{own, pl.Unit}, first: firstOf(p, ancestry, own), cgroup: p.CgroupID, at: at,
		below: !strings.HasSuffix(p.Cgroup, "/"+pl.Unit) && !strings.HasSuffix(p.Cgroup, "/_"+pl.Unit), // escaped
	}, true
}

// firstOf is the process in the line of descent that the manager forked, zero
// where that is not known.
func firstOf(p *lineage.Process, ancestry []lineage.Process, own request.Owner) event.ProcessID {
	below := p
	for i := range ancestry {
		if request.IsManager(&ancestry[i], own) {
			return below.ID
		}
		below = &ancestry[i]
	}
	return event.ProcessID{}
}

// maxRuns bounds the runs of one unit that are remembered.
const maxRuns = 16

// runs are the latest runs of each unit in which a namespace was made, in the
// order of time. Each must have a cause of its own.
type runs struct{ *bounded.Store[unitKey, []run] }

func newRuns() runs { return runs{bounded.NewStore[unitKey, []run](runBudget)} }

// note remembers a run, by the first creation in it.
func (m runs) note(r run) {
	list, _ := m.Get(r.unitKey)
	if slices.ContainsFunc(list, r.same) {
		return
	}
	list = append(slices.Clone(list), r)
	slices.SortStableFunc(list, func(x, y run) int { return cmp.Compare(x.began(), y.began()) })
	list = list[max(0, len(list)-maxRuns):]
	m.Put(r.unitKey, list, share(r.question()), uint64(len(list)*runSize+len(r.unit)))
}

// before is the run of the unit before this one, if one is known.
func (m runs) before(r run) (run, bool) {
	list, _ := m.Get(r.unitKey)
	for _, earlier := range slices.Backward(list) {
		if earlier.began() < r.began() && !earlier.same(r) {
			return earlier, true
		}
	}
	return run{}, false
}

// between counts the runs of the unit that were begun after this one, by a time.
func (m runs) between(r run, until uint64) int {
	list, _ := m.Get(r.unitKey)
	n := 0
	for _, later := range list {
		if forked := later.first.StartNS; forked > r.first.StartNS && forked <= until {
			n++
		}
	}
	return n
}

// firstSeen is when this run made its first namespace, 0 if it made none.
func (m runs) firstSeen(r run) uint64 {
	list, _ := m.Get(r.unitKey)
	for _, known := range list {
		if known.same(r) {
			return known.at
		}
	}
	return 0
}
